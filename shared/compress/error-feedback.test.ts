import { expect, test } from 'vitest';
import type { LocalUpdate, MaskedUpdate, NoisedUpdate } from '../update/index.ts';
import { keepLargest, sendPlainly } from './error-feedback.ts';
import { largestCoordinates, sparseTernary, topK } from './largest.ts';

const local = (...delta: number[]): LocalUpdate => ({
  layoutHash: 'layout',
  delta: Float32Array.from(delta),
  examples: 5,
});

test('Z-13: the largest by magnitude remain, and what is not sent comes with the next update', () => {
  const first = keepLargest(local(3, -4, 1, 0), undefined, 2);
  expect([...first.update.delta]).toEqual([3, -4, 0, 0]);
  expect([...first.residual]).toEqual([0, 0, 1, 0]);
  const second = keepLargest(local(0.5, 0, 1, 0.25), first.residual, 1);
  expect([...second.update.delta]).toEqual([0, 0, 2, 0]);
  expect([...second.residual]).toEqual([0.5, 0, 0, 0.25]);
});

test('Z-13: over rounds nothing is lost: what was sent and what is left are the sum of updates', () => {
  let residual: Float32Array | undefined;
  const sent = new Float64Array(16);
  for (let round = 0; round < 200; round++) {
    const update = local(...Array.from({ length: 16 }, (_, i) => (i + 1) / 16));
    const sparse = keepLargest(update, residual, 2);
    expect(sparse.update.delta.filter((value) => value !== 0)).toHaveLength(2);
    sparse.update.delta.forEach((value, i) => {
      sent[i]! += value;
    });
    residual = sparse.residual;
  }
  sent.forEach((value, i) => {
    expect(value + residual![i]!).toBeCloseTo((200 * (i + 1)) / 16, 3);
    // The smallest has its turn too.
    expect(value).toBeGreaterThan(0);
  });
});

test('Z-13: a sparse update is neither a local one nor one that may be masked: else this does not compile', () => {
  const { update } = keepLargest(local(1, 2), undefined, 1);
  // @ts-expect-error: it has to be said that nothing is masked.
  const same: LocalUpdate = update;
  // @ts-expect-error: not something to mask.
  const maskable: NoisedUpdate = update;
  // @ts-expect-error: nor what came of masking.
  const masked: MaskedUpdate = update;
  // @ts-expect-error: with secure aggregation it goes nowhere.
  sendPlainly(update, 'secagg');
  const plain: LocalUpdate = sendPlainly(update, 'none');
  expect([same, maskable, masked].every((one) => (one as unknown) === update)).toBe(true);
  expect([...plain.delta]).toEqual([0, 2]);
});

test('a residual of another model is refused', () => {
  expect(() => keepLargest(local(1, 2), new Float32Array(3), 1)).toThrow(
    expect.objectContaining({ code: 'update.wrong-length' }),
  );
});

test('the largest of any, those that come first of equal ones', () => {
  expect([...largestCoordinates([5, -7, 7, 0, 5], 3)]).toEqual([0, 1, 2]);
  expect([...largestCoordinates([1, 1, 1, 1], 2)]).toEqual([0, 1]);
  expect([...largestCoordinates([1, 2, 3], 0)]).toEqual([]);
  for (let length = 1; length < 60; length++) {
    const values = Array.from({ length }, (_, i) => ((i * 7919) % 31) - 15);
    const count = length >> 1;
    const sorted = values.map(Math.abs).sort((a, b) => b - a);
    const chosen = [...largestCoordinates(values, count)].map((i) => Math.abs(values[i]!));
    expect(chosen.sort((a, b) => b - a)).toEqual(sorted.slice(0, count));
  }
  expect(() => largestCoordinates([1], 2)).toThrow(expect.objectContaining({ code: 'argument.invalid' }));
});

test('top-k and its ternary form: signs times the mean magnitude (Sattler et al. 2019)', () => {
  expect([...topK([1, -5, 3, 0.5], 2)]).toEqual([0, -5, 3, 0]);
  expect([...sparseTernary([1, -5, 3, 0.5], 2)]).toEqual([0, -4, 4, 0]);
});
