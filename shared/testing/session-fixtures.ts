import { type NodeId, type ParticipantId, SERVER } from '../identity/index.ts';
import type { CoordinatorContext } from '../session/coordinator/state.ts';
import type { Effect, SessionEvent, Step } from '../session/effects.ts';
import { layoutOf, type Model, makeModel, type NoisedUpdate, staged } from '../update/index.ts';
import type { AttemptId, Message, MessageOf, MessageType, ModelRef, Plan } from '../wire/index.ts';

/** Small, readable inputs for tests of the session's pure machines. */
export const [ALICE, BOB, CAROL, DAVE] = ['alice', 'bob', 'carol', 'dave'].map(
  (name) => name.padEnd(22, '-') as ParticipantId,
) as [ParticipantId, ParticipantId, ParticipantId, ParticipantId];
export const RUN = 'run';

/** Two coordinates per owner for three owners. */
export const LAYOUT = layoutOf([{ name: 'w', shape: [6] }]);

export function modelOf(version: number, value = version): Model {
  return makeModel(version, LAYOUT, new Float32Array(LAYOUT.length).fill(value));
}

export function refOf({ version, hash }: Model): ModelRef {
  return { version, hash };
}

export function attemptOf(attempt = 0, round = 1, term = 1): AttemptId {
  return { term, round, attempt };
}

/** The server, coordinating a plain mesh of two to sixteen. */
export function coordinatorContext(change: Partial<CoordinatorContext> = {}): CoordinatorContext {
  return {
    self: SERVER,
    run: RUN,
    federationRevision: 1,
    minParticipants: 2,
    groupSize: 16,
    maxParticipants: 16,
    maximumRounds: 10,
    targetAccuracy: undefined,
    checkpointEvery: 1,
    trainMs: 1000,
    exchangeMs: 600,
    applyMs: 300,
    secure: false,
    sharesNoise: false,
    addsNoise: false,
    setupMs: 200,
    mesh: true,
    serverMayOwn: false,
    evaluates: false,
    settleMs: 100,
    ...change,
  };
}

export function planOf(change: Partial<Plan> = {}): Plan {
  const cohort = change.cohort ?? [ALICE, BOB, CAROL];
  return { revision: 0, cohort, owners: [...cohort], survivors: null, tally: 0, ...change };
}

export function inviteOf(change: Partial<MessageOf<'invite'>> = {}): MessageOf<'invite'> {
  return {
    type: 'invite',
    run: RUN,
    attempt: attemptOf(),
    federationRevision: 1,
    base: refOf(modelOf(0)),
    holders: [],
    plan: planOf(),
    trainMs: 1000,
    exchangeMs: 600,
    applyMs: 300,
    ...change,
  };
}

export function planMessage(change: Partial<Plan>, attempt = attemptOf()): MessageOf<'plan'> {
  return { type: 'plan', run: RUN, attempt, plan: planOf(change) };
}

export function updateOf(values: readonly number[], weight = 1): NoisedUpdate {
  return staged<NoisedUpdate>({ layoutHash: LAYOUT.hash, values: Int32Array.from(values), weight });
}

export function bytesOf(values: readonly number[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Int32Array.from(values).buffer);
}

type Body = SessionEvent extends infer E
  ? E extends SessionEvent
    ? Omit<E, 'atMs' | 'entropy'>
    : never
  : never;

/** A machine and its state, fed one event after the other. */
export interface Machine<S> {
  readonly state: S;
  nowMs: number;
  entropy: string;
  take(event: Body): readonly Effect[];
  hear(from: NodeId, message: Message): readonly Effect[];
}

export function machineOf<S, C>(
  step: (state: S, event: SessionEvent, context: C) => Step<S>,
  initial: S,
  context: C,
): Machine<S> {
  let state = initial;
  const machine: Machine<S> = {
    get state() {
      return state;
    },
    nowMs: 0,
    entropy: 'entropy',
    take(event) {
      const next = step(
        state,
        { ...event, atMs: machine.nowMs, entropy: machine.entropy } as SessionEvent,
        context,
      );
      state = next.state;
      return next.effects;
    },
    hear: (from, message) => machine.take({ type: 'message', from, message }),
  };
  return machine;
}

/** The messages of one type among the effects, with whom they go to. */
export function sent<T extends MessageType>(
  effects: readonly Effect[],
  type: T,
): { readonly to: NodeId; readonly message: MessageOf<T> }[] {
  return effects.flatMap((effect) =>
    effect.type === 'send' && effect.message.type === type
      ? [{ to: effect.to, message: effect.message as MessageOf<T> }]
      : [],
  );
}

/** The effects of one type. */
export function effectsOf<T extends Effect['type']>(
  effects: readonly Effect[],
  type: T,
): Extract<Effect, { type: T }>[] {
  return effects.filter((effect): effect is Extract<Effect, { type: T }> => effect.type === type);
}
