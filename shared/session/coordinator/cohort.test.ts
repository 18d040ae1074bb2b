import { expect, test } from 'vitest';
import type { ParticipantId } from '../../identity/index.ts';
import { drawCohort } from './cohort.ts';

const members = Array.from(
  { length: 100 },
  (_, i) => `member-${String(i).padStart(2, '0')}` as ParticipantId,
);

test('C-05: a cohort has so many different members, in the order of their ids', () => {
  const cohort = drawCohort(members, 10, 'entropy');
  expect(new Set(cohort).size).toBe(10);
  expect(cohort).toEqual([...cohort].sort());
  expect(cohort.every((id) => members.includes(id))).toBe(true);
});

test('C-05: too few members are all taken', () => {
  expect(drawCohort(members.slice(0, 3), 10, 'entropy')).toEqual(members.slice(0, 3));
});

test('C-05: who is drawn follows from the entropy, not from the order in which members came', () => {
  expect(drawCohort([...members].reverse(), 10, 'entropy')).toEqual(drawCohort(members, 10, 'entropy'));
  expect(drawCohort(members, 10, 'other entropy')).not.toEqual(drawCohort(members, 10, 'entropy'));
});

test('C-05: everyone is drawn equally often, and every pair equally often together', () => {
  const draws = 20_000;
  const single = new Array<number>(100).fill(0);
  // Pairs of neighbours only: 50 of them, so that each count is large enough for the test.
  const paired = new Array<number>(50).fill(0);
  for (let draw = 0; draw < draws; draw++) {
    const cohort = new Set(drawCohort(members, 10, `draw ${draw}`));
    members.forEach((id, i) => {
      if (cohort.has(id)) single[i]!++;
      if (i % 2 === 0 && cohort.has(id) && cohort.has(members[i + 1]!)) paired[i / 2]!++;
    });
  }
  // Each is drawn with probability 1/10, a pair with 10/100 · 9/99 = 1/110. Counts of one draw are tied together, so
  // the sum of squared deviations is scaled by the variance of a single count, p · (1 − p) per draw.
  const chiSquare = (counts: readonly number[], p: number) =>
    counts.reduce((sum, count) => sum + (count - draws * p) ** 2, 0) / (draws * p * (1 - p));
  // One in a million with 99 degrees of freedom: 180; with 50: 112. Far below is as suspicious as far above.
  expect(chiSquare(single, 1 / 10)).toBeLessThan(180);
  expect(chiSquare(single, 1 / 10)).toBeGreaterThan(45);
  expect(chiSquare(paired, 1 / 110)).toBeLessThan(112);
});
