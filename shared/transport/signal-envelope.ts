import { z } from 'zod';
import { check, MurmurationError } from '../errors/index.ts';
import {
  fromBase64Url,
  type Identity,
  isParticipantId,
  type ParticipantId,
  participantIdOf,
  toBase64Url,
  verifySignature,
} from '../identity/index.ts';
import { MAX_ENVELOPE_LENGTH } from './hub-protocol.ts';

/**
 * What two participants tell each other through a server that neither has to trust: every envelope is signed
 * by the device's key, from which its id follows. A session description carries the fingerprint of the DTLS
 * certificate (RFC 8827, section 6.5), and a relay key is the X25519 key itself; so whoever is at the other
 * end of a connection made this way is who it claims to be.
 */
export const SIGNAL_KINDS = [
  'offer',
  'answer',
  'candidate',
  'relay-offer',
  'relay-answer',
  /** The side that does not initiate has no path, and asks for one. */
  'ask',
  /** An offer that this side does not take. */
  'decline',
] as const;
export type SignalKind = (typeof SIGNAL_KINDS)[number];

export interface Signal {
  readonly from: ParticipantId;
  readonly to: ParticipantId;
  /** Of the sender, and of the receiver as far as the sender knows. */
  readonly incarnation: number;
  readonly toIncarnation: number;
  /** Grows with every signal from this incarnation to this peer, from 1. */
  readonly sequence: number;
  /** 16 random bytes in base64url, drawn by the initiator: what an answer answers. */
  readonly connection: string;
  readonly kind: SignalKind;
  readonly body: string;
}

const VERSION = 1;
const participant = z.custom<ParticipantId>(
  (value) => typeof value === 'string' && isParticipantId(value),
  'not a participant id',
);
const count = z.int().min(0);
/** Canonical: the bits of the last character that carry nothing are zero, so one value has one text. */
const bytes16 = z.string().regex(/^[A-Za-z0-9_-]{21}[AQgw]$/, 'not 16 bytes in base64url');
const bytes32 = z.string().regex(/^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/, 'not 32 bytes in base64url');
const bytes64 = z.string().regex(/^[A-Za-z0-9_-]{85}[AQgw]$/, 'not 64 bytes in base64url');

const envelopeSchema = z.strictObject({
  v: z.literal(VERSION),
  from: participant,
  to: participant,
  incarnation: count,
  toIncarnation: count,
  sequence: count.min(1),
  connection: bytes16,
  kind: z.enum(SIGNAL_KINDS),
  body: z.string(),
  publicKey: bytes32,
  signature: bytes64,
});

/** @returns the envelope as JSON. */
export async function sealSignal(identity: Identity, signal: Signal): Promise<string> {
  const signature = await identity.sign(statement(signal));
  return JSON.stringify({
    v: VERSION,
    ...signal,
    publicKey: toBase64Url(identity.publicKey),
    signature: toBase64Url(signature),
  });
}

export interface SignalExpectations {
  /** Whom the server says it is from. */
  readonly from: ParticipantId;
  readonly to: ParticipantId;
  readonly toIncarnation: number;
  readonly replays: ReplayGuard;
}

/**
 * @throws `wire.malformed`, `wire.version`, `wire.too-large`; `identity.mismatch` for another sender or
 * receiver; `wire.stale` for another incarnation of ours; `wire.replayed`; `identity.bad-signature`.
 */
export function openSignal(envelope: string, expected: SignalExpectations): Signal {
  check(envelope.length <= MAX_ENVELOPE_LENGTH, 'wire.too-large', 'A signalling envelope is too large.', {
    expected: `at most ${MAX_ENVELOPE_LENGTH} characters`,
    received: String(envelope.length),
  });
  const { v: _v, publicKey, signature, ...signal } = parse(envelope);
  const key = fromBase64Url(publicKey);
  check(
    signal.from === expected.from && signal.to === expected.to && participantIdOf(key) === signal.from,
    'identity.mismatch',
    'A signalling envelope is not from whom, or not for whom, it is said to be.',
    {
      expected: `one from ${expected.from} to ${expected.to}, with the key of the sender`,
      received: `one from ${signal.from} to ${signal.to}`,
      remedy: 'If this repeats, do not trust the server.',
    },
  );
  check(
    signal.toIncarnation === expected.toIncarnation,
    'wire.stale',
    'A signalling envelope is meant for an earlier start of this page.',
  );
  expected.replays.check(signal.incarnation, signal.sequence);
  check(
    verifySignature(key, statement(signal), fromBase64Url(signature)),
    'identity.bad-signature',
    'The signature of a signalling envelope does not hold.',
    { remedy: 'If this repeats, do not trust the server.' },
  );
  expected.replays.add(signal.incarnation, signal.sequence);
  return signal;
}

/** Signals may overtake each other by this much on their way through several servers. */
const REPLAY_WINDOW = 64;

/** Remembers which signals of one peer have been seen. */
export interface ReplayGuard {
  /** @throws `wire.replayed`. */
  check(incarnation: number, sequence: number): void;
  add(incarnation: number, sequence: number): void;
}

export function createReplayGuard(): ReplayGuard {
  let current: number | undefined;
  let highest = 0;
  let seen = new Set<number>();

  return {
    check(incarnation, sequence) {
      if (incarnation !== current) return;
      check(
        sequence > highest - REPLAY_WINDOW && !seen.has(sequence),
        'wire.replayed',
        'A signalling envelope came a second time.',
      );
    },
    add(incarnation, sequence) {
      if (incarnation !== current) {
        current = incarnation;
        highest = 0;
        seen = new Set();
      }
      highest = Math.max(highest, sequence);
      seen.add(sequence);
      for (const old of seen) if (old <= highest - REPLAY_WINDOW) seen.delete(old);
    },
  };
}

function parse(envelope: string): z.output<typeof envelopeSchema> {
  let json: unknown;
  try {
    json = JSON.parse(envelope);
  } catch (cause) {
    throw new MurmurationError('wire.malformed', 'A signalling envelope is not JSON.', { cause });
  }
  const version = typeof json === 'object' && json !== null ? (json as { v?: unknown }).v : undefined;
  if (typeof version === 'number' && version !== VERSION)
    throw new MurmurationError('wire.version', 'A peer signals in another version.', {
      expected: String(VERSION),
      received: String(version),
      remedy: 'Reload the older of the two pages.',
    });
  const result = envelopeSchema.safeParse(json);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new MurmurationError(
    'wire.malformed',
    `A signalling envelope does not validate: ${issue!.message}.`,
    {
      path: issue!.path.map(String).join('.') || 'envelope',
    },
  );
}

/** The body comes last and nothing before it can hold a line break, so no two signals give the same bytes. */
function statement(signal: Signal): Uint8Array<ArrayBuffer> {
  const { from, to, incarnation, toIncarnation, sequence, connection, kind, body } = signal;
  const lines = [
    'murmuration signal 1',
    from,
    to,
    incarnation,
    toIncarnation,
    sequence,
    connection,
    kind,
    body,
  ];
  return new TextEncoder().encode(lines.join('\n'));
}
