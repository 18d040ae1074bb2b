import { check } from '../errors/index.ts';
import type { Identity, ParticipantId } from '../identity/index.ts';
import type { CryptoRandom } from '../random/index.ts';
import { type AttemptPlan, attemptPlan, checkSurvivorCount, checkThreshold } from './attempt-plan.ts';
import { type CheckKeys, withCheckWords, wrongSums } from './check-sums.ts';
import {
  type Dealt,
  dealShares,
  erase,
  eraseShares,
  type Opened,
  type OwnKeys,
  openInbox,
  type Roster,
  verifyRoster,
} from './dealing.ts';
import { checkKeys, pairMaskSign, selfMaskKey } from './key-schedule.ts';
import { applyMasks, type Mask } from './masking.ts';
import { advertBytes, confirmationBytes, survivorDigest, verifyConfirmation } from './signing.ts';
import { cut, sliceDigests } from './slice-bytes.ts';
import type { CryptoSuite } from './suite.ts';
import type {
  Confirmation,
  Inbox,
  KeyAdvert,
  MaskedSlices,
  RevealedShare,
  SecureParameters,
  ShareBundle,
} from './types.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** What a survivor confirmed. */
export interface Confirmed {
  readonly digest: Bytes;
  readonly confirmation: Confirmation;
}
/** One share of each dealer of the neighbourhood, of one kind only. */
export interface Revealed {
  readonly digest: Bytes;
  readonly shares: readonly RevealedShare[];
}

/**
 * One participant's secrets of one attempt, and everything that may be done with them; docs/decisions/0017. Steps come in
 * the order written here, each once but for the last three. A step that throws before it did anything (a bad roster, a bad
 * inbox) may be tried again with a better one. Errors name an offender through `path`, which is its participant id.
 *
 * It holds by construction that nothing is revealed before enough survivors confirmed the same survivors, that only one
 * set of survivors is ever confirmed, that of each dealer one kind of share is revealed and the other is overwritten then,
 * and that one vector only is masked.
 */
export interface SecureMember {
  readonly parameters: SecureParameters;
  advertise(weight: number): Promise<KeyAdvert>;
  /**
   * Deals to U1. @param adverts in a k-regular graph those of the own neighbourhood.
   * @throws `secagg.bad-signature`, `secagg.bad-key`, `secagg.inconsistent`, `secagg.below-threshold`.
   */
  share(adverts: readonly KeyAdvert[]): Promise<ShareBundle>;
  /**
   * Keeps what others dealt; fixes U2.
   * @throws `secagg.bad-signature`, `secagg.bad-share`, `secagg.inconsistent`, `secagg.below-threshold`.
   */
  open(inbox: Inbox): Promise<void>;
  /**
   * Once, whatever becomes of it.
   * @param values vectorLength integers, of which the sum fits the ring.
   * @throws `update.wrong-length`, `update.overflow`.
   */
  mask(values: Int32Array<ArrayBuffer>): Promise<MaskedSlices>;
  /**
   * Fixes U3. The same answer when asked again.
   * @throws `secagg.inconsistent` for impossible survivors or others than before, `secagg.already-revealed` for others after
   *   a reveal, `secagg.below-threshold`.
   */
  confirm(survivors: readonly ParticipantId[]): Promise<Confirmed>;
  /**
   * The same answer when asked again.
   * @param confirmations its own may be among them; it counts in any case.
   * @throws `secagg.bad-signature` or `secagg.below-threshold` where too few are valid.
   */
  reveal(confirmations: readonly Confirmation[]): Promise<Revealed>;
  /**
   * Checks the published sums of all slices against their check words. A member of the cohort could compute check words
   * for a wrong sum of its own; whoever is none (the server) passes with probability 2^-32.
   * @param sums centred, each the values of a slice and then its check words.
   * @param own slices that this member added up itself, which are not looked at: without it, the one of its index.
   * @returns slices that fail; [] where there are no check words.
   */
  verify(sums: readonly Int32Array<ArrayBuffer>[], own?: readonly number[]): Promise<number[]>;
  /** Overwrites all secrets. Every later call, and any that is under way, throws `aborted`. */
  destroy(): void;
}

export function createMember(
  parameters: SecureParameters,
  identity: Identity,
  suite: CryptoSuite,
  random: CryptoRandom,
): SecureMember {
  return new Member(parameters, identity, suite, random);
}

class Member implements SecureMember {
  readonly parameters: SecureParameters;
  readonly #identity: Identity;
  readonly #suite: CryptoSuite;
  readonly #random: CryptoRandom;
  #destroyed = false;
  #last: Promise<unknown> = Promise.resolve();

  #keys: OwnKeys | undefined;
  #roster: Roster | undefined;
  #adverts: readonly KeyAdvert[] = [];
  #dealt: Dealt | undefined;
  #dealers: readonly ParticipantId[] = [];
  #opened: Opened | undefined;
  #checkKeys: CheckKeys | undefined;
  #maskingBegun = false;
  #digests: Bytes | undefined;
  #survivors: readonly ParticipantId[] = [];
  #confirmed: Confirmed | undefined;
  #revealed: Revealed | undefined;

  constructor(parameters: SecureParameters, identity: Identity, suite: CryptoSuite, random: CryptoRandom) {
    attemptPlan(parameters).indexOf(identity.id);
    this.parameters = parameters;
    this.#identity = identity;
    this.#suite = suite;
    this.#random = random;
  }

  advertise(weight: number): Promise<KeyAdvert> {
    return this.#inTurn(async () => {
      checkOrder(this.#keys === undefined, 'Keys were advertised already.');
      const mask = await this.#suite.createAgreementKeys();
      const cipher = await this.#suite.createAgreementKeys();
      const unsigned = {
        participant: this.#identity.id,
        identityKey: this.#identity.publicKey,
        maskKey: mask.publicKey,
        cipherKey: cipher.publicKey,
        weight,
      };
      const signature = await this.#identity.sign(advertBytes(this.parameters, unsigned));
      const advert = { ...unsigned, signature };
      this.#keys = { mask, cipher, advert };
      return advert;
    });
  }

  share(adverts: readonly KeyAdvert[]): Promise<ShareBundle> {
    return this.#inTurn(async () => {
      const keys = this.#keys;
      checkOrder(keys !== undefined && this.#dealt === undefined, 'Shares are dealt once, after keys.');
      const roster = await verifyRoster(this.parameters, keys.advert, adverts, this.#suite);
      this.#dealt = await dealShares(
        this.parameters,
        keys,
        roster,
        this.#identity,
        this.#suite,
        this.#random,
      );
      this.#roster = roster;
      this.#adverts = [...roster.values()];
      erase([keys.mask.secret, keys.cipher.secret]);
      return this.#dealt.bundle;
    });
  }

  open(inbox: Inbox): Promise<void> {
    return this.#inTurn(async () => {
      const [dealt, roster] = [this.#dealt, this.#roster];
      checkOrder(
        dealt !== undefined && roster !== undefined && this.#opened === undefined,
        'Shares are opened once, after own ones were dealt.',
      );
      const opened = await openInbox(this.parameters, dealt, roster, inbox, this.#identity, this.#suite);
      this.#opened = opened;
      this.#dealers = [...inbox.dealers];
      erase(dealt.inboxKeys.values());
      if (opened.checkSeed !== undefined) {
        this.#checkKeys = checkKeys(this.#plan, opened.checkSeed, inbox.dealers[0]!);
        erase([opened.checkSeed]);
      }
      erase([dealt.checkSeed]);
    });
  }

  mask(values: Int32Array<ArrayBuffer>): Promise<MaskedSlices> {
    return this.#inTurn(async () => {
      const [dealt, opened] = [this.#dealt, this.#opened];
      checkOrder(
        dealt !== undefined && opened !== undefined && !this.#maskingBegun,
        'One vector is masked in an attempt, after shares were opened.',
      );
      check(
        values.length === this.parameters.vectorLength,
        'update.wrong-length',
        'The update has another length.',
        {
          expected: String(this.parameters.vectorLength),
          received: String(values.length),
        },
      );
      this.#maskingBegun = true;
      const vector = await withCheckWords(values, this.#index, this.parameters, this.#checkKeys, this.#suite);
      const self = selfMaskKey(this.#plan, dealt.selfSeed, this.#identity.id);
      const masks: Mask[] = [{ key: self, sign: 1 }];
      for (const dealer of opened.dealers)
        if (dealer !== this.#index)
          masks.push({ key: dealt.pairKeys.get(dealer)!, sign: pairMaskSign(this.#index, dealer) });
      await applyMasks(vector, masks, 0, this.parameters.ring, this.#suite);
      this.#checkAlive();
      erase([self, dealt.selfSeed, ...dealt.pairKeys.values()]);
      const slices = cut(vector, this.parameters);
      this.#digests = await sliceDigests(slices, this.#suite);
      return { slices, digests: this.#digests };
    });
  }

  confirm(survivors: readonly ParticipantId[]): Promise<Confirmed> {
    return this.#inTurn(async () => {
      const digests = this.#digests;
      checkOrder(digests !== undefined, 'Survivors are confirmed after masking.');
      this.#checkSurvivors(survivors);
      if (this.#confirmed !== undefined) return this.#confirmed;
      const digest = survivorDigest(this.parameters, this.#adverts, this.#dealers, survivors);
      const unsigned = { participant: this.#identity.id, digests };
      // From here on it is these, even if signing fails.
      this.#survivors = [...survivors];
      const signature = await this.#identity.sign(confirmationBytes(this.parameters, digest, unsigned));
      this.#confirmed = { digest, confirmation: { ...unsigned, signature } };
      return this.#confirmed;
    });
  }

  reveal(confirmations: readonly Confirmation[]): Promise<Revealed> {
    return this.#inTurn(async () => {
      if (this.#revealed !== undefined) return this.#revealed;
      const [confirmed, opened] = [this.#confirmed, this.#opened];
      checkOrder(
        confirmed !== undefined && opened !== undefined,
        'Shares are revealed after survivors were confirmed.',
      );
      await this.#checkConfirmations(confirmed.digest, confirmations);
      const survived = new Set(this.#survivors);
      const shares = opened.dealers.map((index) => {
        const dealer = this.parameters.cohort[index]!;
        const { self, mask } = opened.shares.get(index)!;
        return { dealer, share: (survived.has(dealer) ? self : mask).slice() };
      });
      this.#revealed = { digest: confirmed.digest, shares };
      eraseShares(opened.shares);
      return this.#revealed;
    });
  }

  verify(sums: readonly Int32Array<ArrayBuffer>[], own?: readonly number[]): Promise<number[]> {
    return this.#inTurn(async () => {
      checkOrder(this.#confirmed !== undefined, 'Sums are verified after survivors were confirmed.');
      const { sliceCount } = this.parameters;
      check(sums.length === sliceCount, 'argument.invalid', 'Sums of slices are missing.', {
        expected: `${sliceCount} slices`,
        received: String(sums.length),
      });
      const keys = this.#checkKeys;
      if (keys === undefined) return [];
      const members = this.#plan.indicesOf(this.#survivors);
      const except = own ?? (this.#plan.mesh ? [this.#index] : []);
      return wrongSums(sums, except, members, this.parameters, keys, this.#suite);
    });
  }

  destroy(): void {
    this.#destroyed = true;
    this.#erase();
  }

  #erase(): void {
    if (this.#keys !== undefined) erase([this.#keys.mask.secret, this.#keys.cipher.secret]);
    if (this.#dealt !== undefined) {
      const { selfSeed, checkSeed, ownShares, pairKeys, inboxKeys } = this.#dealt;
      erase([
        selfSeed,
        checkSeed,
        ownShares.self,
        ownShares.mask,
        ...pairKeys.values(),
        ...inboxKeys.values(),
      ]);
    }
    if (this.#opened !== undefined) eraseShares(this.#opened.shares);
    if (this.#checkKeys !== undefined) erase([this.#checkKeys.row, this.#checkKeys.pad]);
  }

  #checkSurvivors(survivors: readonly ParticipantId[]): void {
    if (this.#survivors.length > 0) {
      check(
        survivors.join() === this.#survivors.join(),
        this.#revealed === undefined ? 'secagg.inconsistent' : 'secagg.already-revealed',
        'Other survivors were confirmed in this attempt.',
        { remedy: 'The attempt is abandoned; another one begins with fresh keys.' },
      );
      return;
    }
    const indices = this.#plan.indicesOf(survivors);
    for (const survivor of survivors)
      check(
        this.#dealers.includes(survivor),
        'secagg.inconsistent',
        'Someone survived who dealt no shares.',
        {
          path: survivor,
        },
      );
    check(
      indices.includes(this.#index),
      'secagg.inconsistent',
      'This participant is not among the survivors.',
      {
        path: this.#identity.id,
      },
    );
    checkSurvivorCount(survivors);
    const holders = this.#plan.holdersOf(this.#index);
    checkThreshold(this.#plan, indices.filter((index) => holders.includes(index)).length, 'survived');
  }

  /** At least a threshold of neighbours, itself among them, has to know the same survivors. */
  async #checkConfirmations(digest: Bytes, confirmations: readonly Confirmation[]): Promise<void> {
    const neighbours = new Map([...this.#roster!.values()].map((advert) => [advert.participant, advert]));
    const valid = new Set([this.#identity.id]);
    let fault: unknown;
    for (const confirmation of confirmations) {
      const { participant } = confirmation;
      const advert = neighbours.get(participant);
      if (valid.has(participant) || advert === undefined || !this.#survivors.includes(participant)) continue;
      try {
        await verifyConfirmation(this.parameters, confirmation, advert.identityKey, digest, this.#suite);
        valid.add(participant);
      } catch (error) {
        fault ??= error;
      }
    }
    if (valid.size < this.#plan.graph.threshold && fault !== undefined) throw fault;
    checkThreshold(this.#plan, valid.size, 'confirmed the survivors');
  }

  get #plan(): AttemptPlan {
    return attemptPlan(this.parameters);
  }

  get #index(): number {
    return this.#plan.indexOf(this.#identity.id);
  }

  /** One step after the other, so that two calls at once cannot pass the same check; nothing leaves after destroy(). */
  #inTurn<T>(step: () => Promise<T>): Promise<T> {
    const run = async (): Promise<T> => {
      this.#checkAlive();
      try {
        const result = await step();
        this.#checkAlive();
        return result;
      } finally {
        if (this.#destroyed) this.#erase(); // what the step made while it was under way
      }
    };
    const result = this.#last.then(run, run);
    this.#last = result;
    return result;
  }

  #checkAlive(): void {
    check(!this.#destroyed, 'aborted', 'The secrets of this attempt are gone.');
  }
}

function checkOrder(condition: boolean, summary: string): asserts condition {
  check(condition, 'wire.out-of-phase', summary);
}
