import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Reputation } from '../../shared/aggregate/robust/reputation.ts';
import { MurmurationError } from '../../shared/errors/index.ts';
import type { ParticipantId } from '../../shared/identity/index.ts';
import type { ReliabilityRow, Standing } from '../storage/reliability-repository.ts';
import type { AttendedAttempt } from './attendance.ts';
import { createKeeper, type Keeper } from './keeper.ts';

const ids = Array.from({ length: 8 }, (_, i) => String(i).repeat(22) as ParticipantId);
const [ALICE, BOB] = ids as [ParticipantId, ParticipantId];
const attempt: AttendedAttempt = { attempt: { term: 1, round: 1, attempt: 0 }, participants: [] };

/** Rows that the database would give, what was done to whom, and failures that it is to have. */
let rows: Partial<ReliabilityRow>[];
let reputations: Map<ParticipantId, Reputation>;
let standings: Map<ParticipantId, Standing>;
let failures: number;
let done: [string, ParticipantId][];
let changed: (participant: ParticipantId) => void;
let keeper: Keeper;
let heard: () => void;
const happens = (count: number): Promise<void> =>
  new Promise((resolve) => {
    heard = () => {
      if (done.length >= count) resolve();
    };
    heard();
  });
const note = (what: string, participant: ParticipantId): void => {
  done.push([what, participant]);
  heard();
};

beforeEach(() => {
  rows = [];
  reputations = new Map();
  standings = new Map();
  failures = 0;
  done = [];
  heard = () => undefined;
  keeper = createKeeper({
    federation: 'f',
    run: 'run',
    repository: {
      async noteAttempt() {
        if (failures-- > 0) throw new MurmurationError('storage.unavailable', 'Away.');
        return rows as ReliabilityRow[];
      },
      readReputations: async () => reputations,
      async saveReputations(_, __, ___, changes) {
        for (const [id, reputation] of changes) reputations.set(id, reputation);
      },
      async quarantine(federation, participant, reason, durationMsOf) {
        const sinceMs = Date.now();
        const untilMs = sinceMs + durationMsOf(0);
        const standing: Standing = {
          participant,
          state: 'quarantined',
          federation,
          reason,
          sinceMs,
          untilMs,
        };
        standings.set(participant, standing);
        return standing;
      },
    },
    gate: {
      standingOf: async (_, participant) => standings.get(participant),
      subscribe(listener) {
        changed = listener;
        return () => undefined;
      },
    },
    setAllowed: (participant, allowed) => note(allowed ? 'allowed' : 'out', participant),
    tell: (participant, { code }) => note(code, participant),
    log: { error: () => undefined, warn: () => undefined, info: () => undefined },
    retryMs: 1,
  });
});
afterEach(() => keeper.close());

describe('whoever cannot be counted on', () => {
  test('H-10: is out, and told why; an operator may release it', async () => {
    rows = [
      { participant: ALICE, successes: 0, failures: 5 },
      { participant: BOB, successes: 5, failures: 5 },
    ];
    keeper.attended(attempt);
    await happens(2);
    expect(done).toEqual([
      ['out', ALICE],
      ['participant.quarantined', ALICE],
    ]);
    expect(standings.get(ALICE)!.reason).toBe('unreliable');
    standings.clear();
    changed(ALICE);
    await happens(3);
    expect(done[2]).toEqual(['allowed', ALICE]);
  });

  test('is not quarantined again while it is out', async () => {
    rows = [{ participant: ALICE, successes: 0, failures: 5 }];
    keeper.attended(attempt);
    keeper.attended(attempt);
    await happens(2);
    await keeper.close();
    expect(done).toHaveLength(2);
  });

  test('is found while the database comes and goes', async () => {
    failures = 3;
    rows = [{ participant: ALICE, successes: 0, failures: 5 }];
    keeper.attended(attempt);
    await happens(2);
    expect(done[0]).toEqual(['out', ALICE]);
  });
});

test('whoever spoils every group it is in is found out, and those beside it are not', async () => {
  for (let round = 1; round <= 20; round++) {
    const others = ids.slice(1);
    // Two groups, drawn anew each round.
    const turn = [...others.slice(round % 7), ...others.slice(0, round % 7)];
    const spoiled = { members: [ALICE, ...turn.slice(0, 3)], suspicion: 1, contribution: -1 };
    const attempt = { term: 1, round, attempt: 0 };
    keeper.scored(attempt, [spoiled, { members: turn.slice(3), suspicion: 0, contribution: 1 }]);
    keeper.attended({ attempt, participants: [] });
  }
  await happens(2);
  await keeper.close();
  expect(done).toEqual([
    ['out', ALICE],
    ['participant.quarantined', ALICE],
  ]);
  expect(standings.get(ALICE)!.reason).toBe('anomalous');
  expect(reputations.get(ALICE)!.contribution).toBeLessThan(reputations.get(BOB)!.contribution);
});

describe('whoever arrives', () => {
  const standing = (changes: Partial<Standing>): Standing => ({
    participant: ALICE,
    state: 'quarantined',
    federation: 'f',
    reason: 'unreliable',
    sinceMs: 0,
    untilMs: Date.now() + 60_000,
    ...changes,
  });

  test('is told that it is out', async () => {
    standings.set(ALICE, standing({ state: 'blocked', untilMs: null }));
    keeper.arrived(BOB);
    keeper.arrived(ALICE);
    await happens(2);
    expect(done).toEqual([
      ['out', ALICE],
      ['participant.blocked', ALICE],
    ]);
  });

  test('may take part again once its time is over, without doing anything', async () => {
    standings.set(ALICE, standing({ untilMs: Date.now() + 1 }));
    keeper.arrived(ALICE);
    await happens(2);
    standings.clear();
    await happens(3);
    expect(done[2]).toEqual(['allowed', ALICE]);
  });
});
