import { describe, expect, test } from 'vitest';
import { type Encoding, type Grid, unrotateSum } from '../../compress/index.ts';
import { createRotation } from '../../compress/rotation.ts';
import { type Layout, layoutOf, type Model, makeModel } from '../../update/index.ts';
import type { WeightedSlice } from '../sum.ts';
import { fedAvg } from './fed-avg.ts';

const applyFedAvg = (
  from: Model,
  total: WeightedSlice,
  of: Layout,
  encoding: Encoding,
  learningRate: number,
) =>
  fedAvg({ optimizer: { type: 'sgd', momentum: 0, nesterov: false }, learningRate }).apply(
    from,
    total,
    of,
    encoding,
  );

const layout = layoutOf([{ name: 'w', shape: [3] }]);
const base = makeModel(4, layout, Float32Array.of(1, -1, 0));
/** One unit is 1/4 of one example's worth of weight. */
const fixedPoint = { fractionalBits: 2, clipNorm: 10, maxWeight: 100 };
const sum = (values: number[], weight: number) => ({ values: Int32Array.from(values), weight });

test('R-13: by hand: two participants of weight 1 and 3 moved by 0.5 and 1.5', () => {
  // 0.5 · 1 · 4 + 1.5 · 3 · 4 = 20; 20 / (4 · 4) = 1.25 = (0.5 · 1 + 1.5 · 3) / 4
  const model = applyFedAvg(base, sum([20, -20, 0], 4), layout, fixedPoint, 1);
  expect([...model.weights]).toEqual([2.25, -2.25, 0]);
});

test('R-13: the server learning rate scales the step', () => {
  expect([...applyFedAvg(base, sum([20, -20, 0], 4), layout, fixedPoint, 0.5).weights]).toEqual([
    1.625, -1.625, 0,
  ]);
});

test('R-13: one rounding to float32, of doubles', () => {
  const third = sum([1, 1, 1], 3);
  const { weights } = applyFedAvg(base, third, layout, fixedPoint, 1);
  expect([...weights]).toEqual([1 + 1 / 12, -1 + 1 / 12, 1 / 12].map(Math.fround));
});

test('R-04: the version is the next one, and the hash follows from the weights', () => {
  const model = applyFedAvg(base, sum([0, 0, 0], 4), layout, fixedPoint, 1);
  expect(model.version).toBe(5);
  expect(model.hash).toBe(base.hash);
});

test.each([
  ['no weight', sum([0, 0, 0], 0), 'round.too-few-participants'],
  ['another length', sum([0, 0], 1), 'update.wrong-length'],
])('M-06: %s is refused by name', (_, bad, code) => {
  expect(() => applyFedAvg(base, bad, layout, fixedPoint, 1)).toThrow(expect.objectContaining({ code }));
});

test('a model that leaves the floats is refused by name', () => {
  const large = makeModel(0, layout, Float32Array.of(3.4e38, 0, 0));
  const run = () =>
    applyFedAvg(large, sum([2 ** 30, 0, 0], 1), layout, { ...fixedPoint, fractionalBits: 0 }, 1e30);
  expect(run).toThrow(expect.objectContaining({ code: 'update.non-finite' }));
});

test('N-05 R-13: a sum on a grid is turned back, and a unit is 1 over its scale', () => {
  const grid: Grid = {
    kind: 'grid',
    clipNorm: 1,
    maxWeight: 1,
    dimension: 3,
    scale: 4,
    bits: 32,
    squaredNormLimit: 100,
    l2Sensitivity: 10,
    l1Sensitivity: 17,
    noiseVariance: 1,
    groupSumLimit: 1000,
    isNoised: true,
  };
  const values = Int32Array.of(40, -8, 12);
  const turned = unrotateSum(values, grid, base.hash);
  expect(Math.hypot(...turned)).toBeCloseTo(Math.hypot(...values), 9);
  const { weights } = applyFedAvg(base, { values, weight: 5 }, layout, grid, 0.5);
  // 0.5 · turned / (5 · 4)
  expect([...weights]).toEqual(
    [...base.weights].map((weight, i) => Math.fround(weight + turned[i]! * 0.025)),
  );
});

describe('a norm that follows updates', () => {
  const adaptive = { initial: 2, targetQuantile: 0.5, learningRate: 0.2, indicatorWeight: 0.5 };
  const grid: Grid = {
    kind: 'grid',
    adaptive,
    clipNorm: 1,
    maxWeight: 1,
    dimension: 4,
    scale: 2 ** 20,
    bits: 32,
    squaredNormLimit: 2 ** 42,
    l2Sensitivity: 2 ** 21,
    l1Sensitivity: 2 ** 22,
    noiseVariance: 1,
    groupSumLimit: 2 ** 31 - 1,
    isNoised: true,
  };
  /** Of so many survivors whose sum this is, rotated and rounded as they would. */
  const round = (from: Model, total: number[], weight: number, rate: number) => {
    const rotated = Float64Array.from(total);
    createRotation(4, from.hash).rotate(rotated);
    const values = Int32Array.from(rotated, (value) => Math.round(value * grid.scale));
    return applyFedAvg(from, { values, weight }, layout, grid, rate);
  };

  test('N-15: by hand: units of the norm become weights, and the last coordinate the next norm', () => {
    // Four survivors within a norm of 2: a mean of [0.5, 0, −0.25] is [1, 0, −0.5], and C becomes 2 · e^−0.1.
    const all = round(base, [2, 0, -1, 1], 4, 1);
    expect([...all.weights]).toEqual([2, -1, -0.5].map((weight) => expect.closeTo(weight, 4)));
    expect(all.clipNorm).toBeCloseTo(1.80967, 4);
    const none = round(base, [2, 0, -1, -1], 4, 1);
    expect(none.clipNorm).toBeCloseTo(2.21034, 4);
    expect(none.weights).toEqual(all.weights);
    expect(none.hash).not.toBe(all.hash);
  });

  test('N-14 N-15: the norm of the base counts where it has one; the server learning rate is for weights', () => {
    const later = makeModel(5, layout, base.weights, 8);
    const next = round(later, [2, 0, -1, 0], 4, 0.5);
    expect([...next.weights]).toEqual([3, -1, -1].map((weight) => expect.closeTo(weight, 4)));
    expect(next.clipNorm).toBeCloseTo(8, 4);
    expect(next.clipNorm).toBe(Math.fround(next.clipNorm!));
  });

  test('M-06: a sum without the last coordinate is refused by name', () => {
    expect(() => applyFedAvg(base, sum([1, 2, 3], 4), layout, grid, 1)).toThrow(
      expect.objectContaining({ code: 'update.wrong-length' }),
    );
  });

  test('N-16: elsewhere a norm that a model has from another document is dropped', () => {
    const later = makeModel(5, layout, base.weights, 8);
    expect('clipNorm' in applyFedAvg(later, sum([1, 2, 3], 4), layout, fixedPoint, 1)).toBe(false);
  });
});
