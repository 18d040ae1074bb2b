import { sha256 } from '@noble/hashes/sha2.js';
import { checkInteger } from '../errors/index.ts';
import { fromBase64Url, toBase64Url } from './base64url.ts';
import type { ParticipantId } from './node-id.ts';

/** Bytes of a participant id before base64url: at 2^40 participants, two collide with probability 2^-49. */
export const PARTICIPANT_ID_BYTES = 16;

/**
 * The id that belongs to a device's key: nobody else can prove it, and nobody chooses it.
 * @param publicKey raw Ed25519 public key, 32 bytes.
 */
export function participantIdOf(publicKey: Uint8Array): ParticipantId {
  checkInteger('publicKey.length', publicKey.length, 32, 32);
  return participantIdFromBytes(sha256(publicKey).subarray(0, PARTICIPANT_ID_BYTES));
}

/** @param bytes the 16 raw bytes of an id, as binary frames carry it. */
export function participantIdFromBytes(bytes: Uint8Array): ParticipantId {
  checkInteger('participant id length in bytes', bytes.length, PARTICIPANT_ID_BYTES, PARTICIPANT_ID_BYTES);
  return toBase64Url(bytes) as ParticipantId;
}

/** @returns the 16 raw bytes. @throws `argument.invalid` for an id that no key can have. */
export function participantIdToBytes(id: ParticipantId): Uint8Array<ArrayBuffer> {
  return fromBase64Url(id);
}
