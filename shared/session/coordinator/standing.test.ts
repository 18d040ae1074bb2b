import { expect, test } from 'vitest';
import { ALICE } from '../../testing/session-fixtures.ts';
import type { RoundRecord } from '../../wire/index.ts';
import { standingOf, UNJUDGED, weighed } from './standing.ts';

/** Accuracies in percent, by version from 1 on; null where a version was not evaluated. */
function recordsOf(percents: readonly (number | null)[]): RoundRecord[] {
  return percents.map((percent, i) => ({
    round: i + 1,
    term: 1,
    attempt: 0,
    coordinator: 'server',
    federationRevision: 1,
    baseHash: '',
    hash: `v${i + 1}`,
    survivors: [ALICE],
    dropped: [],
    startedAtMs: 0,
    trainMs: 0,
    exchangeMs: 0,
    applyMs: 0,
    evaluation: percent === null ? null : { total: 100, correct: percent, lossSum: 0 },
    secure: null,
  }));
}
const standing = (percents: readonly (number | null)[]) => {
  const { best, worse } = standingOf(recordsOf(percents), 0.05, 1);
  return [best?.model.version, worse];
};

test.each([
  ['nothing was evaluated', [null, null], undefined, 0],
  ['one more than the threshold below the best counts', [90, 84], 1, 1],
  ['exactly the threshold below does not', [95, 90], 1, 0],
  ['in a row', [90, 80, 80, 80], 1, 3],
  ['one that is good enough begins the count anew', [90, 80, 89, 80], 1, 1],
  ['a better one is the best', [90, 80, 91], 3, 0],
  ['of two alike the earlier is', [90, 90], 1, 0],
  ['what was not evaluated neither counts nor ends a row', [90, 80, null, 80], 1, 2],
] as const)('Q-21: %s', (_, percents, best, worse) => {
  expect(standing(percents)).toEqual([best, worse]);
});

test('Q-23: a return to the best begins the count anew, and is no new best', () => {
  const records = recordsOf([90, 80, 80, 90]).map((record, i) =>
    i === 3 ? { ...record, survivors: [], rollback: { to: 1 } } : record,
  );
  expect(standingOf(records, 0.05, 1)).toMatchObject({ best: { model: { version: 1 } }, worse: 0 });
});

test('Q-21: of two records of one round the last counts; no examples say nothing', () => {
  const [first, second] = recordsOf([90, 10]);
  expect(
    standingOf([first!, { ...first!, evaluation: { total: 100, correct: 50, lossSum: 0 } }], 0.05, 1).best,
  ).toMatchObject({
    evaluation: { correct: 50 },
  });
  expect(weighed(UNJUDGED, { ...second!, evaluation: { total: 0, correct: 0, lossSum: 0 } }, 0.05)).toBe(
    UNJUDGED,
  );
});

test('Q-26: what was counted on another held-out set is compared with nothing, and the best and the row begin anew', () => {
  const [one, another] = ['1'.repeat(64), '2'.repeat(64)];
  const records = (sets: readonly (string | undefined)[]) =>
    recordsOf([99, 80, 70, 60]).map((record, i) => ({
      ...record,
      evaluation: { ...record.evaluation!, heldOut: sets[i] },
    }));
  expect(standingOf(records([one, one, one, one]), 0.05, 1)).toMatchObject({
    best: { model: { version: 1 } },
    worse: 3,
  });
  expect(standingOf(records([one, one, another, another]), 0.05, 1)).toMatchObject({
    best: { model: { version: 3 }, evaluation: { heldOut: another } },
    worse: 1,
  });
  expect(standingOf(records([undefined, undefined, another, another]), 0.05, 1)).toMatchObject({
    best: { model: { version: 3 } },
    worse: 1,
  });
});

test('Q-21: what was measured under another revision is compared with nothing', () => {
  const records = recordsOf([99, 80, 80]).map((record, i) => ({
    ...record,
    federationRevision: i === 0 ? 1 : 2,
  }));
  expect(standingOf(records, 0.05, 2)).toMatchObject({ best: { model: { version: 2 } }, worse: 0 });
});
