import { describe, expect, test } from 'vitest';
import type { AuditFacts } from './audit-log.ts';
import { checkFacts } from './facts.ts';

const refused = (facts: AuditFacts, path: string) =>
  expect(() => checkFacts('after', facts)).toThrow(
    expect.objectContaining({ code: 'argument.invalid', facts: expect.objectContaining({ path }) }),
  );

describe('V-03: what an entry of the audit may say', () => {
  test('identifiers, settings and numbers', () => {
    checkFacts('after', {
      id: 'abc',
      epsilon: 1.5,
      scopes: ['audit:read'],
      records: 12,
      update: true,
      config: { maxRounds: 3, layers: [128, 10], startAtMs: null, missing: undefined },
      rows: 0,
    });
  });

  test.each(['weights', 'record', 'prompt'])('nothing under %s but a number', (name) => {
    checkFacts('after', { [name]: 3 });
    refused({ [name]: 'x' }, `after.${name}`);
    refused({ deep: { [name]: [1] } }, `after.deep.${name}`);
  });

  test('names count however they are spelled', () => {
    refused({ PassWord: 'x' }, 'after.PassWord');
    refused({ key_material: 'x' }, 'after.key_material');
  });

  test('no vectors', () => {
    checkFacts('after', { layers: Array(32).fill(1) });
    refused({ layers: Array(33).fill(1) }, 'after.layers');
    refused({ layers: Array(33).fill(1).with(3, 'x') }, 'after.layers');
    refused({ value: new Float32Array(2) }, 'after.value');
    refused({ value: new ArrayBuffer(2) }, 'after.value');
  });

  test('no long texts, and no credentials under whatever name', () => {
    checkFacts('after', { reason: 'x'.repeat(512) });
    refused({ reason: 'x'.repeat(513) }, 'after.reason');
    refused({ reason: ['ok', 'x'.repeat(513)] }, 'after.reason[1]');
    refused({ note: 'used mk_abc_0123456789abcdefXYZ' }, 'after.note');
    refused({ note: 'Bearer eyJhbGciOiJub25l.e30.' }, 'after.note');
  });

  test('nothing that a database or canonical JSON cannot keep', () => {
    refused({ note: 'a\0b' }, 'after.note');
    refused({ note: '\ud800' }, 'after.note');
    refused({ 'a b': 1 }, 'after');
    refused({ value: Number.NaN }, 'after.value');
    refused({ value: new Date(0) }, 'after.value');
    refused({ a: { b: { c: { d: { e: { f: {} } } } } } }, 'after.a.b.c.d.e.f');
  });

  test('nothing that is large as a whole', () => {
    checkFacts('after', { participants: Array(1000).fill(`p_${'x'.repeat(22)}`) });
    refused({ participants: Array(3000).fill(`p_${'x'.repeat(22)}`) }, 'after');
  });

  test('the value is not repeated in what is thrown', () => {
    try {
      checkFacts('after', { password: 'hunter2' });
      expect.unreachable();
    } catch (thrown) {
      expect(JSON.stringify([thrown, String(thrown)])).not.toContain('hunter2');
    }
  });
});
