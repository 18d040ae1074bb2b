import { describe, expect, test } from 'vitest';
import type { ParticipantId } from '../identity/index.ts';
import { degreeFor } from './degree.ts';
import { DEGREE_GOALS, MAX_COHORT, neighbourhoodsOf } from './graph.ts';
import type { AttemptContext } from './types.ts';

const CONTEXT: AttemptContext = {
  run: 'run',
  attempt: { term: 1, round: 2, attempt: 3 },
  federationRevision: 4,
  baseHash: 'ab'.repeat(32),
};
const cohortOf = (n: number): ParticipantId[] =>
  Array.from({ length: n }, (_, i) => `participant-${String(i).padStart(10, '0')}` as ParticipantId);
const listOf = (n: number, context = CONTEXT, cohort = cohortOf(n)): (readonly number[])[] => {
  const { of } = neighbourhoodsOf(context, cohort);
  return cohort.map((_, i) => of(i));
};

describe('A-03: up to sixteen, everyone is everyone’s neighbour', () => {
  test.each([
    [2, 2],
    [3, 2],
    [4, 3],
    [9, 6],
    [10, 7],
    [16, 11],
  ])('of %d, %d shares give a secret', (n, threshold) => {
    const graph = neighbourhoodsOf(CONTEXT, cohortOf(n));
    expect(graph).toMatchObject({ complete: true, degree: n - 1, threshold });
    expect(graph.of(1)).toEqual(Array.from({ length: n }, (_, i) => i).filter((i) => i !== 1));
  });
});

describe.each([17, 40, 100, 101, 1000, MAX_COHORT])('of %d', (n) => {
  const graph = neighbourhoodsOf(CONTEXT, cohortOf(n));
  const lists = listOf(n);

  test('A-03: degree and threshold are those of the bounds', () => {
    expect(graph.complete).toBe(false);
    expect({ degree: graph.degree, threshold: graph.threshold }).toEqual(degreeFor(n, DEGREE_GOALS));
  });

  test('everyone has as many neighbours, ascending, without itself', () => {
    for (const [index, neighbours] of lists.entries()) {
      expect(neighbours).toHaveLength(graph.degree);
      expect(neighbours.every((other, i) => i === 0 || other > neighbours[i - 1]!)).toBe(true);
      expect(neighbours.includes(index)).toBe(false);
      expect(neighbours[0]! >= 0 && neighbours.at(-1)! < n).toBe(true);
    }
  });

  test('neighbours are mutual, and everyone is reached from the first', () => {
    const sets = lists.map((neighbours) => new Set(neighbours));
    expect(lists.every((neighbours, i) => neighbours.every((other) => sets[other]!.has(i)))).toBe(true);
    const seen = new Set([0]);
    for (const member of seen) for (const other of lists[member]!) seen.add(other);
    expect(seen.size).toBe(n);
  });
});

test('the graph of a context never changes', () => {
  expect(listOf(100)).toEqual(listOf(100));
  expect(neighbourhoodsOf(CONTEXT, cohortOf(1000)).of(0).slice(0, 8)).toEqual([7, 9, 16, 18, 19, 21, 22, 23]);
});

test('whatever the attempt is bound to changes the graph', () => {
  const before = JSON.stringify(listOf(100));
  const contexts: AttemptContext[] = [
    { ...CONTEXT, run: 'another' },
    { ...CONTEXT, attempt: { ...CONTEXT.attempt, term: 9 } },
    { ...CONTEXT, attempt: { ...CONTEXT.attempt, round: 9 } },
    { ...CONTEXT, attempt: { ...CONTEXT.attempt, attempt: 9 } },
    { ...CONTEXT, federationRevision: 9 },
    { ...CONTEXT, baseHash: 'cd'.repeat(32) },
  ];
  for (const context of contexts) expect(JSON.stringify(listOf(100, context))).not.toBe(before);
  expect(JSON.stringify(listOf(100, CONTEXT, cohortOf(101).slice(1)))).not.toBe(before);
});

test('over many attempts each pair is as likely as any other', () => {
  // 400 graphs: a pair is joined with probability 34/49; chi-square over the 49 pairs of the first member has at most
  // 48 degrees of freedom and exceeds 106 once in a million.
  const n = 50;
  const { degree } = neighbourhoodsOf(CONTEXT, cohortOf(n));
  const joined = new Float64Array(n);
  for (let attempt = 0; attempt < 400; attempt++) {
    const context = { ...CONTEXT, attempt: { ...CONTEXT.attempt, attempt } };
    for (const other of neighbourhoodsOf(context, cohortOf(n)).of(0)) joined[other]!++;
  }
  const p = degree / (n - 1);
  const deviations = joined.slice(1).map((count) => (count - 400 * p) ** 2 / (400 * p * (1 - p)));
  expect(deviations.reduce((sum, x) => sum + x)).toBeLessThan(106);
});

describe('bad input', () => {
  const refusal = expect.objectContaining({ code: 'argument.invalid' });

  test.each([0, 1, MAX_COHORT + 1])('a cohort of %d', (n) => {
    expect(() => neighbourhoodsOf(CONTEXT, cohortOf(n))).toThrow(refusal);
  });

  test('the same participant twice', () => {
    expect(() => neighbourhoodsOf(CONTEXT, [...cohortOf(20), cohortOf(1)[0]!])).toThrow(refusal);
  });

  test.each([-1, 1.5, 100])('the neighbours of member %d among ten or among a hundred', (index) => {
    expect(() => neighbourhoodsOf(CONTEXT, cohortOf(10)).of(index)).toThrow(refusal);
    expect(() => neighbourhoodsOf(CONTEXT, cohortOf(100)).of(index)).toThrow(refusal);
  });
});
