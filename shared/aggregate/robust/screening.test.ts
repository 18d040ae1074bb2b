import { expect, test } from 'vitest';
import { rankByLoss, screenGroups } from './screening.ts';

test('a loss that is no number is the worst', () => {
  expect(rankByLoss([Number.NaN, 3, Number.POSITIVE_INFINITY, 1, 3])).toEqual([3, 1, 4, 0, 2]);
});

/** Loss is the distance of the mean to 10, from 0. */
const lossTo10 = (steps: readonly number[]) => async (chosen: readonly number[]) =>
  Math.abs(10 - chosen.reduce((sum, index) => sum + steps[index]!, 0) / Math.max(1, chosen.length));

test('honest steps to either side make the best mean together, however many lie', async () => {
  const steps = [-40, 8, -40, 12, -40, -40, 10];
  const { kept, baseLoss, losses } = await screenGroups({ count: 7, lossOf: lossTo10(steps) });
  expect(kept).toEqual([1, 3, 6]);
  expect(baseLoss).toBe(10);
  expect(losses).toEqual([50, 2, 50, 2, 50, 50, 0]);
});

test('where everyone lies nobody is kept, and the model stays', async () => {
  const all = { count: 3, lossOf: lossTo10([-1, -2, 300]) };
  expect((await screenGroups(all)).kept).toEqual([]);
  expect((await screenGroups({ ...all, fewest: 1 })).kept).toEqual([0]);
});

test('who changes nothing makes nothing worse, and is kept where nobody does better', async () => {
  const still = { count: 3, lossOf: lossTo10([0, -5, 0]) };
  expect((await screenGroups(still)).kept).toEqual([0, 2]);
  expect((await screenGroups({ ...still, lossOf: lossTo10([0, 10, 0]) })).kept).toEqual([1]);
});

test('a model that comes to nothing is no reason to stop', async () => {
  const lossOf = async (chosen: readonly number[]) =>
    chosen.includes(0) ? Number.NaN : 2 - chosen.length / 2;
  expect((await screenGroups({ count: 3, lossOf })).kept).toEqual([1, 2]);
});

test('a loss that cannot be had fails the screening', async () => {
  const lossOf = () => Promise.reject(new Error('no examples'));
  await expect(screenGroups({ count: 2, lossOf })).rejects.toThrow('no examples');
});

test('nothing to screen is refused', async () => {
  await expect(screenGroups({ count: 0, lossOf: async () => 1 })).rejects.toMatchObject({
    code: 'argument.invalid',
  });
});
