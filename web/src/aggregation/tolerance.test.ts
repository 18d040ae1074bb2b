import { expect, it } from 'vitest';
import { parseFederation, sampleFederations } from '../../../shared/federation/index.ts';
import { toleranceOf, toleranceQuestion } from './tolerance.ts';

const grouped = parseFederation({
  ...sampleFederations[0]!,
  strategy: { type: 'fedavg', weighting: 'uniform', robust: { rule: { type: 'median' }, byzantine: 2 } },
  privacy: { secureAggregation: 'secagg' },
  cohort: { minParticipants: 20, groupSize: 4, maxParticipants: 40 },
});

it('asks about the groups that a document makes', () => {
  expect(toleranceQuestion(grouped, 20)).toEqual({ participants: 20, groupSize: 4, fewest: 3, byzantine: 2 });
});

/** Twenty in five groups of four, of which the median stands two; one liar spoils one group, two at most two. */
it('answers for each share of liars', () => {
  const { sizes, sittingOut, certainLiars, rows } = toleranceOf(toleranceQuestion(grouped, 20));
  expect(sizes).toEqual([4, 4, 4, 4, 4]);
  expect(sittingOut).toBe(0);
  expect(certainLiars).toBe(2);
  expect(rows.map(({ liars }) => liars)).toEqual([1, 2, 5, 8]);
  expect(rows.slice(0, 2).map(({ chanceBeyondRule }) => chanceBeyondRule)).toEqual([
    expect.closeTo(0, 12),
    expect.closeTo(0, 12),
  ]);
  expect(rows[3]!.chanceBeyondRule).toBeGreaterThan(0.99);
});

/** Four in two pairs, f = 0: two liars are one pair with one chance in three; a half of two groups is one. */
it('is the arithmetic of pairs', () => {
  const { rows } = toleranceOf({ participants: 4, groupSize: 2, fewest: 1, byzantine: 0 });
  expect(rows[3]).toEqual({
    share: 0.4,
    liars: 2,
    chanceBeyondRule: expect.closeTo(1, 12),
    chanceOfMajority: 1,
  });
  expect(rows[0]).toMatchObject({ liars: 0, chanceBeyondRule: expect.closeTo(0, 12) });
});
