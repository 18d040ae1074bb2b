import { encode } from '@msgpack/msgpack';
import { sha256 } from '@noble/hashes/sha2.js';
import { check, checkInteger } from '../errors/index.ts';
import { type ParticipantId, participantIdOf } from '../identity/index.ts';
import { type AttemptPlan, attemptPlan } from './attempt-plan.ts';
import { isCanonicalAgreementKey } from './small-order.ts';
import type { CryptoSuite } from './suite.ts';
import type { Confirmation, KeyAdvert, SecureParameters, ShareCommitments } from './types.ts';

/**
 * What devices sign in an attempt: MessagePack arrays in their shortest form, each with a tag of its own, the attempt in
 * words, and the digest of all its parameters. Nothing signed for one purpose or attempt fits another.
 */
type Bytes = Uint8Array<ArrayBuffer>;
type Unsigned<T> = Omit<T, 'signature'>;

/** Bytes to which the digest of a masked slice is cut. */
export const SLICE_DIGEST_BYTES = 16;
/** Bytes of a commitment to a share, or to a self-mask seed. */
export const COMMITMENT_BYTES = 16;
const MAX_WEIGHT = 2 ** 32 - 1;

export function advertBytes(parameters: SecureParameters, advert: Unsigned<KeyAdvert>): Bytes {
  const { participant, identityKey, maskKey, cipherKey, weight } = advert;
  return signed(
    'murmuration secagg keys v1',
    parameters,
    participant,
    identityKey,
    maskKey,
    cipherKey,
    weight,
  );
}

export function commitmentsBytes(parameters: SecureParameters, shares: Unsigned<ShareCommitments>): Bytes {
  return signed('murmuration secagg shares v1', parameters, shares.dealer, shares.commitments);
}

/** @param digest of {@link survivorDigest}. */
export function confirmationBytes(
  parameters: SecureParameters,
  digest: Bytes,
  { participant, digests }: Unsigned<Confirmation>,
): Bytes {
  return signed('murmuration secagg confirm v1', parameters, participant, digest, digests);
}

/**
 * What survivors confirm to each other: the parameters, whose keys were used (in a complete graph; elsewhere each signed
 * advert is checked by the neighbours that use it), who dealt, and who survived.
 * @throws `secagg.inconsistent` for lists that are not in the cohort's order.
 */
export function survivorDigest(
  parameters: SecureParameters,
  adverts: readonly KeyAdvert[],
  dealers: readonly ParticipantId[],
  survivors: readonly ParticipantId[],
): Bytes {
  const plan = attemptPlan(parameters);
  plan.indicesOf(dealers);
  plan.indicesOf(survivors);
  const roster = plan.graph.complete
    ? [...adverts]
        .sort((a, b) => plan.indexOf(a.participant) - plan.indexOf(b.participant))
        .map(({ participant, identityKey, maskKey, cipherKey, weight }) => [
          participant,
          identityKey,
          maskKey,
          cipherKey,
          weight,
        ])
    : null;
  return hash(signed('murmuration secagg survivors v1', parameters, roster, dealers, survivors));
}

/**
 * Whether someone may take part with these keys.
 * @throws `secagg.inconsistent`, `secagg.bad-key`, `secagg.bad-signature`, each with the participant as its path.
 */
export async function verifyAdvert(
  parameters: SecureParameters,
  advert: KeyAdvert,
  suite: CryptoSuite,
): Promise<void> {
  const { participant: path, identityKey, maskKey, cipherKey, weight } = advert;
  attemptPlan(parameters).indexOf(path);
  check(
    identityKey.length === 32 && participantIdOf(identityKey) === path,
    'secagg.bad-signature',
    'Keys are signed by another device.',
    { path, expected: 'the key that the participant id follows from' },
  );
  check(
    isCanonicalAgreementKey(maskKey) && isCanonicalAgreementKey(cipherKey),
    'secagg.bad-key',
    'A key cannot be agreed with.',
    { path, expected: 'X25519 public keys in canonical form, not of small order' },
  );
  checkInteger('weight', weight, 1, MAX_WEIGHT);
  await verifySigned(advertBytes(parameters, advert), advert.signature, identityKey, path, suite);
}

/**
 * @param identityKey of the dealer's advert.
 * @throws `secagg.bad-share` for another number of commitments, `secagg.bad-signature`; the dealer is the path.
 */
export async function verifyCommitments(
  parameters: SecureParameters,
  shares: ShareCommitments,
  identityKey: Bytes,
  suite: CryptoSuite,
): Promise<void> {
  const plan = attemptPlan(parameters);
  const expected = commitmentsLength(plan, plan.indexOf(shares.dealer));
  check(shares.commitments.length === expected, 'secagg.bad-share', 'Commitments to shares are missing.', {
    path: shares.dealer,
    expected: `${expected} bytes`,
    received: `${shares.commitments.length} bytes`,
  });
  await verifySigned(
    commitmentsBytes(parameters, shares),
    shares.signature,
    identityKey,
    shares.dealer,
    suite,
  );
}

/**
 * @param identityKey of the survivor's advert.
 * @param digest of {@link survivorDigest}.
 * @throws `secagg.inconsistent` for another number of slice digests; `secagg.bad-signature`, also where the signature is
 *   over other survivors; the survivor is the path.
 */
export async function verifyConfirmation(
  parameters: SecureParameters,
  confirmation: Confirmation,
  identityKey: Bytes,
  digest: Bytes,
  suite: CryptoSuite,
): Promise<void> {
  const expected = parameters.sliceCount * SLICE_DIGEST_BYTES;
  check(confirmation.digests.length === expected, 'secagg.inconsistent', 'Digests of slices are missing.', {
    path: confirmation.participant,
    expected: `${expected} bytes`,
    received: `${confirmation.digests.length} bytes`,
  });
  await verifySigned(
    confirmationBytes(parameters, digest, confirmation),
    confirmation.signature,
    identityKey,
    confirmation.participant,
    suite,
  );
}

/** Two per holder, one to the self-mask seed, and, where there are check words, one to the seed of their keys. */
function commitmentsLength({ holdersOf, slices }: AttemptPlan, dealer: number): number {
  return (2 * holdersOf(dealer).length + (slices.checkWords > 0 ? 2 : 1)) * COMMITMENT_BYTES;
}

async function verifySigned(
  message: Bytes,
  signature: Bytes,
  identityKey: Bytes,
  path: ParticipantId,
  suite: CryptoSuite,
): Promise<void> {
  check(
    await suite.verify(identityKey, message, signature),
    'secagg.bad-signature',
    'A signature is wrong.',
    {
      path,
      expected: 'a signature by this participant over this attempt as it is known here',
      remedy: 'Whoever passed it on changed it, or the participant knows another attempt; it is left out.',
    },
  );
}

function signed(tag: string, parameters: SecureParameters, ...fields: unknown[]): Bytes {
  const { run, attempt, federationRevision, baseHash } = parameters.context;
  const { term, round, attempt: count } = attempt;
  return new Uint8Array(
    encode([
      tag,
      run,
      term,
      round,
      count,
      federationRevision,
      baseHash,
      attemptPlan(parameters).digest,
      ...fields,
    ]),
  );
}

function hash(bytes: Bytes): Bytes {
  return new Uint8Array(sha256(bytes));
}
