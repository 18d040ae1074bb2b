import { expect, test } from 'vitest';
import { canonicalJson } from './canonical-json.ts';

test('members are sorted, white space and undefined members are gone', () => {
  expect(canonicalJson({ b: [1, 'ä', null], a: { d: true, c: undefined } })).toBe(
    '{"a":{"d":true},"b":[1,"ä",null]}',
  );
});

test('numbers are spelled the one way JSON spells them', () => {
  expect(canonicalJson([1e21, 0.1, -0, 100])).toBe('[1e+21,0.1,0,100]');
});

test('what JSON would change is refused, with its path', () => {
  expect(() => canonicalJson({ a: [0, Number.NaN] })).toThrow('value.a[1]');
  expect(() => canonicalJson({ a: new Uint8Array(1) })).toThrow('value.a');
  expect(() => canonicalJson([undefined])).toThrow('value[0]');
});
