import type { ParticipantId } from '../identity/index.ts';
import type { AttemptId } from '../wire/index.ts';

/** What every key, signature and commitment of one attempt is bound to. */
export interface AttemptContext {
  readonly run: string;
  readonly attempt: AttemptId;
  readonly federationRevision: number;
  /** Hex SHA-256 of the model that the round starts from. */
  readonly baseHash: string;
}

/** Integers modulo 2^bits; on the wire each takes that many bits, little-endian, a last half byte being zero. */
export interface Ring {
  readonly bits: 8 | 12 | 16 | 24 | 32;
}

/** What all who take part in an attempt know and agree on. */
export interface SecureParameters {
  readonly context: AttemptContext;
  /** Everyone invited, in the plan's order: a member's index is its place here. */
  readonly cohort: readonly ParticipantId[];
  readonly ring: Ring;
  /** Coordinates of the whole vector, check words not counted. */
  readonly vectorLength: number;
  /** 1 where the server owns everything; the cohort's size in a mesh, where cohort[c] first owned slice c. */
  readonly sliceCount: number;
}

/** Fresh public keys of one participant for one attempt, signed by its device. */
export interface KeyAdvert {
  readonly participant: ParticipantId;
  /** Raw Ed25519 key, 32 bytes, from which the participant's id follows. */
  readonly identityKey: Uint8Array<ArrayBuffer>;
  /** Raw X25519 keys, 32 bytes each. */
  readonly maskKey: Uint8Array<ArrayBuffer>;
  readonly cipherKey: Uint8Array<ArrayBuffer>;
  /** The participant's weight in the mean: public, and the same for every owner. */
  readonly weight: number;
  /** Ed25519, 64 bytes. */
  readonly signature: Uint8Array<ArrayBuffer>;
}

export interface SealedBox {
  readonly to: ParticipantId;
  readonly box: Uint8Array<ArrayBuffer>;
}

/** Commitments of one dealer to the shares it dealt. */
export interface ShareCommitments {
  readonly dealer: ParticipantId;
  /**
   * 32 bytes per member of the dealer's neighbourhood (itself included, in cohort order): self-mask share, mask-key share;
   * then 16 bytes for the self-mask seed and, where the graph is complete, 16 for the seed of check keys.
   */
  readonly commitments: Uint8Array<ArrayBuffer>;
  readonly signature: Uint8Array<ArrayBuffer>;
}

export interface ShareBundle {
  readonly shares: ShareCommitments;
  readonly boxes: readonly SealedBox[];
}

export interface Inbox {
  /** U2: whose masks are in everyone's vector, in cohort order. */
  readonly dealers: readonly ParticipantId[];
  readonly boxes: readonly { readonly dealer: ParticipantId; readonly box: Uint8Array<ArrayBuffer> }[];
  /** Of all dealers for those who own slices; empty for others. */
  readonly shares: readonly ShareCommitments[];
}

/** A survivor's word for who survived and what it sent. */
export interface Confirmation {
  readonly participant: ParticipantId;
  /** SHA-256 of each of its masked slices, cut to 16 bytes, one after the other. */
  readonly digests: Uint8Array<ArrayBuffer>;
  readonly signature: Uint8Array<ArrayBuffer>;
}

/** One share of a dealer's secret: of its self-mask seed where it survived, else of its mask key. 32 bytes. */
export interface RevealedShare {
  readonly dealer: ParticipantId;
  readonly share: Uint8Array<ArrayBuffer>;
}

/** What one holder hands to an owner. */
export interface Reveal {
  readonly holder: ParticipantId;
  readonly shares: readonly RevealedShare[];
}

/** Masked slices, packed, each followed by its check words: the only form in which an update leaves a secure federation. */
export interface MaskedSlices {
  readonly slices: readonly Uint8Array<ArrayBuffer>[];
  /** As in {@link Confirmation}. */
  readonly digests: Uint8Array<ArrayBuffer>;
}
