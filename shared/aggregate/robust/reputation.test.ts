import { expect, test } from 'vitest';
import { seededRandom, shuffle } from '../../random/index.ts';
import { NEWCOMER, type Reputation, suspects, updateReputation, updateReputations } from './reputation.ts';

/** Of three newcomers, at ½ each: a spoiled group has a spoiler with chance 7/8, so that each is to blame with ½ / ⅞ = 4/7. */
test('blame for a spoiled group is shared by what is known, and the first round counts whole', () => {
  const first = updateReputations(new Map(), [{ members: ['a', 'b', 'c'], suspicion: 1, contribution: -3 }]);
  for (const id of ['a', 'b', 'c']) {
    expect(first.get(id)!.suspicion).toBeCloseTo(4 / 7, 12);
    expect(first.get(id)).toMatchObject({ contribution: -1, rounds: 1 });
  }
  const clean = updateReputations(new Map(), [{ members: ['a'], suspicion: 0 }]);
  expect(clean.get('a')).toEqual({ suspicion: 0.01, contribution: 0, rounds: 1 });
});

test('whoever is known to be honest is not blamed for its neighbour', () => {
  const before = new Map<string, Reputation>([
    ['honest', { suspicion: 0.01, contribution: 0, rounds: 9 }],
    ['liar', { suspicion: 0.9, contribution: 0, rounds: 9 }],
  ]);
  const after = updateReputations(before, [{ members: ['honest', 'liar'], suspicion: 1 }]);
  expect(after.get('honest')!.suspicion).toBeLessThan(0.02);
  expect(after.get('liar')!.suspicion).toBeGreaterThan(0.9);
  expect(before.get('liar')!.suspicion).toBe(0.9);
});

test('those in no group keep what they had', () => {
  const before = new Map([['a', NEWCOMER]]);
  expect(updateReputations(before, []).get('a')).toBe(NEWCOMER);
});

/** Twenty in groups of three, of which eighteen take part in a round. */
function afterRounds(rounds: number, liars: number, seed: string): Map<number, Reputation> {
  const random = seededRandom(seed);
  let reputations = new Map<number, Reputation>();
  for (let round = 0; round < rounds; round++) {
    const order = shuffle(
      Array.from({ length: 20 }, (_, i) => i),
      random,
    ) as number[];
    reputations = updateReputations(
      reputations,
      Array.from({ length: 6 }, (_, g) => {
        const members = order.slice(3 * g, 3 * g + 3);
        return { members, suspicion: members.some((id) => id < liars) ? 1 : 0 };
      }),
    );
  }
  return reputations;
}

test.each([
  [5, 20],
  [8, 40],
])('%d liars of 20 in groups of three stand out after %d rounds, for every seed', (liars, rounds) => {
  for (let seed = 0; seed < 20; seed++) {
    const reputations = afterRounds(rounds, liars, `reputation ${seed}`);
    const of = (isLiar: boolean) =>
      [...reputations].filter(([id]) => id < liars === isLiar).map(([, { suspicion }]) => suspicion);
    expect(Math.min(...of(true))).toBeGreaterThan(Math.max(...of(false)));
    if (liars === 5) expect(suspects(reputations).sort()).toEqual([0, 1, 2, 3, 4]);
  }
});

test('older rounds fade, so that whoever becomes honest is trusted again', () => {
  let reputation: Reputation = { suspicion: 0.99, contribution: 0, rounds: 500 };
  for (let round = 0; round < 50; round++) reputation = updateReputation(reputation, 0, 0);
  expect(reputation.suspicion).toBeCloseTo(0.99 * (49 / 50) ** 50, 6);
});

test('nobody is judged early, and never more than half of all', () => {
  const all = new Map(
    Array.from(
      { length: 4 },
      (_, i) => [i, { suspicion: 0.9 + i / 100, contribution: 0, rounds: 9 }] as const,
    ),
  );
  expect(suspects(all)).toEqual([3, 2]);
  expect(suspects(all, { most: 1 })).toEqual([3, 2, 1, 0]);
  expect(suspects(all, { rounds: 10 })).toEqual([]);
  expect(suspects(all, { above: 0.95 })).toEqual([]);
});

test('what is no suspicion, and a group of nobody, are refused', () => {
  const invalid = expect.objectContaining({ code: 'argument.invalid' });
  expect(() => updateReputations(new Map(), [{ members: ['a'], suspicion: 2 }])).toThrow(invalid);
  expect(() => updateReputations(new Map(), [{ members: [], suspicion: 0 }])).toThrow(invalid);
});
