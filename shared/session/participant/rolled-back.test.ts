import { expect, test } from 'vitest';
import { type NodeId, SERVER } from '../../identity/index.ts';
import {
  ALICE,
  attemptOf,
  BOB,
  CAROL,
  effectsOf,
  inviteOf,
  machineOf,
  modelOf,
  RUN,
  refOf,
} from '../../testing/session-fixtures.ts';
import type { Model } from '../../update/index.ts';
import type { Message } from '../../wire/index.ts';
import { initialParticipant } from './state.ts';
import { stepParticipant } from './step.ts';

/** Alice, who holds this model and has joined at the server. */
function joined(model: Model) {
  const machine = machineOf(stepParticipant, initialParticipant(model), {
    self: ALICE,
    incarnation: 5,
    run: RUN,
    federationRevision: 1,
    examples: 7,
    weight: 7,
    vectorLength: 6,
    encoding: { fractionalBits: 0, clipNorm: 2 ** 20, maxWeight: 1000 },
    ring: undefined,
    groupSize: 16,
    minParticipants: 2,
    maxParticipants: 16,
    noise: undefined,
    evaluates: false,
    groups: undefined,
    electionMs: 1000,
  });
  machine.take({ type: 'peer-up', peer: SERVER, incarnation: 1 });
  machine.take({ type: 'command', command: 'start' });
  machine.hear(SERVER, { type: 'welcome', run: RUN, term: 1, model: refOf(model), holders: [] });
  return machine;
}

/** Version 5 has the weights of version 2. */
const BEST = modelOf(2);
const BACK = { version: 5, hash: BEST.hash };
const commit: Message = {
  type: 'commit',
  run: RUN,
  record: {
    ...attemptOf(0, 5),
    coordinator: SERVER as NodeId,
    federationRevision: 1,
    baseHash: modelOf(4).hash,
    hash: BEST.hash,
    survivors: [],
    dropped: [],
    startedAtMs: 0,
    trainMs: 0,
    exchangeMs: 0,
    applyMs: 0,
    evaluation: { total: 10, correct: 9, lossSum: 1 },
    secure: null,
    rollback: { to: 2 },
  },
  holders: [SERVER as NodeId],
};
const invite = inviteOf({
  attempt: attemptOf(0, 6),
  base: BACK,
  plan: { revision: 0, cohort: [ALICE, BOB, CAROL], owners: [ALICE, BOB, CAROL], survivors: null, tally: 0 },
});

test('Q-24: whoever holds the best under its old number takes the new one, without fetching it', () => {
  const machine = joined(BEST);
  const effects = machine.hear(SERVER, commit);
  expect(machine.state.model).toMatchObject(BACK);
  expect(effectsOf(effects, 'save-model').map(({ model }) => refOf(model))).toEqual([BACK]);
  expect(effectsOf(effects, 'fetch-model')).toEqual([]);
  const [training] = effectsOf(machine.hear(SERVER, invite), 'train');
  expect(training!.base.version).toBe(5);
});

test('Q-24: also when it hears of it by an invitation only', () => {
  const machine = joined(BEST);
  const [training] = effectsOf(machine.hear(SERVER, invite), 'train');
  expect(training!.base).toMatchObject(BACK);
});

test('Q-24: whoever holds a later version fetches it, and refuses to make that version again', () => {
  const machine = joined(modelOf(4));
  const effects = machine.hear(SERVER, commit);
  expect(effectsOf(effects, 'fetch-model').map(({ model }) => model)).toEqual([BACK]);
  machine.take({ type: 'model-fetched', model: { ...BEST, version: 5 } });
  expect(machine.state.model).toMatchObject(BACK);
  const again = inviteOf({ attempt: attemptOf(1, 5), base: refOf(modelOf(4)) });
  const refusals = effectsOf(machine.hear(SERVER, again), 'notice');
  expect(refusals[0]!.error?.code).toBe('round.repeated');
});

test('Q-06: why there is no round is shown', () => {
  const machine = joined(BEST);
  const reason = 'There are no held-out examples.';
  const effects = machine.hear(SERVER, { type: 'standby', run: RUN, code: 'aggregate.no-held-out', reason });
  expect(effectsOf(effects, 'notice')[0]).toMatchObject({
    text: reason,
    error: { code: 'aggregate.no-held-out' },
  });
});
