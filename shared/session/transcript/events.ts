import { decode, encode } from '@msgpack/msgpack';
import { z } from 'zod';
import { check, MurmurationError } from '../../errors/index.ts';
import { formatPath } from '../../federation/index.ts';
import { SLICE_DIGEST_BYTES, sameBytes } from '../../secagg/index.ts';
import { messageSchemas } from '../../wire/index.ts';

/**
 * What a node of a secure round notes, one kind of event each. Public facts only: keys, ids, signatures and digests,
 * never a share, a seed or an update.
 */
type Bytes = Uint8Array<ArrayBuffer>;

const { plan, attempt } = messageSchemas.plan.shape;
const { base, federationRevision } = messageSchemas.invite.shape;
const { cohort: participants, owners } = plan.shape;
const { code, participant } = messageSchemas.reject.shape;
const { slice, tally, weight, proof } = messageSchemas.sum.shape;
const node = owners.element;
const bytes = z.custom<Bytes>((value) => value instanceof Uint8Array, 'not bytes');
const bytesOf = (length: number) =>
  bytes.refine((value) => value.byteLength === length, `not ${length} bytes`);
const digest = bytesOf(32);
const sliceDigest = bytesOf(SLICE_DIGEST_BYTES);

export const factSchemas = {
  /** The attempt, and who was asked to do what in it. Always the first; on the server once for each group of the round. */
  invited: z.strictObject({
    coordinator: node,
    federationRevision,
    base,
    cohort: participants,
    owners,
    group: plan.shape.group.unwrap().nullable(),
  }),
  /** U1, or those of it that were not noted before. */
  roster: z.strictObject({ adverts: messageSchemas.roster.shape.adverts }),
  /** Someone handed its sealed shares to the coordinator: digests over all boxes, and of the commitments. */
  dealt: z.strictObject({ dealer: participant, boxes: digest, commitments: digest }),
  /** U2. */
  dealers: z.strictObject({ dealers: participants }),
  /** Sealed shares came for this node; for an owner, with the commitments of all dealers. */
  inbox: z.strictObject({ boxes: digest, commitments: digest }),
  /** Another plan: other owners, or the survivors (U3). */
  plan,
  /** A masked slice of this node's update went to an owner, or to a deputy. */
  sent: z.strictObject({ slice, to: node, digest: sliceDigest }),
  /** A masked slice came to this node, which owns it or is its owner's deputy. */
  received: z.strictObject({ slice, from: participant, digest: sliceDigest }),
  /** Survivors' words for the survivors, those that were not noted before. */
  confirmations: z.strictObject({ confirmations: messageSchemas.confirmed.shape.confirmations }),
  /** This node revealed shares to an owner: of whose self-mask seeds, of whose mask keys. */
  revealed: z.strictObject({ to: node, self: participants, mask: participants, digest }),
  /** Shares were revealed to this node. Digests are over the shares. */
  collected: z.strictObject({ from: participant, self: participants, mask: participants, digest }),
  /** An owner published the sum of a slice. */
  sum: z.strictObject({ owner: node, slice, tally, weight, values: digest, proof }),
  /** Someone told the coordinator that the sums of these slices are wrong. */
  disputed: z.strictObject({ by: node, slices: messageSchemas.dispute.shape.slices }),
  /** An owner told the coordinator that what this participant sent cannot be added up. */
  rejected: z.strictObject({ by: node, participant, code }),
  /** One of several groups was given up; the round went on with the others. */
  lost: z.strictObject({ code }),
  /** The server published the sum of the sums of all groups. */
  total: z.strictObject({ weight, values: digest }),
  /** The round came to its end: always the last. */
  committed: z.strictObject({ record: messageSchemas.commit.shape.record }),
  /** The attempt was given up: always the last. */
  abandoned: z.strictObject({ code }),
} as const;

export type EventKind = keyof typeof factSchemas;
export type FactsOf<K extends EventKind> = Readonly<z.output<(typeof factSchemas)[K]>>;
export type Fact = { [K in EventKind]: { readonly kind: K } & FactsOf<K> }[EventKind];
export type FactOf<K extends EventKind> = Extract<Fact, { kind: K }>;

export const EVENT_KINDS = Object.keys(factSchemas) as [EventKind, ...EventKind[]];
export const attemptSchema = attempt;
export const nodeSchema = node;

/** MessagePack in its shortest form with members sorted by name, those left out that are undefined: one spelling per value. */
export function canonical(value: unknown): Bytes {
  return encode(value, { sortKeys: true, ignoreUndefined: true }) as Bytes;
}

export function encodeFact({ kind: _, ...facts }: Fact): Bytes {
  return canonical(facts);
}

/** @throws `secagg.transcript-invalid` with the path of the offending field, from `path` on. */
export function decodeFact(kind: EventKind, body: Uint8Array, path: string): Fact {
  let value: unknown;
  try {
    value = decode(body);
  } catch (cause) {
    throw invalid(path, 'The body of an event is not MessagePack.', cause);
  }
  const result = factSchemas[kind].safeParse(value);
  if (!result.success) {
    const issue = result.error.issues[0]!;
    const field = formatPath(issue.path);
    throw invalid(field === '' ? path : `${path}.${field}`, `An event does not validate: ${issue.message}.`);
  }
  // A map with a member twice would be read differently by different readers.
  check(
    sameBytes(canonical(value), body),
    'secagg.transcript-invalid',
    'The body of an event is not in canonical form.',
    {
      path,
    },
  );
  return { kind, ...result.data } as Fact;
}

export function invalid(path: string, summary: string, cause?: unknown): MurmurationError {
  return new MurmurationError('secagg.transcript-invalid', summary, {
    path,
    remedy: 'Ask for the file again from whoever recorded it.',
    cause,
  });
}
