import { expect, it } from 'vitest';
import type { LiveEvent, Training } from '../../../shared/client/index.ts';
import { lastRound, pointsOf, stateOf, withEvent, withTraining } from './training-state.ts';

const training = {
  id: 't',
  training_id: 't',
  jobName: 'Autumn',
  federation: 'f',
  run: 'r',
  status: 'RUNNING',
  config: { maxRounds: 9 },
  clients: [],
  round: 3,
  accuracy: null,
  loss: null,
  reason: null,
  revision: 4,
  createdBy: 'key:a',
  createdAtMs: 0,
  updatedAtMs: 0,
  startedAtMs: 0,
  endedAtMs: null,
} satisfies Training;

const metric = (round: number, type: string, value: number): LiveEvent => ({
  type: 'metric_update',
  metric: { training_id: 't', round_number: round, metric_type: type, value, timestamp: '' },
});

it('puts metrics in the order of rounds, whenever they come', () => {
  let state = stateOf(training, [{ round_number: 2, metric_type: 'accuracy', value: 0.5 }]);
  state = withEvent(state, metric(3, 'accuracy', 0.75));
  state = withEvent(state, metric(1, 'accuracy', 0.25));
  state = withEvent(state, metric(3, 'loss', 1.5));
  expect(pointsOf(state.accuracy)).toEqual([
    { x: 1, y: 0.25 },
    { x: 2, y: 0.5 },
    { x: 3, y: 0.75 },
  ]);
  expect(pointsOf(state.loss)).toEqual([{ x: 3, y: 1.5 }]);
  expect(lastRound(state)).toBe(3);
});

it('follows a round from its start to its end', () => {
  let state = withEvent(stateOf(training), {
    type: 'round_started',
    round: { round_number: 4, cohort: ['a', 'b'] },
  });
  expect(state.underWay).toEqual({ round: 4, invited: 2 });
  state = withEvent(state, { type: 'round_abandoned', round: { round_number: 4, code: 'round.too-few' } });
  expect([state.underWay, state.abandoned]).toEqual([undefined, { round: 4, code: 'round.too-few' }]);
  state = withEvent(state, { type: 'round_completed', round: { round_number: 4 } });
  expect([state.training.round, state.abandoned]).toEqual([4, undefined]);
});

it('is not set back by an answer that was overtaken, nor by another training', () => {
  const state = stateOf({ ...training, status: 'PAUSED', revision: 5 });
  expect(withTraining(state, training)).toBe(state);
  expect(withTraining(state, { ...training, id: 'other', revision: 9 })).toBe(state);
  expect(withTraining(state, { ...training, status: 'STOPPED', revision: 6 }).training.status).toBe(
    'STOPPED',
  );
});
