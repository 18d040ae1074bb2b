import { check, MurmurationError } from '../errors/index.ts';
import type { ParticipantId } from '../identity/index.ts';
import { type AttemptPlan, attemptPlan } from './attempt-plan.ts';
import { checkSeed, isCommitted } from './commitments.ts';
import { pairMaskKey, pairMaskSign, type ShareKind, selfMaskKey } from './key-schedule.ts';
import type { Mask } from './masking.ts';
import { type PlacedShare, reconstructor } from './shamir.ts';
import type { CryptoSuite } from './suite.ts';
import type { KeyAdvert, SecureParameters, ShareCommitments } from './types.ts';
import type { UnmaskJob } from './unmask.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** Enough shares of one secret to put it together. */
interface Needed {
  readonly dealer: ParticipantId;
  readonly index: number;
  readonly kind: ShareKind;
  readonly shares: readonly PlacedShare[];
  readonly committed: ShareCommitments;
}

/**
 * The masks that are left in the sum of the survivors' vectors, as they have to be applied to take them off.
 * @throws `secagg.below-threshold`, `secagg.bad-share`, as `unmaskSlice` says.
 */
export async function recoverMasks(
  job: Omit<UnmaskJob, 'slice' | 'inputs'>,
  suite: CryptoSuite,
): Promise<Mask[]> {
  const { parameters } = job;
  const plan = attemptPlan(parameters);
  const surviving = new Set(plan.indicesOf(job.survivors));
  const adverts = new Map(job.adverts.map((advert) => [advert.participant, advert]));
  const combine = combiner();
  const masks: Mask[] = [];
  for (const { dealer, index, kind, shares, committed } of gather(job, plan, surviving)) {
    const secret = combine(shares);
    if (kind === 'self') {
      checkSeed(plan, committed, 'self', secret);
      masks.push({ key: selfMaskKey(plan, secret, dealer), sign: -1 });
    } else {
      const advert = advertOf(adverts, dealer);
      await checkMaskSecret(secret, advert, suite);
      for (const other of plan.graph.of(index)) {
        if (!surviving.has(other)) continue;
        const otherAdvert = advertOf(adverts, parameters.cohort[other]!);
        const agreed = await suite.agree(secret, otherAdvert.maskKey);
        const key = pairMaskKey(plan, agreed, advert, otherAdvert);
        agreed.fill(0);
        // The survivor's vector holds the mask with its own sign.
        masks.push({ key, sign: pairMaskSign(other, index) === 1 ? -1 : 1 });
      }
    }
    secret.fill(0);
  }
  return masks;
}

/** For each dealer of the sum the first shares that hold, of the kind that its fate asks for and of no other. */
function gather(
  { parameters, dealers, survivors, reveals, shares }: Omit<UnmaskJob, 'slice' | 'inputs'>,
  plan: AttemptPlan,
  surviving: ReadonlySet<number>,
): Needed[] {
  const commitments = new Map(shares.map((committed) => [committed.dealer, committed]));
  const revealed = byDealer(reveals, new Set(survivors));
  const lacking: ParticipantId[] = [];
  const needed: Needed[] = [];
  for (const dealer of dealers) {
    const index = plan.indexOf(dealer);
    const kind: ShareKind = surviving.has(index) ? 'self' : 'mask';
    // Of someone who left without a surviving neighbour there is no mask in any vector.
    if (kind === 'mask' && !plan.graph.of(index).some((other) => surviving.has(other))) continue;
    const committed = commitments.get(dealer);
    check(committed !== undefined, 'secagg.inconsistent', 'Commitments of a dealer are missing.', {
      path: dealer,
    });
    const found = firstValid(parameters, plan, committed, kind, revealed.get(dealer) ?? []);
    if (found.length < plan.graph.threshold) lacking.push(dealer);
    else needed.push({ dealer, index, kind, shares: found, committed });
  }
  if (lacking.length > 0)
    throw new MurmurationError('secagg.below-threshold', 'Too few valid shares to take off masks.', {
      path: lacking.join(', '),
      expected: `at least ${plan.graph.threshold} of each`,
      remedy: 'More survivors have to reveal theirs, or the round is tried again.',
    });
  return needed;
}

interface HeldShare {
  readonly holder: ParticipantId;
  readonly share: Bytes;
}

/** One share of each holder; only of those who survived, since nobody else is asked. */
function byDealer(
  reveals: UnmaskJob['reveals'],
  survivors: ReadonlySet<ParticipantId>,
): Map<ParticipantId, HeldShare[]> {
  const held = new Map<ParticipantId, HeldShare[]>();
  const seen = new Set<ParticipantId>();
  for (const { holder, shares } of reveals) {
    if (!survivors.has(holder) || seen.has(holder)) continue;
    seen.add(holder);
    for (const { dealer, share } of shares) {
      const list = held.get(dealer);
      if (list === undefined) held.set(dealer, [{ holder, share }]);
      else if (list.at(-1)!.holder !== holder) list.push({ holder, share });
    }
  }
  return held;
}

function firstValid(
  parameters: SecureParameters,
  plan: AttemptPlan,
  committed: ShareCommitments,
  kind: ShareKind,
  candidates: readonly HeldShare[],
): PlacedShare[] {
  const found: PlacedShare[] = [];
  for (const { holder, share } of candidates) {
    if (found.length === plan.graph.threshold) break;
    if (isCommitted(parameters, committed, holder, kind, share))
      found.push({ x: plan.indexOf(holder) + 1, share });
  }
  return found;
}

/** In a complete graph the same holders serve for nearly every secret: their Lagrange weights are worked out once. */
function combiner(): (shares: readonly PlacedShare[]) => Bytes {
  const known = new Map<string, ReturnType<typeof reconstructor>>();
  return (shares) => {
    const xs = shares.map(({ x }) => x);
    const key = xs.join();
    const combine = known.get(key) ?? reconstructor(xs);
    known.set(key, combine);
    return combine(shares.map(({ share }) => share));
  };
}

async function checkMaskSecret(secret: Bytes, advert: KeyAdvert, suite: CryptoSuite): Promise<void> {
  const publicKey = await suite.publicKeyOf(secret);
  check(
    publicKey.every((byte, i) => byte === advert.maskKey[i]),
    'secagg.bad-share',
    'A dealer dealt shares of another secret than its mask key.',
    { path: advert.participant, remedy: 'It is left out of the next attempt.' },
  );
}

function advertOf(adverts: ReadonlyMap<ParticipantId, KeyAdvert>, participant: ParticipantId): KeyAdvert {
  const advert = adverts.get(participant);
  check(advert !== undefined, 'secagg.inconsistent', 'Someone dealt shares without keys.', {
    path: participant,
  });
  return advert;
}
