import { check, hasCode, MurmurationError } from '../errors/index.ts';
import type { Identity } from '../identity/index.ts';
import type { CryptoRandom } from '../random/index.ts';
import { type AttemptPlan, attemptPlan, checkThreshold } from './attempt-plan.ts';
import { checkSeed, commitTo, isCommitted, type SharePair } from './commitments.ts';
import { boxKey, boxLabel, pairMaskKey } from './key-schedule.ts';
import { sameBytes } from './same-bytes.ts';
import { shareSecret } from './shamir.ts';
import { commitmentsBytes, verifyAdvert, verifyCommitments } from './signing.ts';
import type { AgreementKeys, CryptoSuite } from './suite.ts';
import type {
  Inbox,
  KeyAdvert,
  SealedBox,
  SecureParameters,
  ShareBundle,
  ShareCommitments,
} from './types.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** Bytes of a secret, a seed and a share. */
export const SECRET_BYTES = 32;

/** Adverts of a neighbourhood by index in the cohort, its member's own included. */
export type Roster = ReadonlyMap<number, KeyAdvert>;

/** A member's fresh key pairs and what it told about them. */
export interface OwnKeys {
  readonly mask: AgreementKeys;
  readonly cipher: AgreementKeys;
  readonly advert: KeyAdvert;
}

/** What a member keeps after it dealt its shares; by index in the cohort. All of it is secret but the bundle. */
export interface Dealt {
  readonly bundle: ShareBundle;
  readonly selfSeed: Bytes;
  readonly checkSeed: Bytes;
  readonly ownShares: SharePair;
  readonly pairKeys: Map<number, Bytes>;
  /** Keys of the boxes that others seal for this member. */
  readonly inboxKeys: Map<number, Bytes>;
}

/**
 * Checks the adverts of U1 (in a k-regular graph: of the neighbourhood).
 * @throws `secagg.inconsistent`, `secagg.bad-key`, `secagg.bad-signature` naming whose advert it is; `secagg.below-threshold`.
 */
export async function verifyRoster(
  parameters: SecureParameters,
  own: KeyAdvert,
  adverts: readonly KeyAdvert[],
  suite: CryptoSuite,
): Promise<Roster> {
  const plan = attemptPlan(parameters);
  const neighbourhood = new Set(plan.holdersOf(plan.indexOf(own.participant)));
  const roster = new Map<number, KeyAdvert>();
  const keys = new Set<string>();
  for (const advert of adverts) {
    const path = advert.participant;
    const index = plan.indexOf(path);
    check(neighbourhood.has(index), 'secagg.inconsistent', 'Keys came of someone who is no neighbour.', {
      path,
    });
    check(!roster.has(index), 'secagg.inconsistent', 'A participant has keys twice.', { path });
    if (path === own.participant)
      check(sameAdvert(advert, own), 'secagg.inconsistent', 'Own keys came back changed.', { path });
    else await verifyAdvert(parameters, advert, suite);
    for (const key of [advert.maskKey, advert.cipherKey]) {
      check(!keys.has(key.join()), 'secagg.bad-key', 'Two participants, or two purposes, have one key.', {
        path,
        expected: 'fresh keys of its own',
      });
      keys.add(key.join());
    }
    roster.set(index, advert);
  }
  check(roster.has(plan.indexOf(own.participant)), 'secagg.inconsistent', 'Own keys are missing.', {
    path: own.participant,
  });
  checkThreshold(plan, roster.size, 'sent keys');
  return roster;
}

/** Shares both secrets among the neighbourhood, and seals each neighbour's part. */
export async function dealShares(
  parameters: SecureParameters,
  keys: OwnKeys,
  roster: Roster,
  identity: Identity,
  suite: CryptoSuite,
  random: CryptoRandom,
): Promise<Dealt> {
  const plan = attemptPlan(parameters);
  const own = plan.indexOf(identity.id);
  const holders = plan.holdersOf(own);
  const selfSeed = random.bytes(SECRET_BYTES);
  const checkSeed = random.bytes(SECRET_BYTES);
  const places = holders.map((index) => index + 1);
  const selfShares = shareSecret(selfSeed, places, plan.graph.threshold, random);
  const maskShares = shareSecret(keys.mask.secret, places, plan.graph.threshold, random);
  const shares = holders.map((_, i) => ({ self: selfShares[i]!, mask: maskShares[i]! }));

  const pairKeys = new Map<number, Bytes>();
  const inboxKeys = new Map<number, Bytes>();
  const boxes: SealedBox[] = [];
  for (const [place, index] of holders.entries()) {
    const advert = roster.get(index);
    if (index === own || advert === undefined) continue;
    const [pair, cipher] = await agreeWith(keys, advert, suite);
    pairKeys.set(index, pairMaskKey(plan, pair, keys.advert, advert));
    inboxKeys.set(index, boxKey(plan, cipher, advert, keys.advert));
    const key = boxKey(plan, cipher, keys.advert, advert);
    const plain = join([
      shares[place]!.self,
      shares[place]!.mask,
      ...(plan.slices.checkWords > 0 ? [checkSeed] : []),
    ]);
    const to = advert.participant;
    boxes.push({ to, box: await suite.seal(key, plain, boxLabel(plan, identity.id, to)) });
    erase([pair, cipher, key, plain]);
  }

  const dealer = identity.id;
  const commitments = commitTo(plan, own, shares, { self: selfSeed, check: checkSeed });
  const signature = await identity.sign(commitmentsBytes(parameters, { dealer, commitments }));
  const ownShares = shares[holders.indexOf(own)]!;
  erase(shares.flatMap((pair) => (pair === ownShares ? [] : [pair.self, pair.mask])));
  const bundle = { shares: { dealer, commitments, signature }, boxes };
  return { bundle, selfSeed, checkSeed, ownShares, pairKeys, inboxKeys };
}

/** What a member holds of those who dealt. */
export interface Opened {
  /** Indices of U2 within the neighbourhood, own included, ascending. */
  readonly dealers: readonly number[];
  readonly shares: Map<number, SharePair>;
  /** Of the first dealer of all; absent where there are no check words. */
  readonly checkSeed: Bytes | undefined;
}

/**
 * Opens what was dealt to this member.
 * @throws `secagg.inconsistent`, `secagg.bad-share`, `secagg.bad-signature` naming the dealer; `secagg.below-threshold`.
 */
export async function openInbox(
  parameters: SecureParameters,
  dealt: Dealt,
  roster: Roster,
  inbox: Inbox,
  identity: Identity,
  suite: CryptoSuite,
): Promise<Opened> {
  const plan = attemptPlan(parameters);
  const own = plan.indexOf(identity.id);
  const all = plan.indicesOf(inbox.dealers);
  check(all.includes(own), 'secagg.inconsistent', 'Own shares are missing.', { path: identity.id });
  const neighbourhood = new Set(plan.holdersOf(own));
  const dealers = all.filter((index) => neighbourhood.has(index));
  for (const index of dealers)
    check(roster.has(index), 'secagg.inconsistent', 'Someone dealt shares without keys.', {
      path: parameters.cohort[index]!,
    });
  checkThreshold(plan, dealers.length, 'dealt shares');
  const commitments = await verifyAllCommitments(parameters, dealt, roster, dealers, inbox, suite);
  const boxes = byDealer(plan, inbox, dealers, own);

  const shares = new Map<number, SharePair>([[own, dealt.ownShares]]);
  let checkSeedHeld = all[0] === own ? dealt.checkSeed : undefined;
  try {
    for (const index of dealers) {
      if (index === own) continue;
      const dealer = parameters.cohort[index]!;
      const plain = await openBox(
        plan,
        dealt.inboxKeys.get(index)!,
        boxes.get(index)!,
        dealer,
        identity,
        suite,
      );
      const [self, mask, seed] = [0, 1, 2].map((i) => plain.slice(i * SECRET_BYTES, (i + 1) * SECRET_BYTES));
      erase([plain]);
      shares.set(index, { self: self!, mask: mask! });
      const committed = commitments.get(index);
      if (committed !== undefined) {
        check(
          isCommitted(parameters, committed, identity.id, 'self', self!) &&
            isCommitted(parameters, committed, identity.id, 'mask', mask!),
          'secagg.bad-share',
          'Shares do not fit the commitments of their dealer.',
          { path: dealer },
        );
        if (plan.slices.checkWords > 0) checkSeed(plan, committed, 'check', seed!);
      }
      if (index === all[0] && plan.slices.checkWords > 0) checkSeedHeld = seed!;
      else erase([seed!]);
    }
  } catch (error) {
    shares.delete(own); // own shares stay for another inbox
    eraseShares(shares);
    throw error;
  }
  return { dealers, shares, checkSeed: plan.slices.checkWords > 0 ? checkSeedHeld : undefined };
}

export function erase(secrets: Iterable<Uint8Array>): void {
  for (const secret of secrets) secret.fill(0);
}

export function eraseShares(shares: Map<number, SharePair>): void {
  for (const { self, mask } of shares.values()) erase([self, mask]);
  shares.clear();
}

async function agreeWith(keys: OwnKeys, advert: KeyAdvert, suite: CryptoSuite): Promise<[Bytes, Bytes]> {
  try {
    return [
      await suite.agree(keys.mask.secret, advert.maskKey),
      await suite.agree(keys.cipher.secret, advert.cipherKey),
    ];
  } catch (cause) {
    throw named(cause, 'secagg.bad-key', 'A key cannot be agreed with.', advert.participant);
  }
}

async function openBox(
  plan: AttemptPlan,
  key: Bytes,
  box: Bytes,
  dealer: KeyAdvert['participant'],
  identity: Identity,
  suite: CryptoSuite,
): Promise<Bytes> {
  let plain: Bytes;
  try {
    plain = await suite.open(key, box, boxLabel(plan, dealer, identity.id));
  } catch (cause) {
    throw named(cause, 'secagg.bad-share', 'Sealed shares do not open.', dealer);
  }
  const expected = (plan.slices.checkWords > 0 ? 3 : 2) * SECRET_BYTES;
  check(plain.length === expected, 'secagg.bad-share', 'Sealed shares have another length.', {
    path: dealer,
    expected: `${expected} bytes`,
    received: `${plain.length} bytes`,
  });
  return plain;
}

/** Keeps errors of another kind as they are: they are no fault of the participant's. */
function named(
  cause: unknown,
  code: 'secagg.bad-key' | 'secagg.bad-share',
  summary: string,
  path: string,
): unknown {
  return hasCode(cause, code) ? new MurmurationError(code, summary, { path, cause }) : cause;
}

function byDealer(
  plan: AttemptPlan,
  inbox: Inbox,
  dealers: readonly number[],
  own: number,
): Map<number, Bytes> {
  const boxes = new Map<number, Bytes>();
  for (const { dealer: path, box } of inbox.boxes) {
    const index = plan.indexOf(path);
    check(
      index !== own && dealers.includes(index) && !boxes.has(index),
      'secagg.inconsistent',
      'A box came that no dealer sealed for this participant.',
      { path, expected: 'one box of each dealer' },
    );
    boxes.set(index, box);
  }
  for (const [i, path] of inbox.dealers.entries()) {
    const index = plan.indexOf(path);
    if (index !== own && dealers.includes(index))
      check(boxes.has(index), 'secagg.inconsistent', 'A dealer sealed nothing for this participant.', {
        path: inbox.dealers[i]!,
      });
  }
  return boxes;
}

async function verifyAllCommitments(
  parameters: SecureParameters,
  dealt: Dealt,
  roster: Roster,
  dealers: readonly number[],
  inbox: Inbox,
  suite: CryptoSuite,
): Promise<Map<number, ShareCommitments>> {
  const plan = attemptPlan(parameters);
  const found = new Map<number, ShareCommitments>();
  for (const shares of inbox.shares) {
    const index = plan.indexOf(shares.dealer);
    check(dealers.includes(index) && !found.has(index), 'secagg.inconsistent', 'Commitments of no dealer.', {
      path: shares.dealer,
    });
    if (shares.dealer === dealt.bundle.shares.dealer)
      check(
        sameBytes(shares.commitments, dealt.bundle.shares.commitments),
        'secagg.inconsistent',
        'Own commitments came back changed.',
        { path: shares.dealer },
      );
    else await verifyCommitments(parameters, shares, roster.get(index)!.identityKey, suite);
    found.set(index, shares);
  }
  if (found.size > 0)
    for (const index of dealers)
      check(found.has(index), 'secagg.inconsistent', 'Commitments of a dealer are missing.', {
        path: parameters.cohort[index]!,
      });
  return found;
}

function sameAdvert(a: KeyAdvert, b: KeyAdvert): boolean {
  return (
    a.weight === b.weight &&
    (['identityKey', 'maskKey', 'cipherKey', 'signature'] as const).every((key) => sameBytes(a[key], b[key]))
  );
}

function join(parts: readonly Bytes[]): Bytes {
  const bytes = new Uint8Array(parts.length * SECRET_BYTES);
  parts.forEach((part, i) => {
    bytes.set(part, i * SECRET_BYTES);
  });
  return bytes;
}
