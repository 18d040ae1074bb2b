import { z } from 'zod';
import { type ErrorRecord, MurmurationError } from '../errors/index.ts';
import { formatPath } from '../federation/index.ts';
import { isParticipantId, type ParticipantId } from '../identity/index.ts';

/**
 * The text messages between a participant and the hub, over the WebSocket at `/ws?federation=ID`.
 *
 *     server                              participant
 *       challenge {protocol, nonce}  ──▶
 *                                    ◀──  hello {participant, publicKey, incarnation, federation, signature,
 *                                                credential?, policy?}
 *       welcome {peers, token, …}    ──▶                     (or: refused {error}, and the connection closes)
 *       arrived, departed, node      ──▶
 *       signal {from, envelope}      ◀─▶  signal {to, envelope}
 *       refused {error}              ──▶                     (one message refused; the connection goes on)
 *       bye {reason}                 ◀─▶  bye {}
 *
 * Binary frames are in hub-frames.ts.
 */
export const HUB_PROTOCOL = 1;

/** Largest signalling envelope, in UTF-16 units. */
export const MAX_ENVELOPE_LENGTH = 65_536;
/** Largest text message: an envelope whose every character JSON escapes by one more, and the fields around it. */
export const MAX_TEXT_BYTES = 2 * MAX_ENVELOPE_LENGTH + 1024;
/** A frame of 64 kB and 256 bytes of its header. */
export const MAX_RELAY_BYTES = 65_536 + 256;
/** Larger messages to and from the server go over HTTP, which is several times faster (docs/ARCHITECTURE.md). */
export const MAX_SMALL_MESSAGE_BYTES = 16_384;

/** Longest credential of a hello. */
export const MAX_CREDENTIAL_LENGTH = 4096;

/** Why a connection ended, as WebSocket close codes (RFC 6455, section 7.4; 4000 and up are ours). */
export const CLOSE = {
  normal: 1000,
  goingAway: 1001,
  policy: 1008,
  tooLarge: 1009,
  refused: 4000,
  superseded: 4001,
} as const;

const count = z
  .int()
  .min(0)
  .max(2 ** 32 - 1);
const base64Url = (length: number) =>
  z.string().regex(new RegExp(`^[A-Za-z0-9_-]{${length}}$`), `not ${length} characters of base64url`);
const participant = z.custom<ParticipantId>(
  (value) => typeof value === 'string' && isParticipantId(value),
  'not a participant id',
);
const federation = z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'not a federation id');
const envelope = z.string().max(MAX_ENVELOPE_LENGTH);
const presence = z.strictObject({ peer: participant, incarnation: count });
const iceServer = z.strictObject({
  urls: z.union([z.string(), z.array(z.string()).readonly()]),
  username: z.string().exactOptional(),
  credential: z.string().exactOptional(),
});
const error = z.custom<ErrorRecord>(
  (value) =>
    typeof value === 'object' &&
    value !== null &&
    typeof (value as ErrorRecord).code === 'string' &&
    typeof (value as ErrorRecord).message === 'string',
  'not an error record',
);

const clientText = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('hello'),
    protocol: z.literal(HUB_PROTOCOL),
    participant,
    publicKey: base64Url(43),
    incarnation: count,
    federation,
    /** Over {@link helloStatement}. */
    signature: base64Url(86),
    /**
     * What lets it in: an invitation, a key or a JWT. Not signed: the challenge makes each hello good for one connection, and
     * whoever could change it on the way reads the bearer token too. SPEC H-11.
     */
    credential: z
      .string()
      .min(1)
      .max(MAX_CREDENTIAL_LENGTH)
      .regex(/^[\x21-\x7e]*$/, 'not printable characters without spaces')
      .exactOptional(),
    /** Hex SHA-256 of the terms that its person agreed to. */
    policy: z
      .string()
      .regex(/^[0-9a-f]{64}$/, 'not 64 hexadecimal digits')
      .exactOptional(),
  }),
  z.strictObject({ type: z.literal('signal'), to: participant, envelope }),
  z.strictObject({ type: z.literal('bye') }),
]);

const serverText = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('challenge'),
    protocol: z.literal(HUB_PROTOCOL),
    nonce: base64Url(43),
  }),
  z.strictObject({
    type: z.literal('welcome'),
    peers: z.array(presence).max(10_000),
    iceServers: z.array(iceServer).max(32),
    /** Bearer token for the HTTP half of messages to and from the server. */
    token: z.string().min(1).max(200),
    serverIncarnation: count,
    /** Whether the server takes part in this federation as a node. */
    serverNode: z.boolean(),
    /** The server is heard from at least this often. */
    heartbeatMs: z.int().min(1).max(600_000),
  }),
  z.strictObject({ type: z.literal('refused'), error, peer: participant.exactOptional() }),
  z.strictObject({ type: z.literal('signal'), from: participant, envelope }),
  /** Also sent when a participant that is here connects anew; it reloaded if the incarnation differs. */
  z.strictObject({ type: z.literal('arrived'), presence }),
  z.strictObject({ type: z.literal('departed'), peer: participant }),
  /** The incarnation says when another process of the server took part over: what the earlier one held is gone. */
  z.strictObject({ type: z.literal('node'), present: z.boolean(), incarnation: count.exactOptional() }),
  z.strictObject({ type: z.literal('bye'), reason: z.enum(['superseded', 'shutdown']) }),
]);

export type ClientText = z.output<typeof clientText>;
export type ServerText = z.output<typeof serverText>;
export type Hello = Extract<ClientText, { type: 'hello' }>;
export type Welcome = Extract<ServerText, { type: 'welcome' }>;

/** @throws `wire.malformed` with the path of the offending field, `wire.version`, `wire.too-large`. */
export function parseClientText(text: string): ClientText {
  return parse(clientText, 'hello', text);
}

/** @throws `wire.malformed` with the path of the offending field, `wire.version`, `wire.too-large`. */
export function parseServerText(text: string): ServerText {
  return parse(serverText, 'challenge', text);
}

function parse<T>(schema: z.ZodType<T>, versioned: string, text: string): T {
  if (text.length > MAX_TEXT_BYTES) {
    throw new MurmurationError('wire.too-large', 'A text message is too large.', {
      expected: `at most ${MAX_TEXT_BYTES} bytes`,
      received: `${text.length} characters`,
    });
  }
  const json = parseJson(text);
  checkVersion(json, versioned);
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new MurmurationError('wire.malformed', `A hub message does not validate: ${issue!.message}.`, {
    path: formatPath(issue!.path) || 'message',
    expected: 'a message of the hub protocol (docs/SPEC.md)',
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new MurmurationError('wire.malformed', 'A text message is not JSON.', {
      expected: 'a message of the hub protocol (docs/SPEC.md)',
      cause,
    });
  }
}

/** Before anything else is looked at: another version may have other fields. */
function checkVersion(json: unknown, versioned: string): void {
  if (typeof json !== 'object' || json === null) return;
  const { type, protocol } = json as { type?: unknown; protocol?: unknown };
  if (type !== versioned || typeof protocol !== 'number' || protocol === HUB_PROTOCOL) return;
  throw new MurmurationError('wire.version', 'The two sides speak different versions of the hub protocol.', {
    expected: String(HUB_PROTOCOL),
    received: String(protocol),
    remedy: 'Reload the page, or update whichever side is older.',
  });
}

/**
 * What a participant signs to prove that it holds the key behind its id. The first line separates it from
 * everything else the key signs; no field can hold a line break, so no two sets of fields give the same bytes.
 */
export function helloStatement(fields: {
  readonly nonce: string;
  readonly federation: string;
  readonly incarnation: number;
  readonly participant: ParticipantId;
}): Uint8Array<ArrayBuffer> {
  const { nonce, federation, incarnation, participant } = fields;
  const lines = ['murmuration hub hello 1', nonce, federation, String(incarnation), participant];
  return new TextEncoder().encode(lines.join('\n'));
}
