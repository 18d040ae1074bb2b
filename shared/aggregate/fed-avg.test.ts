import { expect, test } from 'vitest';
import { layoutOf, makeModel } from '../update/index.ts';
import { applyFedAvg } from './fed-avg.ts';

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
