import { describe, expect, test } from 'vitest';
import { TRAINING_STATUSES, type TrainingStatus } from './training.ts';
import { type StoredTraining, stepTraining, type TrainingEvent } from './training-machine.ts';

const NOW_MS = 5_000;

function trainingOf(status: TrainingStatus, change: Partial<StoredTraining> = {}): StoredTraining {
  const isBegun = !['CREATED', 'SCHEDULED'].includes(status);
  return {
    id: 't',
    jobName: 'job',
    federation: 'f',
    run: 'r',
    status,
    config: { earlyStopping: { metric: 'loss', patience: 1, minDelta: 0 }, maxAbandoned: 3 },
    clients: [],
    round: 4,
    fromRound: 2,
    accuracy: null,
    loss: null,
    reason: status === 'STOPPING' ? 'operator' : null,
    revision: 7,
    createdBy: 'somebody',
    createdAtMs: 1,
    updatedAtMs: 1,
    startedAtMs: isBegun ? 2 : null,
    endedAtMs: null,
    ...change,
  };
}

const EVENTS: Readonly<Record<string, TrainingEvent>> = {
  schedule: { type: 'schedule' },
  begin: { type: 'begin', round: 9 },
  pause: { type: 'pause', reason: 'operator' },
  resume: { type: 'resume' },
  queue: { type: 'queue' },
  stop: { type: 'stop', reason: 'operator' },
  configure: { type: 'configure', config: {} },
  'configure, no rounds left': { type: 'configure', config: { maxRounds: 2 } },
  deadline: { type: 'deadline' },
  incident: { type: 'incident' },
  calm: { type: 'calm' },
  committed: { type: 'committed', round: 5 },
  'committed before': { type: 'committed', round: 4 },
  evaluated: { type: 'evaluated', round: 5, accuracy: 0.5, loss: 1, history: [1] },
  'evaluated, stalled': { type: 'evaluated', round: 5, accuracy: 0.5, loss: 1, history: [1, 1] },
  'abandoned twice': { type: 'abandoned', code: 'round.deadline', inARow: 2 },
  'abandoned thrice': { type: 'abandoned', code: 'round.deadline', inARow: 3 },
  'target reached': { type: 'finished', reason: 'target-accuracy' },
  'run stopped': { type: 'finished', reason: 'stopped' },
};

/** By event: what becomes of each status, in their order. `-` changes nothing, `!` is refused, `=` changes but the status. */
const [C, S, R, P, G] = ['CREATED', 'SCHEDULED', 'RUNNING', 'PAUSED', 'STOPPING'];
const TABLE: Readonly<Record<string, string>> = {
  //                            CREATED SCHEDULED RUNNING PAUSED STOPPING STOPPED SUCCEEDED FAILED
  schedule: `${S} - - - - - - -`,
  begin: `${R} ${R} - - - - - -`,
  pause: `! ! ${P} - ! ! ! !`,
  resume: `! ! - ${R} ! ! ! !`,
  queue: `! - - ${S} ! ! ! !`,
  stop: `STOPPED STOPPED ${G} ${G} - ! ! !`,
  configure: '= = = = ! ! ! !',
  'configure, no rounds left': `= = ${G} ${G} ! ! ! !`,
  deadline: `FAILED FAILED ${G} ${G} - - - -`,
  incident: `- - ${P} - - - - -`,
  calm: '- - - - - - - -',
  committed: '- - = = = - - -',
  'committed before': '- - - - - - - -',
  evaluated: '- - = = = - - -',
  'evaluated, stalled': `- - ${G} ${G} = - - -`,
  'abandoned twice': '- - - - - - - -',
  'abandoned thrice': `- - ${G} ${G} - - - -`,
  'target reached': '- - SUCCEEDED SUCCEEDED SUCCEEDED - - -',
  'run stopped': '- - FAILED FAILED STOPPED - - -',
};

describe.each(Object.keys(EVENTS))('%s', (name) => {
  const cells = TABLE[name]!.split(' ');
  test.each(TRAINING_STATUSES.map((status, i) => [status, cells[i]!] as const))('%s: %s', (status, cell) => {
    const before = trainingOf(status);
    const { training, isRefused, orders } = stepTraining(before, EVENTS[name]!, NOW_MS);
    expect(isRefused).toBe(cell === '!');
    if (cell === '-' || cell === '!') {
      expect(training).toBe(before);
      return expect(orders).toEqual([]);
    }
    expect(training).toMatchObject({
      status: cell === '=' ? status : cell,
      revision: 8,
      updatedAtMs: NOW_MS,
    });
    const isOver = ['STOPPED', 'SUCCEEDED', 'FAILED'].includes(training.status);
    expect(training.endedAtMs).toBe(isOver ? NOW_MS : null);
    // Only a run that began for it ends with it.
    const endsRun = orders.filter(({ type }) => type === 'end-run');
    expect(endsRun).toHaveLength(isOver && before.startedAtMs !== null ? 1 : 0);
  });
});

test('every status was in the table', () => {
  expect([C, S, R, P, G, 'STOPPED', 'SUCCEEDED', 'FAILED']).toEqual([...TRAINING_STATUSES]);
  expect(Object.keys(TABLE)).toEqual(Object.keys(EVENTS));
});

test('it begins at the version that its run is at, and once only', () => {
  const begun = stepTraining(trainingOf('CREATED'), { type: 'begin', round: 9 }, NOW_MS).training;
  expect(begun).toMatchObject({ round: 9, fromRound: 9, startedAtMs: NOW_MS });
  const again = stepTraining({ ...begun, status: 'SCHEDULED' }, { type: 'begin', round: 12 }, 6_000).training;
  expect(again).toMatchObject({ round: 9, fromRound: 9, startedAtMs: NOW_MS });
});

test('an incident pauses what runs, and its end sets that alone going', () => {
  const paused = stepTraining(trainingOf('RUNNING'), { type: 'incident' }, NOW_MS).training;
  expect(paused.reason).toBe('incident');
  expect(stepTraining(paused, { type: 'calm' }, NOW_MS).training).toMatchObject({
    status: 'RUNNING',
    reason: null,
  });
});

test.each([
  ['operator: enough', 'STOPPED', 'stopped'],
  ['early-stopping', 'SUCCEEDED', 'finished'],
  ['maximum-rounds', 'SUCCEEDED', 'finished'],
  ['deadline', 'FAILED', 'stopped'],
  ['round.deadline', 'FAILED', 'stopped'],
] as const)('what stops over %s is %s in the end', (reason, status, run) => {
  const { training, orders } = stepTraining(
    trainingOf('STOPPING', { reason }),
    { type: 'finished', reason: 'stopped' },
    NOW_MS,
  );
  expect(training).toMatchObject({ status, reason });
  expect(orders[0]).toEqual({ type: 'end-run', status: run });
});
