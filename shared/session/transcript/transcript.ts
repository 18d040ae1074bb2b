import { decode, encode } from '@msgpack/msgpack';
import { z } from 'zod';
import { check, toErrorRecord } from '../../errors/index.ts';
import { type Federation, formatPath, parseFederation } from '../../federation/index.ts';
import { type Layout, layoutOf } from '../../update/index.ts';
import { messageSchemas } from '../../wire/index.ts';
import type { TranscriptEvent, TranscriptHeader } from './chain.ts';
import { attemptSchema, decodeFact, EVENT_KINDS, type Fact, invalid, nodeSchema } from './events.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/**
 * One attempt at a secure round as one node saw it: a hash chain of what happened, whose head the node signed, and the
 * numbers that are needed to compute the round again.
 */
export interface RoundTranscript {
  readonly header: TranscriptHeader;
  readonly events: readonly TranscriptEvent[];
  /** Encoded {@link TranscriptBulk}; null for an attempt that was abandoned. */
  readonly bulk: Bytes | null;
  /** SHA-256 of `bulk`; of nothing where there is none. */
  readonly bulkDigest: Bytes;
  /** Ed25519 over the head of the chain and the digest. */
  readonly signature: Bytes;
}

/**
 * What lies beside the events: numbers that were sent in the round, so that whoever has the files of its nodes can add up
 * again. They are no one's update: masked slices carry, after the shares that were revealed took off the self masks and the
 * masks shared with those who left, still the masks that every two survivors share. Whoever reads all files of a round knows
 * what all its owners together know, and secure aggregation is made for owners that are curious.
 */
export interface TranscriptBulk {
  /** Weights of the model that the round started from, as little-endian float32. Null where this node did not hold it. */
  readonly base: Bytes | null;
  /** In a round of several groups the sum of them all, as little-endian int32; else null. */
  readonly total: Bytes | null;
  /** As published: packed values, then check words; in the order in which they were heard. Empty where they are too large. */
  readonly sums: z.output<typeof bulkSchema>['sums'];
  /** Masked slices of survivors: this node's own, and those that it was sent as an owner or an owner's deputy. */
  readonly inputs: z.output<typeof bulkSchema>['inputs'];
  /** What survivors revealed: this node itself, and others to it. */
  readonly reveals: z.output<typeof bulkSchema>['reveals'];
  /** Of all dealers, where this node could become an owner. */
  readonly commitments: z.output<typeof bulkSchema>['commitments'];
}

export const TRANSCRIPT_FORMAT = 'murmuration/transcript';
export const TRANSCRIPT_VERSION = 1;
/** Well above what a recorder keeps; bounds what reading a file may take. */
const MAX_FILE_BYTES = 512 * 2 ** 20;
const MAX_PARAMETERS = 10_000;

const bytes = z.custom<Bytes>((value) => value instanceof Uint8Array, 'not bytes');
const bytesOf = (length: number) =>
  bytes.refine((value) => value.byteLength === length, `not ${length} bytes`);
const count = z
  .int()
  .min(0)
  .max(2 ** 32 - 1);
const participant = messageSchemas.reject.shape.participant;

const fileSchema = z.strictObject({
  format: z.literal(TRANSCRIPT_FORMAT),
  version: z.literal(TRANSCRIPT_VERSION),
  node: nodeSchema,
  identityKey: bytesOf(32),
  run: messageSchemas.reject.shape.run,
  attempt: attemptSchema,
  federation: z.string().max(10_000_000),
  layout: z
    .array(z.strictObject({ name: z.string().max(500), shape: z.array(count).max(16) }))
    .max(MAX_PARAMETERS),
  events: z
    .array(z.tuple([count, z.number().min(0), count, z.enum(EVENT_KINDS), bytes, bytesOf(32)]))
    .min(1)
    .max(1_000_000),
  bulk: bytes.nullable(),
  bulkDigest: bytesOf(32),
  signature: bytesOf(64),
});

const bulkSchema = z.strictObject({
  base: bytes.nullable(),
  total: bytes.nullable(),
  sums: z.array(z.strictObject({ slice: count, owner: nodeSchema, values: bytes })),
  inputs: z.array(z.strictObject({ slice: count, participant, values: bytes })),
  reveals: z.array(z.strictObject({ holder: participant, shares: messageSchemas.reveal.shape.shares })),
  commitments: messageSchemas.inbox.shape.shares,
});

/** The file: MessagePack, self-contained. */
export function encodeTranscript(transcript: RoundTranscript): Bytes {
  const { header, events, bulk, bulkDigest, signature } = transcript;
  const rows = events.map(({ seq, atMs, group, kind, body, hash }) => [seq, atMs, group, kind, body, hash]);
  return encode({
    format: TRANSCRIPT_FORMAT,
    version: TRANSCRIPT_VERSION,
    ...header,
    events: rows,
    bulk,
    bulkDigest,
    signature,
  }) as Bytes;
}

/**
 * Reads a whole file; `verifyTranscript` says whether it is true.
 * @throws `secagg.transcript-invalid` with the path of the offending field.
 */
export function decodeTranscript(file: Uint8Array): RoundTranscript {
  check(file.byteLength <= MAX_FILE_BYTES, 'secagg.transcript-invalid', 'The file is too large.', {
    path: 'file',
    expected: `at most ${MAX_FILE_BYTES} bytes`,
    received: String(file.byteLength),
  });
  // Node's Buffer is a Uint8Array whose slices are no copies: erasing one would change the file.
  const plain = new Uint8Array(file.buffer, file.byteOffset, file.byteLength);
  const value = unpack(plain, 'file', 'The file is damaged, cut short, or not a transcript.');
  const { format, version, events, bulk, bulkDigest, signature, ...header } = parse(
    fileSchema,
    value,
    'file',
  );
  const transcript: RoundTranscript = {
    header,
    events: events.map(([seq, atMs, group, kind, body, hash]) => ({ seq, atMs, group, kind, body, hash })),
    bulk,
    bulkDigest,
    signature,
  };
  federationOf(transcript);
  layoutOfTranscript(transcript);
  factsOf(transcript);
  bulkOf(transcript);
  return transcript;
}

/** @throws `secagg.transcript-invalid`. */
export function factsOf({ events }: RoundTranscript): Fact[] {
  return events.map(({ kind, body }, i) => decodeFact(kind, body, `events[${i}]`));
}

/** @throws `secagg.transcript-invalid`. */
export function bulkOf({ bulk }: RoundTranscript): TranscriptBulk | null {
  return bulk === null ? null : parse(bulkSchema, unpack(bulk, 'bulk', 'Not MessagePack.'), 'bulk');
}

export function encodeBulk(bulk: TranscriptBulk): Bytes {
  return encode(bulk) as Bytes;
}

/** @throws `secagg.transcript-invalid`. */
export function federationOf({ header }: RoundTranscript): Federation {
  try {
    return parseFederation(JSON.parse(header.federation));
  } catch (cause) {
    const { path, message } = toErrorRecord(cause);
    throw invalid(path === undefined ? 'federation' : `federation.${path}`, message, cause);
  }
}

/** @throws `secagg.transcript-invalid`. */
export function layoutOfTranscript({ header }: RoundTranscript): Layout {
  try {
    return layoutOf(header.layout);
  } catch (cause) {
    throw invalid('layout', toErrorRecord(cause).message, cause);
  }
}

/** Whether the round that it tells of was committed. */
export function isCommittedRound({ events }: RoundTranscript): boolean {
  return events.at(-1)?.kind === 'committed';
}

function unpack(file: Uint8Array, path: string, summary: string): unknown {
  try {
    // What is cut out of a subclass, such as Node's Buffer, is of that class, whose slices share memory.
    return decode(new Uint8Array(file.buffer, file.byteOffset, file.byteLength));
  } catch (cause) {
    throw invalid(path, summary, cause);
  }
}

function parse<T>(schema: z.ZodType<T>, value: unknown, root: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  const path = formatPath(issue.path);
  throw invalid(path === '' ? root : path, `The file does not validate: ${issue.message}.`);
}
