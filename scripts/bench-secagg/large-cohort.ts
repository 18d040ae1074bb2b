import type { Identity, ParticipantId } from '../../shared/identity/index.ts';
import { webCryptoRandom } from '../../shared/random/index.ts';
import { type AttemptPlan, attemptPlan } from '../../shared/secagg/attempt-plan.ts';
import { commitTo } from '../../shared/secagg/commitments.ts';
import {
  advertBytes,
  type Confirmation,
  type CryptoSuite,
  commitmentsBytes,
  confirmationBytes,
  type Inbox,
  type KeyAdvert,
  type Revealed,
  type SecureParameters,
  type ShareCommitments,
  SLICE_DIGEST_BYTES,
  shareSecret,
  survivorDigest,
} from '../../shared/secagg/index.ts';
import { boxKey, boxLabel } from '../../shared/secagg/key-schedule.ts';
import type { BenchCohort } from './cohort.ts';

type Bytes = Uint8Array<ArrayBuffer>;

const SECRET_BYTES = 32;
const random = webCryptoRandom(globalThis.crypto);

/**
 * A cohort of thousands without its thousands of devices: real keys, secrets, shares and commitments of everyone,
 * made at once, and no vectors. What one real participant, and the server, take out of it costs them what it would
 * cost among real ones.
 */
export interface LargeCohort {
  readonly parameters: SecureParameters;
  readonly plan: AttemptPlan;
  readonly identities: readonly Identity[];
  readonly adverts: readonly KeyAdvert[];
  readonly shares: readonly ShareCommitments[];
  /** Dealt shares by dealer, in the order of its holders: self-mask share, mask-key share, 32 bytes each. */
  readonly dealt: readonly Bytes[];
  readonly cipherSecrets: readonly Bytes[];
}

export async function dealLargeCohort(
  { parameters, identities }: BenchCohort,
  suite: CryptoSuite,
): Promise<LargeCohort> {
  const plan = attemptPlan(parameters);
  const { threshold } = plan.graph;
  const adverts: KeyAdvert[] = [];
  const shares: ShareCommitments[] = [];
  const dealt: Bytes[] = [];
  const cipherSecrets: Bytes[] = [];
  for (const [index, identity] of identities.entries()) {
    const [mask, cipher] = [await suite.createAgreementKeys(), await suite.createAgreementKeys()];
    adverts.push(await signedAdvert(parameters, identity, mask.publicKey, cipher.publicKey));
    cipherSecrets.push(cipher.secret);
    const places = plan.holdersOf(index).map((holder) => holder + 1);
    const selfSeed = random.bytes(SECRET_BYTES);
    const [self, ofMask] = [selfSeed, mask.secret].map((secret) =>
      shareSecret(secret, places, threshold, random),
    );
    const pairs = places.map((_, i) => ({ self: self![i]!, mask: ofMask![i]! }));
    const commitments = commitTo(plan, index, pairs, { self: selfSeed, check: selfSeed });
    const dealer = identity.id;
    const signature = await identity.sign(commitmentsBytes(parameters, { dealer, commitments }));
    shares.push({ dealer, commitments, signature });
    const flat = new Uint8Array(pairs.length * 2 * SECRET_BYTES);
    pairs.forEach((pair, i) => {
      flat.set(pair.self, 2 * i * SECRET_BYTES);
      flat.set(pair.mask, (2 * i + 1) * SECRET_BYTES);
    });
    dealt.push(flat);
  }
  return { parameters, plan, identities, adverts, shares, dealt, cipherSecrets };
}

async function signedAdvert(
  parameters: SecureParameters,
  identity: Identity,
  maskKey: Bytes,
  cipherKey: Bytes,
): Promise<KeyAdvert> {
  const { id: participant, publicKey: identityKey } = identity;
  const unsigned = { participant, identityKey, maskKey, cipherKey, weight: 1 };
  return { ...unsigned, signature: await identity.sign(advertBytes(parameters, unsigned)) };
}

/** What each survivor reveals: of every neighbour, and itself, one share. */
export function revealsOf(
  { parameters, plan, dealt }: LargeCohort,
  left: ReadonlySet<number>,
  survivors: readonly ParticipantId[],
): Map<number, Revealed> {
  const { cohort } = parameters;
  const digest = survivorDigest(parameters, [], cohort, survivors);
  const reveals = new Map<number, Revealed>();
  for (const holder of cohort.keys()) {
    if (left.has(holder)) continue;
    const shares = plan.holdersOf(holder).map((dealer) => {
      const place = plan.holdersOf(dealer).indexOf(holder);
      const at = (2 * place + (left.has(dealer) ? 1 : 0)) * SECRET_BYTES;
      return { dealer: cohort[dealer]!, share: dealt[dealer]!.slice(at, at + SECRET_BYTES) };
    });
    reveals.set(holder, { digest, shares });
  }
  return reveals;
}

/** Sealed by each neighbour of `index` for the keys that it advertises. */
export async function inboxFor(
  { parameters, plan, adverts, dealt, cipherSecrets }: LargeCohort,
  index: number,
  advert: KeyAdvert,
  suite: CryptoSuite,
): Promise<Inbox> {
  const { cohort } = parameters;
  const boxes: Inbox['boxes'][number][] = [];
  for (const dealer of plan.graph.of(index)) {
    const agreed = await suite.agree(cipherSecrets[dealer]!, advert.cipherKey);
    const key = boxKey(plan, agreed, adverts[dealer]!, advert);
    const at = 2 * plan.holdersOf(dealer).indexOf(index) * SECRET_BYTES;
    const plain = dealt[dealer]!.slice(at, at + 2 * SECRET_BYTES);
    const box = await suite.seal(key, plain, boxLabel(plan, cohort[dealer]!, advert.participant));
    boxes.push({ dealer: cohort[dealer]!, box });
  }
  return { dealers: cohort, boxes, shares: [] };
}

/** Of the survivors next to `index`. */
export function confirmationsFor(
  { parameters, plan, identities }: LargeCohort,
  index: number,
  left: ReadonlySet<number>,
  survivors: readonly ParticipantId[],
): Promise<Confirmation[]> {
  const digest = survivorDigest(parameters, [], parameters.cohort, survivors);
  const near = plan.graph.of(index).filter((neighbour) => !left.has(neighbour));
  return Promise.all(
    near.map(async (neighbour) => {
      const identity = identities[neighbour]!;
      const unsigned = { participant: identity.id, digests: random.bytes(SLICE_DIGEST_BYTES) };
      const signature = await identity.sign(confirmationBytes(parameters, digest, unsigned));
      return { ...unsigned, signature };
    }),
  );
}
