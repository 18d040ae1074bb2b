import { describe, expect, test } from 'vitest';
import type { ParticipantId } from '../identity/index.ts';
import { type SeededRandom, seededRandom } from '../random/index.ts';
import {
  commitmentTo,
  cutGroups,
  type DrawProof,
  drawSeed,
  findUnfair,
  groupable,
  nonceFrom,
  type ShownDraw,
} from './groups.ts';

const CONTEXT = { run: 'run', attempt: { term: 1, round: 2, attempt: 0 }, federationRevision: 1 };
const idsOf = (count: number): ParticipantId[] =>
  Array.from({ length: count }, (_, i) => `member-${String(i).padStart(15, '0')}` as ParticipantId);
const noncesOf = (ids: readonly ParticipantId[], entropy = '') =>
  ids.map((id) => nonceFrom('run', id, entropy));
const randomSeed = (random: SeededRandom) => Uint8Array.from({ length: 32 }, () => random.below(256));

describe('the seed', () => {
  const ids = idsOf(5);
  const nonces = noncesOf(ids);

  test('G-03: follows from context and nonces alone', () => {
    expect(drawSeed(CONTEXT, ids, nonces)).toEqual(drawSeed({ ...CONTEXT }, [...ids], [...nonces]));
    expect(drawSeed(CONTEXT, ids, nonces)).toHaveLength(32);
  });

  test.each([
    ['another run', { ...CONTEXT, run: 'other' }],
    ['another attempt', { ...CONTEXT, attempt: { term: 1, round: 2, attempt: 1 } }],
    ['another revision of the federation', { ...CONTEXT, federationRevision: 2 }],
  ])('G-03: %s gives another', (_, context) => {
    expect(drawSeed(context, ids, nonces)).not.toEqual(drawSeed(CONTEXT, ids, nonces));
  });

  test('G-03: nobody fixes it alone: with any one nonce chosen, the others spread it over all bytes', () => {
    const seen = Array.from({ length: 32 }, () => new Set<number>());
    for (let i = 0; i < 1000; i++) {
      const others = noncesOf(ids.slice(0, 4), `entropy ${i}`);
      drawSeed(CONTEXT, ids, [...others, nonces[4]!]).forEach((byte, at) => {
        seen[at]!.add(byte);
      });
    }
    // Of 256 values 1,000 draws miss 256 · (255/256)^1000 ≈ 5 on average; 30 would be a wonder.
    for (const values of seen) expect(values.size).toBeGreaterThan(226);
  });

  test('G-03: each nonce changes it, and so does leaving one out', () => {
    const seeds = ids.map((_, i) => drawSeed(CONTEXT, ids, nonces.with(i, new Uint8Array(32))).join());
    const fewer = ids.map((_, i) => drawSeed(CONTEXT, ids.toSpliced(i, 1), nonces.toSpliced(i, 1)).join());
    expect(new Set([...seeds, ...fewer, drawSeed(CONTEXT, ids, nonces).join()]).size).toBe(11);
  });
});

describe('the cut', () => {
  test.each([
    // members, groupSize, fewest, sizes
    [12, 4, 3, [4, 4, 4]],
    [13, 4, 3, [3, 3, 3, 4]],
    [17, 16, 3, [8, 9]],
    [16, 16, 3, [16]],
    [5, 4, 1, [2, 3]],
    [3, 2, 1, [1, 2]],
    [1, 4, 1, [1]],
    // One of five sits out: a group of two in a secure round would be no group.
    [5, 4, 3, [4]],
    [4, 3, 3, [3]],
    [8, 3, 3, [3, 3]],
    [2, 4, 3, []],
    [0, 4, 1, []],
  ])('G-04: %i in groups of at most %i and at least %i', (members, groupSize, fewest, sizes) => {
    const ids = idsOf(members);
    const groups = cutGroups(new Uint8Array(32), ids, { groupSize, fewest });
    expect(groups.map((group) => group.length).sort((a, b) => a - b)).toEqual(sizes);
    expect(groupable(members, { groupSize, fewest })).toBe(sizes.reduce((sum, size) => sum + size, 0));
    expect(new Set(groups.flat()).size).toBe(groups.flat().length);
    for (const group of groups) expect(group).toEqual([...group].sort());
    for (const id of groups.flat()) expect(ids).toContain(id);
  });

  test('G-04: the same seed cuts the same groups', () => {
    const seed = randomSeed(seededRandom('one'));
    const sizes = { groupSize: 4, fewest: 3 };
    expect(cutGroups(seed, idsOf(40), sizes)).toEqual(cutGroups(seed, idsOf(40), sizes));
    expect(cutGroups(randomSeed(seededRandom('two')), idsOf(40), sizes)).not.toEqual(
      cutGroups(seed, idsOf(40), sizes),
    );
  });

  test('G-04: everyone is with everyone else equally often, and in every group', () => {
    const [members, groupSize, draws] = [12, 4, 6000];
    const ids = idsOf(members);
    const random = seededRandom('uniformity');
    const together = new Float64Array(members * members);
    const places = new Float64Array(members * 3);
    for (let i = 0; i < draws; i++)
      cutGroups(randomSeed(random), ids, { groupSize, fewest: 3 }).forEach((group, g) => {
        const indices = group.map((id) => ids.indexOf(id));
        for (const a of indices) {
          places[a * 3 + g]! += 1;
          for (const b of indices) if (a < b) together[a * members + b]! += 1;
        }
      });
    // A pair is in one group with probability 3/11. With the three companions of each member fixed, the statistic is
    // 66/54 of a chi-square of 54 degrees of freedom: 145 is exceeded with a probability of 10^-6.
    const expected = (draws * 3) / 11;
    let pairs = 0;
    for (let a = 0; a < members; a++)
      for (let b = a + 1; b < members; b++) pairs += (together[a * members + b]! - expected) ** 2 / expected;
    expect(pairs / (1 - 3 / 11)).toBeLessThan(145);
    // Which group someone is in, with the sizes of groups fixed: 24/22 of one of 22 degrees; 70 with less than 10^-5.
    const each = draws / 3;
    expect(places.reduce((sum, count) => sum + (count - each) ** 2 / each, 0)).toBeLessThan(70);
  });

  test('G-04: who sits out is drawn too', () => {
    const random = seededRandom('sitting out');
    const out = new Map<ParticipantId, number>();
    const ids = idsOf(5);
    for (let i = 0; i < 1000; i++) {
      const taken = cutGroups(randomSeed(random), ids, { groupSize: 4, fewest: 3 }).flat();
      for (const id of ids) if (!taken.includes(id)) out.set(id, (out.get(id) ?? 0) + 1);
    }
    // 200 each, standard deviation 12.6.
    for (const id of ids) expect(Math.abs(out.get(id)! - 200)).toBeLessThan(65);
  });
});

describe('what is unfair', () => {
  const ids = idsOf(9);
  const nonces = noncesOf(ids);
  const sizes = { groupSize: 4, fewest: 3 };
  const self = ids[4]!;
  const shown: ShownDraw = {
    cohort: ids,
    commitments: ids.map((id, i) => commitmentTo('run', id, nonces[i]!)),
  };
  const fair: DrawProof = { cohort: ids, nonces };
  const groupsOf = ({ cohort, nonces }: DrawProof) =>
    cutGroups(drawSeed(CONTEXT, cohort, nonces), cohort, sizes);
  const claimOf = (proof: DrawProof) => {
    const groups = groupsOf(proof);
    const index = groups.findIndex((group) => group.includes(self));
    return { cohort: groups[index]!, index, count: groups.length };
  };
  const judge = (proof: DrawProof, claim = claimOf(proof)) =>
    findUnfair(CONTEXT, sizes, shown, proof, claim, self, nonces[4]!);

  test('G-05: groups that follow from what was committed to are fair, for all of them', () => {
    expect(judge(fair)).toBeUndefined();
    for (const [index, cohort] of groupsOf(fair).entries())
      for (const id of cohort)
        expect(
          findUnfair(CONTEXT, sizes, shown, fair, { cohort, index, count: 3 }, id, nonces[ids.indexOf(id)]!),
        ).toBeUndefined();
  });

  test('G-05: fair also without those who did not answer', () => {
    expect(judge({ cohort: ids.toSpliced(1, 2), nonces: nonces.toSpliced(1, 2) })).toBeUndefined();
  });

  test.each<[string, DrawProof, RegExp]>([
    [
      'a nonce that was not committed to',
      { cohort: ids, nonces: nonces.with(0, nonces[1]!) },
      /committed to/,
    ],
    [
      'someone who was not in the draw',
      { cohort: [...ids.slice(0, 8), idsOf(10)[9]!], nonces },
      /Others are in the groups/,
    ],
    ['someone twice', { cohort: [ids[0]!, ...ids.slice(0, 8)], nonces }, /Others are in the groups/],
    [
      'another order',
      { cohort: [...ids].reverse(), nonces: [...nonces].reverse() },
      /Others are in the groups/,
    ],
    ['a nonce too few', { cohort: ids, nonces: nonces.slice(1) }, /do not match/],
    ['its own nonce left out', { cohort: ids.toSpliced(4, 1), nonces: nonces.toSpliced(4, 1) }, /left out/],
  ])('G-05: %s', (_, proof, reason) => {
    expect(judge(proof, claimOf(fair))).toMatch(reason);
  });

  test('G-05: another cut, another group, another count', () => {
    const claim = claimOf(fair);
    const stranger = ids.find((id) => !claim.cohort.includes(id))!;
    const swapped = [...claim.cohort.filter((id) => id === self), stranger, ...claim.cohort.slice(2)].sort();
    expect(judge(fair, { ...claim, cohort: swapped })).toMatch(/not the one that the nonces say/);
    expect(judge(fair, { ...claim, index: (claim.index + 1) % 3 })).toMatch(
      /not the one that the nonces say/,
    );
    expect(judge(fair, { ...claim, index: 7 })).toMatch(/not the one that the nonces say/);
    expect(judge(fair, { ...claim, count: 2 })).toMatch(/not as many/);
  });

  test('G-05: a draw of another attempt', () => {
    const later = { ...CONTEXT, attempt: { term: 1, round: 2, attempt: 1 } };
    expect(findUnfair(later, sizes, shown, fair, claimOf(fair), self, nonces[4]!)).toMatch(/nonces say/);
  });

  test('G-01: a commitment hides its nonce, and binds run, participant and nonce', () => {
    const commitments = [
      commitmentTo('run', ids[0]!, nonces[0]!),
      commitmentTo('other', ids[0]!, nonces[0]!),
      commitmentTo('run', ids[1]!, nonces[0]!),
      commitmentTo('run', ids[0]!, nonces[1]!),
    ];
    expect(new Set(commitments.map((bytes) => bytes.join())).size).toBe(4);
    expect(new Set(noncesOf(ids).map((bytes) => bytes.join())).size).toBe(9);
    expect(nonceFrom('run', self, 'one')).not.toEqual(nonceFrom('run', self, 'two'));
  });
});
