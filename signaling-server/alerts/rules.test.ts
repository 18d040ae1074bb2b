import { describe, expect, test } from 'vitest';
import type { ParticipantId } from '../../shared/identity/index.ts';
import type { ServerEvent } from '../events.ts';
import type { Training } from '../jobs/training.ts';
import type { Alert } from './alert.ts';
import {
  type AlertState,
  type Change,
  NOTHING_FIRES,
  type Observation,
  observe,
  resumed,
  type Sample,
  THRESHOLDS,
} from './rules.ts';

const HOUR_MS = 3600_000;
const DAY_MS = 24 * HOUR_MS;

/** Runs observations one after the other, a second apart, and tells what each changed, as `+fingerprint` and `-fingerprint`. */
function watch(initial: AlertState = NOTHING_FIRES) {
  let state = initial;
  let nowMs = 1_000_000;
  const all: Change[] = [];
  return {
    all,
    state: () => state,
    see(...observations: Observation[]): string[] {
      return observations.flatMap((observation) => {
        nowMs += 1000;
        const step = observe(state, observation, THRESHOLDS, nowMs);
        state = step.state;
        all.push(...step.changes);
        return step.changes.map((change) =>
          change.type === 'fire' ? `+${change.condition.fingerprint}` : `-${change.fingerprint}`,
        );
      });
    },
  };
}

const round = (number: number, invited: number, survivors: number, run = 'run'): ServerEvent => ({
  type: 'round-committed',
  federation: 'f',
  run,
  training: undefined,
  round: number,
  durationMs: 1000,
  invited,
  survivors,
  bytes: 1,
  hash: 'h',
  atMs: 0,
});
const accuracy = (
  number: number,
  value: number,
  run = 'run',
  heldOut: string | null = null,
): ServerEvent => ({
  type: 'metric',
  federation: 'f',
  run,
  training: undefined,
  round: number,
  name: 'accuracy',
  value,
  heldOut,
  atMs: 0,
});
const training = (id: string, status: Training['status'], reason: string | null = null): ServerEvent => ({
  type: 'training',
  training: {
    id,
    jobName: 'job',
    federation: 'f',
    run: 'run',
    status,
    config: {},
    clients: [],
    round: 0,
    accuracy: null,
    loss: null,
    reason,
    revision: 1,
    createdBy: 'system',
    createdAtMs: 0,
    updatedAtMs: 0,
    startedAtMs: null,
    endedAtMs: null,
  },
});
const budget = (share: number, subject = 'ward'): ServerEvent => ({
  type: 'budget',
  kind: 'department',
  subject,
  share,
  epsilon: 10 * share,
  limit: 10,
});
const standing = (
  letter: string,
  state: 'blocked' | 'quarantined' | 'clear',
  cause = 'anomalous',
): ServerEvent => ({
  type: 'participant-standing',
  federation: 'f',
  participant: letter.repeat(22) as ParticipantId,
  state,
  cause,
});
const WELL: Sample = { atMs: 0, databaseUp: true, blobsUp: true, queueBacklog: 0, certificates: [] };
const tick = (changes: Partial<Sample> = {}): Observation => ({ type: 'tick', ...WELL, ...changes });

describe('drop-out', () => {
  test('fires above a fifth of the invited, once, and is over at a fifth', () => {
    const { see, all } = watch();
    // 10 invited, 8 left: exactly a fifth.
    expect(see(round(1, 10, 8))).toEqual([]);
    // 20 invited, 15 left: a quarter.
    expect(see(round(2, 10, 7))).toEqual(['+drop-out/f']);
    expect(see(round(3, 10, 7))).toEqual([]);
    // 40 invited, 32 left.
    expect(see(round(4, 10, 10))).toEqual(['-drop-out/f']);
    expect(all[0]).toMatchObject({ condition: { value: 0.25, threshold: 0.2, federation: 'f' } });
  });

  test('says nothing of fewer than ten invitations: one of four that leaves is no trend', () => {
    const { see } = watch();
    expect(see(round(1, 4, 3), round(2, 4, 3))).toEqual([]);
    expect(see(round(3, 4, 3))).toEqual(['+drop-out/f']);
  });

  test('looks at the last five rounds; a round that is told twice counts once; another run begins anew', () => {
    const { see } = watch();
    see(round(1, 10, 0));
    expect(see(...[2, 3, 4, 5].map((number) => round(number, 10, 10)))).toEqual(['-drop-out/f']);
    // Ten of fifty are gone: a fifth. Counted twice it would be more.
    const other = watch();
    expect(other.see(round(1, 10, 9), round(2, 10, 7), round(2, 10, 7))).toEqual([]);
    expect(see(round(1, 10, 5, 'another'))).toEqual(['+drop-out/f']);
  });
});

describe('accuracy', () => {
  test('fires more than ten points below the best, and is over when it is back within them', () => {
    const { see } = watch();
    expect(see(accuracy(1, 0.5), accuracy(2, 0.9), accuracy(3, 0.81))).toEqual([]);
    expect(see(accuracy(4, 0.79))).toEqual(['+accuracy-drop/f']);
    expect(see(accuracy(5, 0.7), accuracy(6, 0.85))).toEqual(['-accuracy-drop/f']);
  });

  test('of a small accuracy, a tenth of it is noise', () => {
    expect(watch().see(accuracy(1, 0.2), accuracy(2, 0.15))).toEqual([]);
  });

  test('Q-26: on another held-out set the row begins anew, and what is told late of the one before does not count', () => {
    const { see } = watch();
    const onNew = (number: number, value: number) => accuracy(number, value, 'run', 'new');
    expect(see(accuracy(1, 0.9), onNew(2, 0.6), accuracy(1, 0.95), onNew(3, 0.55))).toEqual([]);
    expect(see(onNew(4, 0.45))).toEqual(['+accuracy-drop/f']);
  });

  test('going back to an earlier version forgets what came after it', () => {
    const { see } = watch();
    see(accuracy(1, 0.9), accuracy(2, 0.5));
    const back: ServerEvent = { type: 'rolled-back', federation: 'f', run: 'run', round: 3, to: 1, atMs: 0 };
    expect(see(back)).toEqual(['-accuracy-drop/f']);
  });

  test('a value that is no number is no accuracy, and loss is none either', () => {
    const loss = { ...accuracy(3, 0), name: 'loss' } as ServerEvent;
    expect(watch().see(accuracy(1, 0.9), accuracy(2, Number.NaN), loss)).toEqual([]);
  });
});

describe('trainings', () => {
  test('a failure is over when another training of the federation runs, not by itself', () => {
    const { see, all } = watch();
    expect(see(training('a', 'FAILED', 'round.too-few-participants'))).toEqual(['+run-failed/a']);
    expect(see(training('a', 'FAILED'), training('b', 'CREATED'))).toEqual([]);
    expect(see(training('b', 'RUNNING'))).toEqual(['-run-failed/a']);
    expect(all[0]).toMatchObject({
      condition: { training: 'a', summary: 'A training failed: round.too-few-participants.' },
    });
  });

  test('one that runs and commits nothing for two hours is stalled, until it gets further or runs no more', () => {
    const at = (round: number, updatedAtMs: number, status: Training['status'] = 'RUNNING'): ServerEvent => {
      const event = training('a', status) as Extract<ServerEvent, { type: 'training' }>;
      return { ...event, training: { ...event.training, round, updatedAtMs } };
    };
    const { see, all, state } = watch();
    expect(see(at(3, 0), tick({ atMs: 2 * HOUR_MS }))).toEqual([]);
    // An evaluation of the same round is no progress.
    expect(see(at(3, HOUR_MS), tick({ atMs: 2 * HOUR_MS + 1 }))).toEqual(['+run-stalled/a']);
    expect(all.at(-1)).toMatchObject({ condition: { federation: 'f', training: 'a', severity: 'warning' } });
    expect(see(tick({ atMs: 3 * HOUR_MS }))).toEqual([]);
    expect(see(at(4, 3 * HOUR_MS), tick({ atMs: 4 * HOUR_MS }))).toEqual(['-run-stalled/a']);
    expect(see(tick({ atMs: 6 * HOUR_MS }))).toEqual(['+run-stalled/a']);
    expect(see(at(4, 6 * HOUR_MS, 'PAUSED'), tick({ atMs: 7 * HOUR_MS }))).toEqual(['-run-stalled/a']);
    expect(state().running.size).toBe(0);
  });

  test('one that was stopped by hand did not fail', () => {
    expect(watch().see(training('a', 'STOPPED', 'operator'))).toEqual([]);
  });
});

describe('budgets', () => {
  test('near from four fifths on, exceeded above all of it; each ends as it began', () => {
    const { see } = watch();
    expect(see(budget(0.79))).toEqual([]);
    expect(see(budget(0.8))).toEqual(['+budget-near/department/ward']);
    expect(see(budget(1))).toEqual([]);
    expect(see(budget(1.01))).toEqual(['+budget-exceeded/department/ward', '-budget-near/department/ward']);
    expect(see(budget(0.5))).toEqual(['-budget-exceeded/department/ward']);
  });

  test('a share without bound is exceeded, also when a bus made null of it', () => {
    expect(watch().see(budget(Infinity))).toEqual(['+budget-exceeded/department/ward']);
    expect(watch().see(budget(null as unknown as number))).toEqual(['+budget-exceeded/department/ward']);
  });

  test('subjects are apart', () => {
    expect(watch().see(budget(0.9, 'a'), budget(0.9, 'b'))).toHaveLength(2);
  });
});

describe('participants', () => {
  test('an anomaly lasts until every suspect is blocked or clear', () => {
    const { see } = watch();
    expect(see(standing('A', 'quarantined'), standing('B', 'quarantined'))).toEqual(['+anomaly/f']);
    expect(see(standing('A', 'blocked', 'operator'))).toEqual([]);
    expect(see(standing('B', 'clear'))).toEqual(['-anomaly/f']);
  });

  test('an unreliable one is unhealthy, not an anomaly, and nobody is named', () => {
    const { see, all } = watch();
    expect(see(standing('A', 'quarantined', 'unreliable'))).toEqual(['+participant-unhealthy/f']);
    expect(JSON.stringify(all)).not.toContain('AAAA');
    expect(see(standing('A', 'clear'))).toEqual(['-participant-unhealthy/f']);
  });

  test('one whose end nobody told is over after a day', () => {
    const { see } = watch();
    see(standing('A', 'quarantined'));
    expect(see(tick({ atMs: 1_000_000 + HOUR_MS }))).toEqual([]);
    expect(see(tick({ atMs: 1_002_000 + DAY_MS }))).toEqual(['-anomaly/f']);
  });
});

describe('what is measured', () => {
  test('storage, by part', () => {
    const { see } = watch();
    expect(see(tick({ databaseUp: false }))).toEqual(['+storage/database']);
    expect(see(tick({ databaseUp: false, blobsUp: false }))).toEqual(['+storage/blobs']);
    expect(see(tick())).toEqual(['-storage/database', '-storage/blobs']);
  });

  test('a backlog above the threshold; one that could not be measured changes nothing', () => {
    const { see } = watch();
    expect(see(tick({ queueBacklog: 100 }))).toEqual([]);
    expect(see(tick({ queueBacklog: 101 }))).toEqual(['+queue-backlog']);
    expect(see(tick({ queueBacklog: undefined }))).toEqual([]);
    expect(see(tick({ queueBacklog: 100 }))).toEqual(['-queue-backlog']);
  });

  test('certificates within 14 days of their end, until they are renewed or gone', () => {
    const at = (name: string, days: number) => ({ name, expiresAtMs: days * DAY_MS });
    const { see, all } = watch();
    expect(see(tick({ certificates: [at('server', 14)] }))).toEqual([]);
    expect(see(tick({ certificates: [at('server', 13), at('key:k', 1)] }))).toEqual([
      '+certificate-expiry/server',
      '+certificate-expiry/key:k',
    ]);
    expect(all.map((change) => change.type === 'fire' && change.condition.severity)).toEqual([
      'warning',
      'critical',
    ]);
    expect(see(tick({ certificates: undefined }))).toEqual([]);
    expect(see(tick({ certificates: [at('server', 90)] })).sort()).toEqual([
      '-certificate-expiry/key:k',
      '-certificate-expiry/server',
    ]);
  });
});

describe('several processes', () => {
  const alert: Alert = {
    id: 'a',
    kind: 'drop-out',
    severity: 'warning',
    fingerprint: 'drop-out/f',
    federation: 'f',
    training: null,
    summary: '',
    value: 0.5,
    threshold: 0.2,
    startedAtMs: 1000,
    resolvedAtMs: null,
    acknowledgedAtMs: null,
    acknowledgedBy: null,
    silencedUntilMs: null,
  };

  test('what fired before a restart fires still, does not fire again, and can end', () => {
    const { see } = watch(resumed([alert]));
    expect(see(round(1, 10, 5))).toEqual([]);
    expect(see(round(2, 30, 30))).toEqual(['-drop-out/f']);
  });

  test('what another replica found is known here, and over when it says so', () => {
    const { see } = watch();
    expect(see({ type: 'alert', alert }, round(1, 10, 5))).toEqual([]);
    expect(see({ type: 'alert', alert: { ...alert, resolvedAtMs: 2_000_000 } })).toEqual([]);
    expect(see(round(2, 10, 5))).toEqual(['+drop-out/f']);
  });

  test('an end that was told late does not end what began after it', () => {
    const { see } = watch();
    see(round(1, 10, 5));
    see({ type: 'alert', alert: { ...alert, resolvedAtMs: 500 } });
    expect(see(round(2, 10, 5))).toEqual([]);
  });

  test('what another replica cannot reach, this one may: it does not end that', () => {
    const { see } = watch();
    const storage = { ...alert, kind: 'storage' as const, fingerprint: 'storage/blobs' };
    expect(see({ type: 'alert', alert: storage }, tick())).toEqual([]);
  });
});
