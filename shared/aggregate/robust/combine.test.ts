import { describe, expect, test } from 'vitest';
import type { FixedPoint } from '../../compress/index.ts';
import type { RobustSpec } from '../../federation/index.ts';
import { sumSlices, type WeightedSlice } from '../sum.ts';
import { combineKept, combineRuleOf, fewest, needsOf } from './combine.ts';

/** A unit is a quarter. */
const encoding: FixedPoint = { fractionalBits: 2, clipNorm: 10, maxWeight: 1 };
const robust = (spec: Partial<RobustSpec>): RobustSpec => ({
  rule: { type: 'mean' },
  byzantine: 0,
  mixing: 'none',
  screening: 'none',
  ...spec,
});
const slice = (values: number[], weight = 1): WeightedSlice => ({ values: Int32Array.from(values), weight });
const code = (name: string) => expect.objectContaining({ code: name });
const median = robust({ rule: { type: 'median' } });

test('a plain mean is the exact sum, and needs no more', () => {
  expect(combineRuleOf(undefined, encoding)).toBe(sumSlices);
  expect(combineRuleOf(robust({}), encoding)).toBe(sumSlices);
  expect(combineRuleOf(robust({ screening: 'held-out' }), encoding)).toBe(sumSlices);
  expect([undefined, robust({}), median, robust({ normBound: 'median' })].map(needsOf)).toEqual([
    'sum',
    'sum',
    'individual',
    'individual',
  ]);
});

test('what comes out over the total weight is the rule over each over its own', () => {
  const combined = combineRuleOf(median, encoding)([slice([30, 0], 3), slice([80, -8], 4), slice([3, 6], 3)]);
  // Means are 10, 20, 1 and 0, −2, 2; medians 10 and 0, times 10.
  expect(combined).toEqual(slice([100, 0], 10));
});

test('to the nearest integer', () => {
  // Means ⅓, 1, 2 with medians 1; of ⅓, ⅓ and 2 it is ⅓, times 7 is 2⅓.
  expect(combineRuleOf(median, encoding)([slice([1], 3), slice([1], 3), slice([2], 1)])).toEqual(
    slice([2], 7),
  );
});

test.each<[RobustSpec['rule']['type'], number]>([
  ['trimmed-mean', 3],
  ['geometric-median', 3],
  ['krum', 3],
  ['multi-krum', 3],
  ['bulyan', 3],
  ['centred-clipping', 3],
  ['median', 3],
])('%s of updates that agree is what they agree on', (type, value) => {
  const rule = { type, iterations: 3 } as RobustSpec['rule'];
  const all = Array.from({ length: 7 }, () => slice([value, -value]));
  const lie = slice([4000, 4000]);
  const spec = robust({ rule, byzantine: 1 });
  expect(combineRuleOf(spec, encoding)(all)).toEqual(slice([7 * value, -7 * value], 7));
  expect(combineRuleOf(spec, encoding)([...all.slice(1), lie])).toEqual(slice([7 * value, -7 * value], 7));
  const mixed = robust({ rule, byzantine: 1, mixing: 'nearest-neighbours' });
  expect(combineRuleOf(mixed, encoding)([...all.slice(2), lie, ...all.slice(0, 1)]).weight).toBe(7);
});

test('lengths are of real vectors: a bound of 5 is 20 units', () => {
  const bounded = robust({ normBound: 5 });
  expect(combineRuleOf(bounded, encoding)([slice([12, 16]), slice([30, 40])])).toEqual(slice([24, 32], 2));
  const pulled = robust({ rule: { type: 'centred-clipping', radius: 1, iterations: 1 } });
  // From the median 8, within 4 units: 8 − 4/3 + 4/3.
  expect(combineRuleOf(pulled, encoding)([slice([-100]), slice([8]), slice([100])])).toEqual(slice([24], 3));
});

test('a mean of bounded norms weighs as the sum does', () => {
  const bounded = robust({ normBound: 1000 });
  const sums = [slice([3, 6], 3), slice([-8, 2], 2)];
  expect(combineRuleOf(bounded, encoding)(sums)).toEqual(sumSlices(sums));
});

describe('refused by name', () => {
  test('fewer than the rule needs, with the arithmetic', () => {
    const krum = combineRuleOf(robust({ rule: { type: 'krum' }, byzantine: 2 }), encoding);
    expect(() => krum([slice([1]), slice([1])])).toThrow(code('aggregate.too-few'));
    expect(() => krum([slice([1]), slice([1])])).toThrow(/n ≥ 2f \+ 3 = 7, received n = 2/);
    expect(fewest(robust({ rule: { type: 'bulyan' }, byzantine: 2 }))).toBe(11);
    expect(() => combineRuleOf(median, encoding)([])).toThrow(code('aggregate.too-few'));
  });

  test('weights of zero, lengths that differ', () => {
    const rule = combineRuleOf(median, encoding);
    expect(() => rule([slice([1], 0), slice([1], 0)])).toThrow(code('aggregate.bad-weight'));
    expect(() => rule([slice([1], -1), slice([1], 3)])).toThrow(code('aggregate.bad-weight'));
    expect(() => rule([slice([1]), slice([1, 2])])).toThrow(code('update.wrong-length'));
  });

  test('what does not fit 32 bits', () => {
    const large = () => slice([2 ** 30], 1);
    expect(() => combineRuleOf(median, encoding)([large(), large(), large()])).toThrow(
      code('update.overflow'),
    );
  });

  test('a length where updates are compressed', () => {
    const lattice = { kind: 'lattice' } as Parameters<typeof combineRuleOf>[1];
    expect(() => combineRuleOf(robust({ normBound: 1 }), lattice)).toThrow(/strategy.robust.normBound/);
    expect(combineRuleOf(robust({ normBound: 'median' }), lattice)([slice([4]), slice([6])])).toEqual(
      // 6 is pulled in to 5.
      slice([9], 2),
    );
  });
});

describe('after screening', () => {
  const sums = [slice([30], 3), slice([-900], 3), slice([36], 3), slice([33], 3)];
  const screened = robust({ rule: { type: 'median' }, byzantine: 1, screening: 'held-out' });

  test('the rule over those kept, or their mean where they are too few for it', () => {
    expect(combineKept(sums, [0, 2, 3], screened, encoding)).toEqual(slice([99], 9));
    expect(combineKept(sums, [0, 2], screened, encoding)).toEqual(slice([66], 6));
  });

  test('where nobody is kept, a step of no length', () => {
    expect(combineKept(sums, [], screened, encoding)).toEqual(slice([0], 12));
    expect(() => combineKept([], [], screened, encoding)).toThrow(code('aggregate.too-few'));
  });
});
