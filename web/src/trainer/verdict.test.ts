import { describe, expect, it } from 'vitest';
import { findVerdict, isLasting, type Verdict, withVerdict } from './verdict.ts';
import { parseVerdicts } from './verdict-memory.ts';

const key = { layoutHash: 'a', batchSize: 32, environment: 'browser 1' };
const verdict: Verdict = {
  ...key,
  federation: 'Digits',
  federationId: 'digits',
  atMs: 1,
  report: {
    name: 'wasm',
    msPerStep: 5,
    batchSize: 32,
    passedOver: [
      { name: 'webgl', why: 'slower', reason: 'It is slower.', msPerStep: 9 },
      { name: 'cpu', why: 'untried', reason: 'No need.' },
    ],
  },
};

describe('verdicts', () => {
  it('hold for the same model, batch and environment, and for no other', () => {
    expect(findVerdict([verdict], key)).toBe(verdict);
    expect(findVerdict([verdict], { ...key, layoutHash: 'b' })).toBeUndefined();
    expect(findVerdict([verdict], { ...key, batchSize: 64 })).toBeUndefined();
    expect(findVerdict([verdict], { ...key, environment: 'browser 2' })).toBeUndefined();
  });

  it('replace that of the same model on an older browser, and keep the others', () => {
    const other = { ...verdict, layoutHash: 'b' };
    const newer = { ...verdict, environment: 'browser 2' };
    expect(withVerdict([verdict, other], newer)).toEqual([newer, other]);
  });

  it('last, unless the moment may be to blame', () => {
    const candidates = [{ name: 'wasm' }, { name: 'cpu', lastResort: true }];
    expect(isLasting({ name: 'wasm' }, [], candidates)).toBe(true);
    expect(isLasting({ name: 'wasm' }, [{ transient: false }], candidates)).toBe(true);
    expect(isLasting({ name: 'wasm' }, [{ transient: false }, { transient: true }], candidates)).toBe(false);
    expect(isLasting({ name: 'cpu' }, [], candidates)).toBe(false);
  });

  it('are kept for the twenty newest models', () => {
    let verdicts: readonly Verdict[] = [];
    for (let i = 0; i < 25; i++) verdicts = withVerdict(verdicts, { ...verdict, layoutHash: `${i}` });
    expect(verdicts).toHaveLength(20);
    expect(verdicts[0]?.layoutHash).toBe('24');
  });

  it('come back from storage as they were, or not at all', () => {
    expect(parseVerdicts(structuredClone([verdict]))).toEqual([verdict]);
    expect(parseVerdicts(undefined)).toEqual([]);
    expect(parseVerdicts([{ ...verdict, report: 'wasm' }])).toEqual([]);
  });
});
