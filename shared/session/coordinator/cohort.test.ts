import { describe, expect, test } from 'vitest';
import type { ParticipantId } from '../../identity/index.ts';
import type { DeviceReport } from '../../wire/index.ts';
import {
  type Candidate,
  drawCohort,
  drawLeastInvited,
  drawWeighted,
  resourceWeights,
  UNSEEN,
  withDuration,
} from './cohort.ts';

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

describe('C-50: weighted draws', () => {
  const three = members.slice(0, 3);
  const weightOf = (id: ParticipantId) => three.indexOf(id) + 1;

  test('follow from the entropy, have so many different members, in the order of their ids', () => {
    const draw = drawWeighted(members, 10, () => 1, 'entropy');
    expect(new Set(draw).size).toBe(10);
    expect(draw).toEqual([...draw].sort());
    expect(drawWeighted([...members].reverse(), 10, () => 1, 'entropy')).toEqual(draw);
    expect(drawWeighted(members, 10, () => 1, 'other entropy')).not.toEqual(draw);
    expect(drawWeighted(three, 10, weightOf, 'entropy')).toEqual(three);
  });

  test('the first with a probability of its weight over all, the next of its weight over what is left', () => {
    const draws = 20_000;
    const pairs = new Map<string, number>();
    const singles = [0, 0, 0];
    for (let i = 0; i < draws; i++) {
      const pair = drawWeighted(three, 2, weightOf, `draw ${i}`).join();
      pairs.set(pair, (pairs.get(pair) ?? 0) + 1);
      singles[three.indexOf(drawWeighted(three, 1, weightOf, `draw ${i}`)[0]!)]!++;
    }
    // Of weights 1, 2, 3 the pair (1, 2) is drawn as 1 then 2 or as 2 then 1: 1/6 · 2/5 + 2/6 · 1/4 = 3/20, and so on.
    const pairOf = (a: number, b: number) => pairs.get([three[a], three[b]].join()) ?? 0;
    const expectNear = (count: number, p: number) =>
      // Five standard deviations: one in two million.
      expect(Math.abs(count - draws * p)).toBeLessThan(5 * Math.sqrt(draws * p * (1 - p)));
    expectNear(pairOf(0, 1), 1 / 15 + 1 / 12);
    expectNear(pairOf(0, 2), 1 / 10 + 1 / 6);
    expectNear(pairOf(1, 2), 1 / 4 + 1 / 3);
    for (const [i, count] of singles.entries()) expectNear(count, (i + 1) / 6);
  });
});

describe('C-52: fairness', () => {
  test('whoever was invited least comes first', () => {
    const invitationsOf = (id: ParticipantId) => (members.indexOf(id) < 95 ? 3 : 2);
    expect(drawLeastInvited(members, 5, invitationsOf, 'entropy')).toEqual(members.slice(95));
  });

  test('ties are broken at random', () => {
    const draws = 4000;
    const counts = new Array<number>(10).fill(0);
    for (let i = 0; i < draws; i++)
      for (const id of drawLeastInvited(members.slice(0, 10), 3, () => 0, `draw ${i}`))
        counts[members.indexOf(id)]!++;
    const p = 3 / 10;
    for (const count of counts)
      expect(Math.abs(count - draws * p)).toBeLessThan(5 * Math.sqrt(draws * p * (1 - p)));
  });

  test('over many rounds everyone is invited equally often, to one', () => {
    const invitations = new Map(members.map((id) => [id, 0]));
    for (let round = 0; round < 37; round++)
      for (const id of drawLeastInvited(members, 7, (other) => invitations.get(other)!, `round ${round}`))
        invitations.set(id, invitations.get(id)! + 1);
    expect(new Set(invitations.values())).toEqual(new Set([2, 3]));
  });
});

describe('C-53: resources', () => {
  const [a, b, c] = members as [ParticipantId, ParticipantId, ParticipantId];
  const candidate = (change: Partial<Candidate> = {}): Candidate => ({
    seen: UNSEEN,
    examples: 100,
    device: undefined,
    ...change,
  });
  const seen = (trainMs: number, finished = 0, failed = 0) => ({ invitations: 0, finished, failed, trainMs });
  const report = { examplesPerSecond: null, charging: null, battery: null, metered: null };
  const weigh = (candidates: readonly [ParticipantId, Candidate][], epochs = 1) => [
    ...resourceWeights(new Map(candidates), epochs).values(),
  ];

  test('nothing known of anyone, all weigh the same', () => {
    expect(
      weigh([
        [a, candidate()],
        [b, candidate()],
      ]),
    ).toEqual([1, 1]);
  });

  test('twice as quick weighs twice as much; the slowest a sixteenth at least', () => {
    expect(
      weigh([
        [a, candidate({ seen: seen(100) })],
        [b, candidate({ seen: seen(200) })],
        [c, candidate({ seen: seen(1_000_000) })],
      ]),
    ).toEqual([1, 0.5, 1 / 16]);
  });

  test('who was never seen counts as the median, or by the speed that it reported', () => {
    expect(
      weigh([
        [a, candidate({ seen: seen(100) })],
        [b, candidate({ seen: seen(200) })],
        [c, candidate()],
      ]),
    ).toEqual([1, 0.5, 0.5]);
    // 100 examples, 2 epochs, 400 a second: half a second.
    const reported = candidate({ device: { ...report, examplesPerSecond: 400 } });
    expect(
      weigh(
        [
          [a, candidate({ seen: seen(250) })],
          [b, reported],
        ],
        2,
      ),
    ).toEqual([1, 0.5]);
    const both = candidate({ seen: seen(250), device: { ...report, examplesPerSecond: 400 } });
    expect(
      weigh(
        [
          [a, candidate({ seen: seen(250) })],
          [b, both],
        ],
        2,
      ),
      'what was seen counts',
    ).toEqual([1, 1]);
  });

  test('who was lost or late is drawn less: 3 of 4 against 1 of 4', () => {
    // (3 + 1) / (4 + 2) against (1 + 1) / (4 + 2)
    const [good, bad] = weigh([
      [a, candidate({ seen: seen(100, 3, 1) })],
      [b, candidate({ seen: seen(100, 1, 3) })],
    ]);
    expect(bad! / good!).toBeCloseTo(0.5, 12);
  });

  test.each<[Partial<DeviceReport>, number]>([
    [{ charging: false, battery: 0.1 }, 0.25],
    [{ charging: false, battery: 0.5 }, 1],
    [{ charging: true, battery: 0.1 }, 1],
    [{ battery: 0.1 }, 1],
    [{ metered: true }, 0.25],
    [{ metered: true, charging: false, battery: 0.1 }, 1 / 16],
  ])('%o weighs %d', (change, expected) => {
    expect(
      weigh([
        [a, candidate()],
        [b, candidate({ device: { ...report, ...change } })],
      ]),
    ).toEqual([1, expected]);
  });

  test('durations are smoothed: 100, then 200, is 130', () => {
    expect(withDuration(withDuration(UNSEEN, 100), 200).trainMs).toBe(130);
  });
});
