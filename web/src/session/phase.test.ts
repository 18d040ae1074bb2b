import { expect, test } from 'vitest';
import type { NodeState } from '../../../shared/session/index.ts';
import { initialParticipant, type ParticipantState } from '../../../shared/session/participant/state.ts';
import { phaseOf } from './phase.ts';

const state = (change: Partial<ParticipantState>): NodeState => ({
  participant: { ...initialParticipant(undefined), status: { name: 'joined' }, ...change },
  owner: { current: undefined, held: new Map(), sent: new Set() },
  coordinator: undefined,
});
const { pace } = initialParticipant(undefined);
const model = { version: 4, hash: 'aa' };
const held = {
  result: { update: { layoutHash: 'bb', delta: new Float32Array(1), examples: 1 }, loss: 1 },
  base: model,
  releasedFor: undefined,
  hasLeft: false,
  uploadedIn: undefined,
};

test('E-01: whoever trains at its own pace is said to train, in no round yet', () => {
  const progress = { batch: 3, batches: 7, loss: 0.5, examplesPerSecond: 10 };
  expect(phaseOf(state({ pace: { ...pace, training: model } }), progress, 3, undefined)).toEqual({
    name: 'training',
    round: 5,
    batch: 3,
    batches: 7,
    loss: 0.5,
    idle: true,
  });
});

test('E-02: whoever holds an update waits for enough others', () => {
  const phase = phaseOf(state({ pace: { ...pace, held } }), undefined, 3, undefined);
  expect(phase).toEqual({ name: 'waiting', participants: 1, needed: 3, update: { behind: 0 } });
  const newest = { version: 6, layoutHash: 'bb', hash: 'cc', weights: new Float32Array(1) };
  const stale = phaseOf(state({ model: newest, pace: { ...pace, held } }), undefined, 3, undefined);
  expect(stale).toMatchObject({ update: { behind: 2 } });
});

test('a paused one is paused, whatever it was about', () => {
  const paused = state({ status: { name: 'paused' }, pace: { ...pace, held } });
  expect(phaseOf(paused, undefined, 3, undefined).name).toBe('paused');
});

test('SPEC J-02: whoever was told to stand by waits for the operator, with the reason', () => {
  const held = state({ isOnHold: true });
  expect(phaseOf(held, undefined, 3, undefined, 'Maintenance.')).toEqual({
    name: 'waiting',
    participants: 1,
    needed: 3,
    onHold: 'Maintenance.',
  });
  expect(phaseOf(state({}), undefined, 3, undefined, 'Maintenance.')).not.toHaveProperty('onHold');
});
