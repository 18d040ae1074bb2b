import { chacha20poly1305 } from '@noble/ciphers/chacha.js';
import { x25519 } from '@noble/curves/ed25519.js';
import { hkdf } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { MurmurationError } from '../errors/index.ts';
import { fromBase64Url, type ParticipantId } from '../identity/index.ts';
import type { CryptoRandom } from '../random/index.ts';

/** One connection's ephemeral X25519 pair (RFC 7748). The signed envelope that carries the public half binds it. */
export interface RelayKeyPair {
  readonly secret: Uint8Array;
  readonly publicKey: Uint8Array;
}

export function createRelayKeyPair(random: CryptoRandom): RelayKeyPair {
  const secret = random.bytes(32);
  return { secret, publicKey: x25519.getPublicKey(secret) };
}

export interface RelayEnd {
  readonly id: ParticipantId;
  /** Raw X25519 public key, 32 bytes. */
  readonly publicKey: Uint8Array;
}

export interface RelayAgreement {
  readonly secret: Uint8Array;
  readonly initiator: RelayEnd;
  readonly responder: RelayEnd;
  readonly isInitiator: boolean;
  /** The 22 base64url characters that name the connection. */
  readonly connection: string;
}

/** Tag and counter (4 bytes each, big-endian), and the authenticator (16). */
export const RELAY_OVERHEAD_BYTES = 24;
const HEADER_BYTES = 8;
const TAG_BYTES = 4;
const MAX_COUNTER = 2 ** 32 - 1;

/** Encrypts frames one way and decrypts them the other, each direction under its own key. */
export interface RelayCipher {
  /** @returns undefined when 2^32 frames have used up the key: open another connection. */
  seal(frame: Uint8Array): Uint8Array<ArrayBuffer> | undefined;
  /**
   * @throws `wire.integrity` for a frame that was tampered with (its number stays expected), `wire.replayed`
   * for one that came before, `wire.stale` when one in between is missing.
   */
  open(sealed: Uint8Array): Uint8Array<ArrayBuffer>;
}

/**
 * ChaCha20-Poly1305 (RFC 8439) under keys from HKDF-SHA-256 (RFC 5869): both ends, both public keys and the
 * connection go into the derivation. The nonce is the frame's number, which never repeats under one key.
 * @throws `wire.malformed` for a public key of small order.
 */
export function createRelayCipher(agreement: RelayAgreement): RelayCipher {
  const { initiator, responder, isInitiator, connection } = agreement;
  const keys = deriveKeys(agreement, isInitiator ? responder.publicKey : initiator.publicKey);
  const sendKey = keys.subarray(isInitiator ? 0 : 32, isInitiator ? 32 : 64);
  const receiveKey = keys.subarray(isInitiator ? 32 : 0, isInitiator ? 64 : 32);
  const tag = fromBase64Url(connection).subarray(0, TAG_BYTES);
  let sent = 0;
  let expected = 0;

  return {
    seal(frame) {
      if (sent > MAX_COUNTER) return undefined;
      const sealed = new Uint8Array(frame.length + RELAY_OVERHEAD_BYTES);
      sealed.set(tag);
      new DataView(sealed.buffer).setUint32(TAG_BYTES, sent);
      const header = sealed.slice(0, HEADER_BYTES);
      chacha20poly1305(sendKey, nonceOf(sent), header).encrypt(frame, sealed.subarray(HEADER_BYTES));
      sent++;
      return sealed;
    },
    open(sealed) {
      if (sealed.length < RELAY_OVERHEAD_BYTES) throw integrity();
      const counter = new DataView(sealed.buffer, sealed.byteOffset).getUint32(TAG_BYTES);
      const header = sealed.subarray(0, HEADER_BYTES);
      const frame = decrypt(counter, header, sealed.subarray(HEADER_BYTES));
      if (counter < expected)
        throw new MurmurationError('wire.replayed', 'A relayed frame came a second time.', {
          expected: `frame ${expected}`,
          received: `frame ${counter}`,
        });
      if (counter > expected)
        throw new MurmurationError('wire.stale', 'A relayed frame is missing.', {
          expected: `frame ${expected}`,
          received: `frame ${counter}`,
          remedy: 'The connection is opened again.',
        });
      expected++;
      return frame;
    },
  };

  function decrypt(counter: number, header: Uint8Array, body: Uint8Array): Uint8Array<ArrayBuffer> {
    const frame = new Uint8Array(body.length - 16);
    try {
      chacha20poly1305(receiveKey, nonceOf(counter), header).decrypt(body, frame);
    } catch (cause) {
      throw integrity(cause);
    }
    return frame;
  }
}

/** Names the connection that a relayed frame belongs to, within one pair. */
export function relayTagOf(connectionOrFrame: string | Uint8Array): number {
  const bytes = typeof connectionOrFrame === 'string' ? fromBase64Url(connectionOrFrame) : connectionOrFrame;
  return bytes.length < TAG_BYTES ? -1 : new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
}

function deriveKeys(agreement: RelayAgreement, remotePublicKey: Uint8Array): Uint8Array {
  const { secret, initiator, responder, connection } = agreement;
  let shared: Uint8Array;
  try {
    shared = x25519.getSharedSecret(secret, remotePublicKey);
  } catch (cause) {
    throw new MurmurationError('wire.malformed', 'A relay key is not usable.', {
      expected: 'an X25519 public key',
      cause,
    });
  }
  const text = new TextEncoder().encode(`murmuration relay 1\n${initiator.id}\n${responder.id}\n`);
  const info = new Uint8Array(text.length + 64);
  info.set(text);
  info.set(initiator.publicKey, text.length);
  info.set(responder.publicKey, text.length + 32);
  return hkdf(sha256, shared, fromBase64Url(connection), info, 64);
}

function nonceOf(counter: number): Uint8Array {
  const nonce = new Uint8Array(12);
  new DataView(nonce.buffer).setUint32(8, counter);
  return nonce;
}

function integrity(cause?: unknown): MurmurationError {
  return new MurmurationError('wire.integrity', 'A relayed frame was changed on its way.', {
    remedy: 'If this repeats, do not trust the server.',
    cause,
  });
}
