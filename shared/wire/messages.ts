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

/** Most participants of one cohort. */
export const MAX_COHORT = 4096;
const participants = z.array(participant).max(MAX_COHORT);
const bytesOf = (length: number) =>
  bytes.refine((value) => value.byteLength === length, `not ${length} bytes`);
const bytesUpTo = (length: number) =>
  bytes.refine((value) => value.byteLength <= length, `more than ${length} bytes`);

/** One try at one round under one coordinator's term. Later terms win over earlier ones. */
const attemptId = z.strictObject({ term: count, round: count, attempt: count });

/** Who coordinates, who takes part, who adds up which slice, and, once fixed, whose slices the sum holds. */
const plan = z.strictObject({
  /** Grows with every change; everyone converges on the highest. */
  revision: count,
  cohort: participants,
  /** owners[c] adds up slice c. */
  owners: z.array(node).min(1).max(1024),
  survivors: participants.nullable(),
  /** Counts the survivor sets of this attempt: 0 while there is none. A sum belongs to exactly one tally. */
  tally: count,
  /** Which of the groups of its round this one is; absent where one group is all there is. */
  group: z.strictObject({ index: count, count: z.int().min(2).max(MAX_COHORT) }).optional(),
});

/** Fresh keys for one attempt; shared/secagg/types.ts says what each field is. */
const keyAdvert = z.strictObject({
  participant,
  identityKey: bytesOf(32),
  maskKey: bytesOf(32),
  cipherKey: bytesOf(32),
  weight: count,
  signature: bytesOf(64),
});
const shareCommitments = z.strictObject({
  dealer: participant,
  commitments: bytesUpTo(32 * MAX_COHORT),
  signature: bytesOf(64),
});
/** Two shares, and the check keys of a mesh of 16. */
const sealedBox = bytesUpTo(1024);
const confirmation = z.strictObject({ participant, digests: bytesUpTo(16 * 1024), signature: bytesOf(64) });

const counts = z.strictObject({ total: count, correct: count, lossSum: z.number() });
const evaluation = counts.extend({
  /** SHA-256 of the held-out set that the server counted on; absent where participants counted. SPEC Q-26. */
  heldOut: hash.optional(),
});

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
  /** How many of the survivors confirmed each other before masks were removed; null in a plain round. */
  secure: z.strictObject({ threshold: count, confirmations: count }).nullable(),
  /** How many groups' sums the model is made of; absent where one group was all there was. */
  groups: count.optional(),
  /** Nobody trained: the model went back to this version. */
  rollback: z.strictObject({ to: count }).optional(),
});

const modelRef = z.strictObject({ version: count, hash });

/** What a selection by resources may go by; null is what the person keeps to itself. SPEC C-53. */
const deviceReport = z.strictObject({
  examplesPerSecond: z.number().positive().max(1e9).nullable(),
  charging: z.boolean().nullable(),
  /** Of a full battery, 0 to 1. */
  battery: z.number().min(0).max(1).nullable(),
  metered: z.boolean().nullable(),
});

export const messageSchemas = {
  // participant → coordinator
  join: z.strictObject({
    run,
    incarnation: count,
    model: modelRef.nullable(),
    term: count,
    examples: count,
    paused: z.boolean(),
    /** To the nonce that this participant will reveal in the next draw of groups; absent where there are none. */
    commitment: bytesOf(32).optional(),
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
  /** Sums of these slices do not pass the check: their owners, or whoever sent the check words, lied. */
  dispute: z.strictObject({
    run,
    attempt: attemptId,
    tally: count,
    slices: z.array(count).min(1).max(1024),
    /** owners[i] sent the sum of slices[i]: by the time this arrives the slice may have another owner. */
    owners: z.array(node).min(1).max(1024),
  }),
  keys: z.strictObject({ run, attempt: attemptId, advert: keyAdvert }),
  shares: z.strictObject({
    run,
    attempt: attemptId,
    shares: shareCommitments,
    boxes: z.array(z.strictObject({ to: participant, box: sealedBox })).max(MAX_COHORT),
  }),
  confirm: z.strictObject({ run, attempt: attemptId, confirmation }),
  evaluated: z.strictObject({ run, round: count, hash, counts }),

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
    /** How the groups came about; absent where one group is all there is. */
    draw: z.strictObject({ cohort: participants, nonces: z.array(bytesOf(32)).max(MAX_COHORT) }).optional(),
  }),
  plan: z.strictObject({ run, attempt: attemptId, plan }),
  commit: z.strictObject({ run, record: roundRecord, holders: z.array(node).max(64) }),
  abandon: z.strictObject({
    run,
    attempt: attemptId,
    code: z.string().max(64),
    reason: z.string().max(500),
    /** Only this one of several groups ends. */
    group: count.optional(),
  }),
  finish: z.strictObject({
    run,
    model: modelRef,
    reason: z.enum(['maximum-rounds', 'target-accuracy', 'stopped']),
  }),

  /** U1: whose keys arrived; to a participant of a large cohort, those of its neighbours. */
  roster: z.strictObject({ run, attempt: attemptId, adverts: z.array(keyAdvert).max(MAX_COHORT) }),
  /** U2: whose shares arrived, and what was dealt to the receiver. */
  inbox: z.strictObject({
    run,
    attempt: attemptId,
    dealers: participants,
    boxes: z.array(z.strictObject({ dealer: participant, box: sealedBox })).max(MAX_COHORT),
    shares: z.array(shareCommitments).max(MAX_COHORT),
  }),
  confirmed: z.strictObject({
    run,
    attempt: attemptId,
    confirmations: z.array(confirmation).max(MAX_COHORT),
  }),

  // participant → owner, owner → participants
  reveal: z.strictObject({
    run,
    attempt: attemptId,
    /** Of the survivors that the shares belong to. */
    digest: bytesOf(32),
    shares: z.array(z.strictObject({ dealer: participant, share: bytesOf(32) })).max(MAX_COHORT),
  }),
  slice: z.strictObject({ run, attempt: attemptId, slice: count, count, weight: count, values: bytes }),
  sum: z.strictObject({
    run,
    attempt: attemptId,
    tally: count,
    slice: count,
    weight: count,
    values: bytes,
    /** In a secure round: digests of the masked slices that went in, in the order of survivors, signed by the owner. */
    proof: z
      .strictObject({ digests: bytesUpTo(16 * MAX_COHORT), identityKey: bytesOf(32), signature: bytesOf(64) })
      .nullable(),
    /** As in the plan. */
    group: count.optional(),
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

  // rounds of several groups: coordinator → participants, and back
  /** Whoever is to be split into groups, and what each committed to. */
  draw: z.strictObject({
    run,
    attempt: attemptId,
    cohort: participants,
    commitments: z.array(bytesOf(32)).max(MAX_COHORT),
  }),
  nonce: z.strictObject({
    run,
    attempt: attemptId,
    nonce: bytesOf(32),
    /** Commitment for the next draw. */
    next: bytesOf(32),
  }),
  /** The hash of a group's sum; `applied` follows with that of the model. */
  summed: z.strictObject({ run, attempt: attemptId, tally: count, hash }),
  /** The sum of all groups' sums: little-endian int32. */
  total: z.strictObject({ run, attempt: attemptId, weight: count, values: bytes }),

  // asynchronous rounds: participant → coordinator
  /** Its update, trained from this model, waits for a round. */
  ready: z.strictObject({ run, model: modelRef }),

  // participant → coordinator, after `join`
  /** Only what the person agreed to report of the device. */
  device: z.strictObject({ run, device: deviceReport }),

  // coordinator → participants
  /** There is no round for now, and why. */
  standby: z.strictObject({ run, code: z.string().max(64), reason: z.string().max(500) }),
} as const;

export type MessageType = keyof typeof messageSchemas;
type Body<T extends MessageType> = z.output<(typeof messageSchemas)[T]>;
export type Message = { [T in MessageType]: { readonly type: T } & Readonly<Body<T>> }[MessageType];
export type MessageOf<T extends MessageType> = Extract<Message, { type: T }>;

export type AttemptId = z.output<typeof attemptId>;
export type Plan = z.output<typeof plan>;
export type RoundRecord = z.output<typeof roundRecord>;
export type ModelRef = z.output<typeof modelRef>;
export type DeviceReport = Readonly<z.output<typeof deviceReport>>;
