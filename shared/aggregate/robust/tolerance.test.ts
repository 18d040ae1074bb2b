import { expect, test } from 'vitest';
import { type GroupQuestion, groupTolerance, sizesOfGroups } from './tolerance.ts';

const ask = (question: Partial<GroupQuestion>) =>
  groupTolerance({ participants: 4, liars: 1, groupSize: 2, fewest: 1, byzantine: 0, ...question });
const close = (values: readonly number[]) => values.map((value) => expect.closeTo(value, 12));

test('two liars among four in pairs are a pair with one chance in three', () => {
  expect(ask({ liars: 2 }).chances).toEqual(close([0, 1 / 3, 2 / 3]));
  expect(ask({ liars: 1 }).chances).toEqual(close([0, 1, 0]));
  expect(ask({ liars: 0 }).chances).toEqual(close([1, 0, 0]));
  expect(ask({ liars: 3 }).chances).toEqual(close([0, 0, 1]));
});

/** Of ten pairs among five, two are a pair of the draw, four have the one that sits out, four spoil both. */
test('whoever sits out spoils nothing', () => {
  const { sizes, sittingOut, chances } = ask({ participants: 5, liars: 2, fewest: 2 });
  expect(sizes).toEqual([2, 2]);
  expect(sittingOut).toBe(1);
  expect(chances).toEqual(close([0, 0.6, 0.4]));
});

/** Five of twenty in six groups of three: a group is clean with chance C(15, 3) / C(20, 3) = 455 / 1140. */
test('the mean number of spoiled groups is that of one group times their number', () => {
  const question = { participants: 20, groupSize: 3, fewest: 3, byzantine: 2 };
  const quarter = ask({ ...question, liars: 5 });
  expect(quarter.sizes).toEqual([3, 3, 3, 3, 3, 3]);
  expect(quarter.sittingOut).toBe(2);
  expect(quarter.meanSpoiled).toBeCloseTo(6 * (1 - 455 / 1140), 10);
  expect(quarter.mayLoseMajority).toBe(true);
  expect(quarter.chances.reduce((sum, chance) => sum + chance, 0)).toBeCloseTo(1, 12);
  expect(quarter.chanceWithinRule + quarter.chanceOfMajority).toBeCloseTo(1, 12);
  expect(quarter.chanceOfMajority).toBeGreaterThan(0.9);
  expect(quarter.certainLiars).toBe(2);
  expect(quarter.likelyLiars).toBe(2);
});

test('a rule that stands every group to be spoiled stands everyone', () => {
  expect(ask({ byzantine: 2 })).toMatchObject({ certainLiars: 4, likelyLiars: 4, mayLoseMajority: true });
  expect(ask({ byzantine: 1 })).toMatchObject({ certainLiars: 1, likelyLiars: 1 });
});

test('what is likely lies between what is certain and everyone', () => {
  const many = ask({ participants: 300, groupSize: 3, byzantine: 50, liars: 50 });
  expect(many.certainLiars).toBe(50);
  expect(many.likelyLiars).toBeGreaterThan(50);
  const within = (liars: number) =>
    ask({ participants: 300, groupSize: 3, byzantine: 50, liars }).chanceWithinRule;
  expect(within(many.likelyLiars)).toBeGreaterThanOrEqual(0.99);
  expect(within(many.likelyLiars + 1)).toBeLessThan(0.99);
});

/** Three liars among twenty in ten pairs: all three in groups of their own with chance 18/19 · 16/18 = 16/19. */
test('three liars in pairs', () => {
  const { chances, chanceWithinRule } = ask({ participants: 20, liars: 3, byzantine: 2 });
  expect(chances[3]).toBeCloseTo(16 / 19, 12);
  expect(chances[2]).toBeCloseTo(3 / 19, 12);
  expect(chanceWithinRule).toBeCloseTo(3 / 19, 12);
});

test('groups are as many and as large as a session cuts them', () => {
  expect(sizesOfGroups(20, 3, 3)).toEqual([3, 3, 3, 3, 3, 3]);
  expect(sizesOfGroups(17, 16, 3)).toEqual([8, 9]);
  expect(sizesOfGroups(16, 16, 3)).toEqual([16]);
  expect(sizesOfGroups(7, 3, 1)).toEqual([2, 2, 3]);
  expect(sizesOfGroups(2, 3, 3)).toEqual([]);
});

test('thousands of participants are no trouble, and still exact', () => {
  const { chances, meanSpoiled, sizes } = ask({
    participants: 3000,
    liars: 100,
    groupSize: 10,
    byzantine: 100,
  });
  expect(sizes).toHaveLength(300);
  expect(chances.reduce((sum, chance) => sum + chance, 0)).toBeCloseTo(1, 9);
  let clean = 1;
  for (let i = 0; i < 10; i++) clean *= (2900 - i) / (3000 - i);
  expect(meanSpoiled).toBeCloseTo(300 * (1 - clean), 6);
});

test('no group at all is lost to anyone', () => {
  expect(ask({ participants: 2, groupSize: 3, fewest: 3 })).toMatchObject({ sizes: [], chanceOfMajority: 1 });
});

test('more liars than participants are refused', () => {
  expect(() => ask({ liars: 5 })).toThrow(expect.objectContaining({ code: 'argument.invalid' }));
});
