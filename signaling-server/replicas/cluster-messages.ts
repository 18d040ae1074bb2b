import { z } from 'zod';
import { type ErrorRecord, MurmurationError } from '../../shared/errors/index.ts';
import {
  isParticipantId,
  PARTICIPANT_ID_BYTES,
  type ParticipantId,
  participantIdFromBytes,
  participantIdToBytes,
} from '../../shared/identity/index.ts';

/** What replicas tell all others, as JSON: who is connected to them and which federations they lead. */
const participant = z.custom<ParticipantId>(
  (value) => typeof value === 'string' && isParticipantId(value),
  'not a participant id',
);
const count = z.int().min(0);
const error = z.custom<ErrorRecord>((value) => typeof (value as ErrorRecord | null)?.code === 'string');
const member = z.object({
  federation: z.string(),
  peer: participant,
  incarnation: count,
  /** Greater for a connection that was made in the knowledge of the other. */
  order: count,
});
const about = { replica: z.string(), incarnation: count, version: count };

const message = z.discriminatedUnion('type', [
  /** Every second. `version` counts the changes so far: whoever counted otherwise asks for the roster. */
  z.object({ type: z.literal('beat'), ...about, address: z.string().optional() }),
  z.object({ type: z.literal('arrived'), ...about, member }),
  z.object({ type: z.literal('departed'), ...about, member, reason: z.enum(['left', 'lost']) }),
  z.object({ type: z.literal('node'), ...about, federation: z.string(), present: z.boolean() }),
  z.object({
    type: z.literal('roster'),
    ...about,
    address: z.string().optional(),
    members: z.array(member),
    nodes: z.array(z.string()),
  }),
  /** Wants the roster of one replica, or of all. */
  z.object({ type: z.literal('ask'), ...about, of: z.string().optional() }),
  /** Of one federation, or of all; with `to`, that replica alone, which may have missed it, is meant. */
  z.object({
    type: z.literal('expel'),
    ...about,
    participant,
    error,
    federation: z.string().optional(),
    to: z.string().optional(),
  }),
  z.object({ type: z.literal('gone'), ...about }),
]);

export type ClusterMessage = z.output<typeof message>;
export type RosterMember = z.output<typeof member>;

/** @throws `wire.malformed` */
export function parseClusterMessage(bytes: Uint8Array): ClusterMessage {
  try {
    return message.parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
  } catch (cause) {
    throw malformed(cause);
  }
}

export function encodeClusterMessage(value: ClusterMessage): Uint8Array {
  return Buffer.from(JSON.stringify(value));
}

/**
 * What one replica passes to one other on behalf of participants:
 *
 *     kind:1 length:1 federation[length] from[16] to[16] payload
 *
 * The server's node as a sender or receiver is sixteen zeros.
 */
export interface Parcel {
  readonly kind: ParcelKind;
  readonly federation: string;
  readonly from: ParticipantId | undefined;
  readonly to: ParticipantId | undefined;
  readonly payload: Uint8Array<ArrayBuffer>;
}

const KINDS = [
  'signal',
  'relay',
  'to-node',
  'from-node',
  'fault',
  'notice',
  'hold',
  'release',
  'absent',
] as const;
export type ParcelKind = (typeof KINDS)[number];

export function encodeParcel({ kind, federation, from, to, payload }: Parcel): Uint8Array<ArrayBuffer> {
  const name = Buffer.from(federation);
  const bytes = new Uint8Array(2 + name.length + 2 * PARTICIPANT_ID_BYTES + payload.length);
  bytes[0] = KINDS.indexOf(kind);
  bytes[1] = name.length;
  bytes.set(name, 2);
  let offset = 2 + name.length;
  for (const id of [from, to]) {
    if (id !== undefined) bytes.set(participantIdToBytes(id), offset);
    offset += PARTICIPANT_ID_BYTES;
  }
  bytes.set(payload, offset);
  return bytes;
}

/** @returns views into `bytes`. @throws `wire.malformed` */
export function decodeParcel(bytes: Uint8Array<ArrayBuffer>): Parcel {
  const kind = KINDS[bytes[0] ?? KINDS.length];
  const fromAt = 2 + (bytes[1] ?? 0);
  const toAt = fromAt + PARTICIPANT_ID_BYTES;
  const payloadAt = toAt + PARTICIPANT_ID_BYTES;
  if (kind === undefined || bytes.length < payloadAt) throw malformed(undefined);
  const idAt = (offset: number): ParticipantId | undefined => {
    const id = bytes.subarray(offset, offset + PARTICIPANT_ID_BYTES);
    return id.every((byte) => byte === 0) ? undefined : participantIdFromBytes(id);
  };
  return {
    kind,
    federation: Buffer.from(bytes.subarray(2, fromAt)).toString('utf8'),
    from: idAt(fromAt),
    to: idAt(toAt),
    payload: bytes.subarray(payloadAt),
  };
}

function malformed(cause: unknown): MurmurationError {
  return new MurmurationError('wire.malformed', 'A message of another replica cannot be read.', {
    expected: 'replicas of one version',
    remedy: 'Finish the update of all replicas.',
    cause,
  });
}
