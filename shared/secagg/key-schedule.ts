import { encode } from '@msgpack/msgpack';
import { hkdf } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import type { ParticipantId } from '../identity/index.ts';
import type { AttemptPlan } from './attempt-plan.ts';
import { COMMITMENT_BYTES } from './signing.ts';
import type { KeyAdvert } from './types.ts';

/**
 * Every key of an attempt: HKDF-SHA-256 (RFC 5869) with the digest of the attempt's parameters as salt, and purpose, ids
 * and public keys as info. All of 32 bytes.
 */
type Bytes = Uint8Array<ArrayBuffer>;
export type ShareKind = 'self' | 'mask';
export type SeedKind = 'self' | 'check';

/** The key of the mask that two members share; the same from either end. */
export function pairMaskKey(plan: AttemptPlan, agreed: Bytes, a: KeyAdvert, b: KeyAdvert): Bytes {
  const [low, high] = plan.indexOf(a.participant) < plan.indexOf(b.participant) ? [a, b] : [b, a];
  return derive(plan, agreed, [
    'murmuration secagg pair mask v1',
    low.participant,
    high.participant,
    low.maskKey,
    high.maskKey,
  ]);
}

/** The member of the pair with the lower index adds the mask, the other takes it off. */
export function pairMaskSign(own: number, other: number): 1 | -1 {
  return own < other ? 1 : -1;
}

/** The key of the one box that `dealer` seals for `holder`. */
export function boxKey(plan: AttemptPlan, agreed: Bytes, dealer: KeyAdvert, holder: KeyAdvert): Bytes {
  return derive(plan, agreed, [
    'murmuration secagg box v1',
    dealer.participant,
    holder.participant,
    dealer.cipherKey,
    holder.cipherKey,
  ]);
}

/** What a box is authenticated with beside its contents. */
export function boxLabel(plan: AttemptPlan, dealer: ParticipantId, holder: ParticipantId): Bytes {
  return new Uint8Array(encode(['murmuration secagg box v1', plan.digest, dealer, holder]));
}

export function selfMaskKey(plan: AttemptPlan, seed: Bytes, owner: ParticipantId): Bytes {
  return derive(plan, seed, ['murmuration secagg self mask v1', owner]);
}

/** Keys of the rows of all slices' Toeplitz matrices, and of the pads on check words. */
export function checkKeys(plan: AttemptPlan, seed: Bytes, dealer: ParticipantId): { row: Bytes; pad: Bytes } {
  return {
    row: derive(plan, seed, ['murmuration secagg check row v1', dealer]),
    pad: derive(plan, seed, ['murmuration secagg check pad v1', dealer]),
  };
}

/** Public, and binding: what a holder reveals has to be what the dealer gave it. Hiding, since shares are uniform. */
export function shareCommitment(
  plan: AttemptPlan,
  dealer: number,
  holder: number,
  kind: ShareKind,
  share: Uint8Array,
): Bytes {
  return commit(`murmuration secagg ${kind} share v1/${dealer}/${holder}/`, plan, share);
}

/** Whatever shares a self-mask seed is put together from, it is this one, or its dealer is named; likewise the seed of check keys. */
export function seedCommitment(plan: AttemptPlan, dealer: number, kind: SeedKind, seed: Uint8Array): Bytes {
  return commit(`murmuration secagg ${kind} seed v1/${dealer}/`, plan, seed);
}

function commit(label: string, plan: AttemptPlan, secret: Uint8Array): Bytes {
  return new Uint8Array(sha256(concatBytes(utf8ToBytes(label), plan.digest, secret))).slice(
    0,
    COMMITMENT_BYTES,
  );
}

function derive(plan: AttemptPlan, secret: Bytes, info: readonly unknown[]): Bytes {
  return new Uint8Array(hkdf(sha256, secret, plan.digest, encode(info), 32));
}
