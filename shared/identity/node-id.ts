declare const brand: unique symbol;

/** A participant: base64url of the first 16 bytes of the SHA-256 of its Ed25519 public key; 22 characters. */
export type ParticipantId = string & { readonly [brand]: 'participant' };

/** Anyone who can be sent a message. The server takes part as an owner and coordinator, never as a participant. */
export const SERVER = 'server';
export type NodeId = ParticipantId | typeof SERVER;

const PATTERN = /^[A-Za-z0-9_-]{22}$/;

export function isParticipantId(text: string): text is ParticipantId {
  return PATTERN.test(text);
}
