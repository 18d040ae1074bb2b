import { z } from 'zod';
import { isParticipantId, type NodeId, type ParticipantId, SERVER } from '../identity/index.ts';

/**
 * Every message of the session protocol. docs/SPEC.md says in prose what each means and when it is allowed;
 * `codec.ts` puts them into bytes, field by field in the order written here.
 */
export const PROTOCOL_VERSION = 1;

const count = z
  .int()
  .min(0)
  .max(2 ** 32 - 1);
const participant = z.custom<ParticipantId>(
  (value) => typeof value === 'string' && isParticipantId(value),
  'not a participant id',
);
const node = z.custom<NodeId>(
  (value) => value === SERVER || (typeof value === 'string' && isParticipantId(value)),
  'not a node id',
);
const hash = z.string().regex(/^[0-9a-f]{64}$/, 'not a hex SHA-256');
const run = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'not a run id');
const bytes = z.custom<Uint8Array<ArrayBuffer>>((value) => value instanceof Uint8Array, 'not bytes');
const timeMs = z.number().min(0);

/** One try at one round under one coordinator's term. Later terms win over earlier ones. */
const attemptId = z.strictObject({ term: count, round: count, attempt: count });

/** Who coordinates, who takes part, who adds up which slice, and, once fixed, whose slices the sum holds. */
const plan = z.strictObject({
  /** Grows with every change; everyone converges on the highest. */
  revision: count,
  cohort: z.array(participant).max(1024),
  /** owners[c] adds up slice c. */
  owners: z.array(node).min(1).max(1024),
  survivors: z.array(participant).max(1024).nullable(),
  /** Counts the survivor sets of this attempt: 0 while there is none. A sum belongs to exactly one tally. */
  tally: count,
});

const evaluation = z.strictObject({ total: count, correct: count, lossSum: z.number() });

const roundRecord = z.strictObject({
  round: count,
  term: count,
  attempt: count,
  coordinator: node,
  federationRevision: count,
  baseHash: hash,
  hash,
  survivors: z.array(participant),
  dropped: z.array(participant),
  startedAtMs: timeMs,
  trainMs: timeMs,
  exchangeMs: timeMs,
  applyMs: timeMs,
  evaluation: evaluation.nullable(),
});

const modelRef = z.strictObject({ version: count, hash });

export const messageSchemas = {
  // participant → coordinator
  join: z.strictObject({
    run,
    incarnation: count,
    model: modelRef.nullable(),
    term: count,
    examples: count,
    paused: z.boolean(),
  }),
  leave: z.strictObject({ run }),
  refuse: z.strictObject({ run, attempt: attemptId, code: z.string().max(64), reason: z.string().max(500) }),
  trained: z.strictObject({ run, attempt: attemptId }),
  /** All slices of this revision were delivered, but for those that cannot be. */
  uploaded: z.strictObject({
    run,
    attempt: attemptId,
    revision: count,
    undeliverable: z.array(count).max(1024),
  }),
  /** Sums of these slices did not come in time. */
  missing: z.strictObject({
    run,
    attempt: attemptId,
    tally: count,
    slices: z.array(count).min(1).max(1024),
  }),
  applied: z.strictObject({ run, attempt: attemptId, tally: count, hash }),
  evaluated: z.strictObject({ run, round: count, hash, counts: evaluation }),

  // coordinator → participants
  welcome: z.strictObject({ run, term: count, model: modelRef.nullable(), holders: z.array(node).max(64) }),
  invite: z.strictObject({
    run,
    attempt: attemptId,
    federationRevision: count,
    base: modelRef,
    holders: z.array(node).max(64),
    plan,
    trainMs: count,
    exchangeMs: count,
    applyMs: count,
  }),
  plan: z.strictObject({ run, attempt: attemptId, plan }),
  commit: z.strictObject({ run, record: roundRecord, holders: z.array(node).max(64) }),
  abandon: z.strictObject({ run, attempt: attemptId, code: z.string().max(64), reason: z.string().max(500) }),
  finish: z.strictObject({
    run,
    model: modelRef,
    reason: z.enum(['maximum-rounds', 'target-accuracy', 'stopped']),
  }),

  // participant → owner, owner → participants
  slice: z.strictObject({ run, attempt: attemptId, slice: count, count, weight: count, values: bytes }),
  sum: z.strictObject({
    run,
    attempt: attemptId,
    tally: count,
    slice: count,
    weight: count,
    values: bytes,
  }),

  // owner → coordinator
  /** What this participant sent cannot enter a sum. */
  reject: z.strictObject({ run, attempt: attemptId, participant, code: z.string().max(64) }),

  // anyone ↔ anyone
  modelRequest: z.strictObject({ run, hash }),
  model: z.strictObject({ run, model: modelRef, weights: bytes.nullable() }),
  historyRequest: z.strictObject({ run, fromRound: count }),
  history: z.strictObject({ run, records: z.array(roundRecord).max(10_000) }),
  voteRequest: z.strictObject({ run, term: count, model: modelRef }),
  vote: z.strictObject({ run, term: count, granted: z.boolean() }),
} as const;

export type MessageType = keyof typeof messageSchemas;
type Body<T extends MessageType> = z.output<(typeof messageSchemas)[T]>;
export type Message = { [T in MessageType]: { readonly type: T } & Readonly<Body<T>> }[MessageType];
export type MessageOf<T extends MessageType> = Extract<Message, { type: T }>;

export type AttemptId = z.output<typeof attemptId>;
export type Plan = z.output<typeof plan>;
export type RoundRecord = z.output<typeof roundRecord>;
export type ModelRef = z.output<typeof modelRef>;
