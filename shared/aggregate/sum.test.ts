import { expect, test } from 'vitest';
import { seededRandom, shuffle } from '../random/index.ts';
import { sumSlices, type WeightedSlice } from './sum.ts';

const slice = (values: number[], weight: number): WeightedSlice => ({
  values: Int32Array.from(values),
  weight,
});

test('U-05: coordinates and weights are added', () => {
  expect(sumSlices([slice([1, -2, 3], 4), slice([10, 20, -30], 5), slice([0, 0, 1], 6)])).toEqual(
    slice([11, 18, -26], 15),
  );
});

test('what is added up stays as it was', () => {
  const first = slice([1], 1);
  sumSlices([first, slice([2], 1)]);
  expect(first).toEqual(slice([1], 1));
});

test('U-05: any order gives the same sum, and it is the sum of big integers', () => {
  const random = seededRandom('sum');
  const limit = Math.floor((2 ** 31 - 1) / 16);
  const slices = Array.from({ length: 16 }, () =>
    slice(
      Array.from({ length: 40 }, () => random.below(2 * limit + 1) - limit),
      1 + random.below(1000),
    ),
  );
  const exact = Array.from({ length: 40 }, (_, i) =>
    slices.reduce((sum, { values }) => sum + BigInt(values[i]!), 0n),
  );
  for (let times = 0; times < 20; times++) {
    const { values } = sumSlices(shuffle([...slices] as never[], random) as unknown as WeightedSlice[]);
    expect([...values].map(BigInt)).toEqual(exact);
  }
});

test('U-05: sixteen at the bound reach the end of 32 bits and no further', () => {
  const most = 2 ** 27 - 1;
  const { values } = sumSlices(Array.from({ length: 16 }, () => slice([most, -most], 1)));
  expect([...values]).toEqual([16 * most, -16 * most]);
});

test('nothing, and different lengths, are refused by name', () => {
  expect(() => sumSlices([])).toThrow(expect.objectContaining({ code: 'argument.invalid' }));
  expect(() => sumSlices([slice([1], 1), slice([1, 2], 1)])).toThrow(
    expect.objectContaining({ code: 'update.wrong-length' }),
  );
});
