import { createHash } from 'node:crypto';
import { check, MurmurationError } from '../../shared/errors/index.ts';
import {
  fromBase64Url,
  type ParticipantId,
  participantIdOf,
  verifySignature,
} from '../../shared/identity/index.ts';

export const RIGHTS_ACTIONS = ['export', 'delete', 'withdraw', 'consent'] as const;
export type RightsAction = (typeof RIGHTS_ACTIONS)[number];

/**
 * A request of a participant that proves itself: whoever is kept out, or has no connection to the hub, has its rights all the same.
 */
export interface SignedRequest {
  readonly action: RightsAction;
  readonly participant: ParticipantId;
  /** Of `withdraw` and `consent`; empty otherwise. */
  readonly federation: string;
  /** Of `consent`; empty otherwise. */
  readonly policy: string;
  readonly atMs: number;
  /** Base64url, raw Ed25519. */
  readonly publicKey: string;
  /** Base64url, over {@link requestStatement}. */
  readonly signature: string;
}

/** Clocks of devices are off by minutes. */
const MAX_AGE_MS = 10 * 60_000;

/** What the device signs; no field can hold a line break. */
export function requestStatement(
  request: Omit<SignedRequest, 'publicKey' | 'signature'>,
): Uint8Array<ArrayBuffer> {
  const { action, participant, federation, policy, atMs } = request;
  const lines = ['murmuration rights request 1', action, participant, federation, policy, String(atMs)];
  return new TextEncoder().encode(lines.join('\n'));
}

/** @throws `identity.mismatch`, `identity.bad-signature`, `wire.stale`, `wire.malformed`. SPEC V-11. */
export function checkSignedRequest(request: SignedRequest, nowMs: number): ParticipantId {
  const [publicKey, signature] = [
    decode('publicKey', request.publicKey),
    decode('signature', request.signature),
  ];
  check(publicKey.length === 32, 'wire.malformed', 'This is no public key.', { path: 'publicKey' });
  check(
    [request.federation, request.policy].every((text) => !/[\r\n]/.test(text)),
    'wire.malformed',
    'A field holds a line break.',
  );
  check(
    participantIdOf(publicKey) === request.participant,
    'identity.mismatch',
    'The public key belongs to another participant.',
    { remedy: 'Sign with the key of the participant that the request is about.' },
  );
  check(
    verifySignature(publicKey, requestStatement(request), signature),
    'identity.bad-signature',
    'The signature does not prove this identity.',
    { expected: 'a signature over the statement of the request' },
  );
  check(
    Math.abs(nowMs - request.atMs) <= MAX_AGE_MS,
    'wire.stale',
    'The request was signed at another time.',
    {
      expected: `within ${MAX_AGE_MS / 60_000} minutes of the time of this server`,
      remedy: 'Correct the clock of the device, and sign a new request.',
    },
  );
  return request.participant;
}

/** What is not an order that may be repeated: it gives something away, or takes a withdrawal back. */
const ONCE: ReadonlySet<RightsAction> = new Set(['export', 'consent']);

/**
 * Remembers requests for as long as their time is good, so that whoever has seen one cannot send it again: for a copy of the data, or for a
 * consent that was withdrawn since. Of deletions and withdrawals the same again comes to the same.
 * @returns what throws `wire.replayed`.
 */
export function replayGuard(): (request: SignedRequest, nowMs: number) => void {
  const seen = new Map<string, number>();
  return (request, nowMs) => {
    if (!ONCE.has(request.action)) return;
    for (const [key, untilMs] of seen) if (untilMs < nowMs) seen.delete(key);
    // What is signed rather than the signature, which may be written in more than one way. Hashed: whoever exports may be deleted next.
    const key = createHash('sha256').update(requestStatement(request)).digest('base64');
    check(!seen.has(key), 'wire.replayed', 'This request was carried out before.', {
      remedy: 'Sign a new one.',
    });
    seen.set(key, request.atMs + MAX_AGE_MS);
  };
}

function decode(path: string, text: string): Uint8Array<ArrayBuffer> {
  try {
    return fromBase64Url(text);
  } catch (cause) {
    throw new MurmurationError('wire.malformed', 'The text is not base64url.', { path, cause });
  }
}
