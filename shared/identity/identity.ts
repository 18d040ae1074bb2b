import type { ParticipantId } from './node-id.ts';

/** A device's identity: an Ed25519 key pair whose private half never leaves the host that made it. */
export interface Identity {
  readonly id: ParticipantId;
  /** Raw 32-byte Ed25519 public key. */
  readonly publicKey: Uint8Array<ArrayBuffer>;
  /** @returns the 64-byte Ed25519 signature (RFC 8032). */
  sign(message: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>>;
}
