import { expect, test } from 'vitest';
import type { TokensSchema } from '../federation/index.ts';
import { textSplitter } from './text-splitter.ts';

const schema: TokensSchema = { kind: 'tokens', length: 3, vocabulary: 256, target: { type: 'next' } };
const text = (windows: Uint8Array[]): string[] => windows.map((window) => new TextDecoder().decode(window));

test('windows overlap by one byte, so that every byte but the first is predicted once', () => {
  expect(text(textSplitter(schema).push('abcdefgh'))).toEqual(['abcd', 'defg']);
});

test('pieces make the same windows as the whole', () => {
  const splitter = textSplitter(schema);
  expect(text([...'abcdefgh'].flatMap((piece) => splitter.push(piece)))).toEqual(['abcd', 'defg']);
  expect(text(splitter.push('ij'))).toEqual(['ghij']);
});

test('a text that ends too early makes none', () => {
  expect(textSplitter(schema).push('abc')).toEqual([]);
  expect(textSplitter(schema).push('')).toEqual([]);
});

test('characters beyond ASCII are several bytes', () => {
  // é is c3 a9, € is e2 82 ac.
  expect(textSplitter(schema).push('é€')).toEqual([Uint8Array.of(0xc3, 0xa9, 0xe2, 0x82)]);
});

test.each<[string, TokensSchema]>([
  ['a small vocabulary', { ...schema, vocabulary: 255 }],
  ['a label', { ...schema, target: { type: 'class', name: 'y', labels: ['a', 'b'] } }],
])('text is refused where the federation has %s', (_, other) => {
  expect(() => textSplitter(other)).toThrow(expect.objectContaining({ code: 'data.wrong-shape' }));
});
