import { type NodeId, type ParticipantId, SERVER } from '../../identity/index.ts';
import {
  type CryptoSuite,
  type RevealedShare,
  type SecureParameters,
  type ShareCommitments,
  SLICE_DIGEST_BYTES,
  type SliceLengths,
  sliceLengths,
} from '../../secagg/index.ts';
import type { Message, MessageOf, Plan } from '../../wire/index.ts';
import { canonical, type Fact } from './events.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** A masked slice of one participant. */
export interface KeptInput {
  readonly slice: number;
  readonly participant: ParticipantId;
  readonly values: Bytes;
}

export interface KeptSum {
  readonly group: number;
  readonly slice: number;
  readonly owner: NodeId;
  readonly values: Bytes;
}

/** Where notes go: events in order, and numbers beside them. */
export interface NotesSink {
  note(atMs: number, group: number, fact: Fact | Promise<Fact>): void;
  /** @returns false for a sum that adds nothing to those that are known. */
  keepSum(sum: KeptSum): boolean;
  keepInput(input: KeptInput): void;
}

export interface GroupContext {
  readonly self: NodeId;
  readonly suite: CryptoSuite;
  readonly sink: NotesSink;
  readonly parameters: SecureParameters;
  readonly plan: Plan;
}

interface Heard {
  readonly direction: 'in' | 'out';
  readonly peer: NodeId;
  readonly message: Message;
  readonly atMs: number;
}

/** What is known of one group of the attempt under way; in most rounds there is only one. */
export class GroupNotes {
  readonly reveals: { readonly holder: ParticipantId; readonly shares: RevealedShare[] }[] = [];
  commitments: ShareCommitments[] = [];
  readonly #index: number;
  readonly #context: GroupContext;
  readonly #lengths: SliceLengths;
  /** Of each slice, everyone who owns or owned it. */
  readonly #owners: Set<NodeId>[];
  readonly #seen = new Set<string>();
  #plan: Plan;

  /** @throws `argument.invalid` for a cohort that no round can have. */
  constructor(index: number, context: GroupContext) {
    this.#index = index;
    this.#context = context;
    this.#plan = context.plan;
    this.#lengths = sliceLengths(context.parameters);
    this.#owners = context.plan.owners.map((owner) => new Set([owner]));
  }

  get cohort(): readonly ParticipantId[] {
    return this.#plan.cohort;
  }

  get survivors(): readonly ParticipantId[] {
    return this.#plan.survivors ?? [];
  }

  get revision(): number {
    return this.#plan.revision;
  }

  take({ direction, peer, message, atMs }: Heard): 'taken' | 'too early' {
    const { self } = this.#context;
    const from = direction === 'out' ? self : peer;
    const way = {
      from,
      to: direction === 'out' ? peer : self,
      isOut: direction === 'out' || peer === self,
      isIn: direction === 'in' || peer === self,
    };
    switch (message.type) {
      case 'roster':
        return this.#onRoster(message, atMs);
      case 'inbox':
        return this.#onInbox(message, way.isIn, atMs);
      case 'plan':
        return this.#onPlan(message, atMs);
      case 'confirmed':
        return this.#onConfirmed(message, atMs);
      case 'shares':
        return from === message.shares.dealer ? this.#onShares(message, atMs) : 'taken';
      case 'slice':
        return this.#onSlice(message, way, atMs);
      case 'reveal':
        return this.#onReveal(message, way, atMs);
      case 'sum':
        return this.#onSum(message, from, atMs);
      case 'dispute':
        return this.#onDispute(message, from, atMs);
      case 'reject':
        return this.#onReject(message, from, atMs);
      default:
        return 'taken';
    }
  }

  once(key: string, atMs: number, fact: Fact | Promise<Fact>): 'taken' {
    if (this.#isNew(key)) this.#note(atMs, fact);
    return 'taken';
  }

  #onRoster({ adverts }: MessageOf<'roster'>, atMs: number): 'taken' {
    const fresh = adverts.filter(({ participant }) => this.#isNew(`advert/${participant}`));
    if (fresh.length > 0) this.#note(atMs, { kind: 'roster', adverts: fresh });
    return 'taken';
  }

  #onShares({ shares, boxes }: MessageOf<'shares'>, atMs: number): 'taken' {
    const { suite } = this.#context;
    const { dealer, commitments } = shares;
    if (!this.#isNew(`dealt/${dealer}`)) return 'taken';
    const listed = canonical(boxes.map(({ to, box }) => [to, box]));
    const digests = Promise.all([suite.digest(listed), suite.digest(commitments)]);
    this.#note(
      atMs,
      digests.then(([boxes, commitments]) => ({ kind: 'dealt', dealer, boxes, commitments })),
    );
    return 'taken';
  }

  #onInbox({ dealers, boxes, shares }: MessageOf<'inbox'>, isIn: boolean, atMs: number): 'taken' {
    const { suite } = this.#context;
    this.once('dealers', atMs, { kind: 'dealers', dealers });
    if (!isIn || !this.#isNew('inbox')) return 'taken';
    this.commitments = shares;
    const listed = canonical(boxes.map(({ dealer, box }) => [dealer, box]));
    const digests = Promise.all([suite.digest(listed), suite.digest(commitmentBytes(shares))]);
    this.#note(
      atMs,
      digests.then(([boxes, commitments]) => ({ kind: 'inbox', boxes, commitments })),
    );
    return 'taken';
  }

  #onPlan({ plan }: MessageOf<'plan'>, atMs: number): 'taken' {
    const { cohort, owners } = this.#plan;
    // Everything is bound to one cohort and one way of cutting: another of either is a lie that the node refuses itself.
    if (plan.revision <= this.#plan.revision) return 'taken';
    if (plan.cohort.join() !== cohort.join() || plan.owners.length !== owners.length) return 'taken';
    this.#plan = plan;
    for (const [slice, owner] of plan.owners.entries()) this.#owners[slice]!.add(owner);
    this.#note(atMs, { kind: 'plan', ...plan });
    return 'taken';
  }

  #onConfirmed({ confirmations }: MessageOf<'confirmed'>, atMs: number): 'taken' {
    const fresh = confirmations.filter(({ participant }) => this.#isNew(`confirmation/${participant}`));
    if (fresh.length > 0) this.#note(atMs, { kind: 'confirmations', confirmations: fresh });
    return 'taken';
  }

  #onSlice({ slice, values }: MessageOf<'slice'>, way: Way, atMs: number): 'taken' | 'too early' {
    const { suite } = this.#context;
    if (slice >= this.#owners.length || values.byteLength !== this.#lengths.wireBytes(slice)) return 'taken';
    const sender = this.#plan.cohort.find((id) => id === way.from);
    if (sender === undefined) return 'taken';
    if (way.isIn && !this.#mayReceive(slice, sender)) return 'too early';
    const digest = async (): Promise<Bytes> => (await suite.digest(values)).slice(0, SLICE_DIGEST_BYTES);
    const { to } = way;
    if (way.isOut && this.#isNew(`sent/${slice}/${to}`))
      this.#note(
        atMs,
        digest().then((digest) => ({ kind: 'sent', slice, to, digest })),
      );
    if (way.isIn && this.#isNew(`received/${slice}/${sender}`))
      this.#note(
        atMs,
        digest().then((digest) => ({ kind: 'received', slice, from: sender, digest })),
      );
    if (this.#isNew(`input/${slice}/${sender}`))
      this.#context.sink.keepInput({ slice, participant: sender, values });
    return 'taken';
  }

  /** As its owner, or as the deputy of an owner, who sends its own slice to the next in the cohort. */
  #mayReceive(slice: number, from: ParticipantId): boolean {
    const { self } = this.#context;
    if (this.#owners[slice]!.has(self)) return true;
    const { cohort } = this.#plan;
    return from === cohort[slice] && cohort[(slice + 1) % cohort.length] === self;
  }

  #onReveal({ shares }: MessageOf<'reveal'>, way: Way, atMs: number): 'taken' | 'too early' {
    const { suite } = this.#context;
    const { survivors, cohort } = this.#plan;
    if (survivors === null) return 'too early';
    const holder = cohort.find((id) => id === way.from);
    if (holder === undefined) return 'taken';
    const dealers = shares.map(({ dealer }) => dealer);
    const kinds = {
      self: dealers.filter((dealer) => survivors.includes(dealer)),
      mask: dealers.filter((dealer) => !survivors.includes(dealer)),
    };
    const digest = suite.digest(revealBytes(shares));
    const { to } = way;
    if (way.isOut && this.#isNew(`revealed/${to}`))
      this.#note(
        atMs,
        digest.then((digest) => ({ kind: 'revealed', to, ...kinds, digest })),
      );
    if (way.isIn && this.#isNew(`collected/${holder}`))
      this.#note(
        atMs,
        digest.then((digest) => ({ kind: 'collected', from: holder, ...kinds, digest })),
      );
    if (this.#isNew(`shares/${holder}`)) this.reveals.push({ holder, shares });
    return 'taken';
  }

  #onSum(
    { slice, tally, weight, values, proof }: MessageOf<'sum'>,
    owner: NodeId,
    atMs: number,
  ): 'taken' | 'too early' {
    const { sink, suite } = this.#context;
    if (slice >= this.#owners.length || values.byteLength !== this.#lengths.wireBytes(slice)) return 'taken';
    if (!this.#owners[slice]!.has(owner)) return 'too early';
    if (!sink.keepSum({ group: this.#index, slice, owner, values })) return 'taken';
    // Where sums are too large to keep, nothing tells a repeated one: two are noted, whatever they are.
    if (!this.#isNew(`sum/${slice}/${owner}`) && !this.#isNew(`sum/${slice}/${owner}/again`)) return 'taken';
    this.#note(
      atMs,
      suite.digest(values).then((values) => ({ kind: 'sum', owner, slice, tally, weight, values, proof })),
    );
    return 'taken';
  }

  /** Once per sender and slice, so that there are never more than members and the server times slices. */
  #onDispute({ slices }: MessageOf<'dispute'>, from: NodeId, atMs: number): 'taken' {
    if (!this.#mayComplain(from)) return 'taken';
    const fresh = slices.filter((slice) => {
      return slice < this.#owners.length && this.#isNew(`dispute/${from}/${slice}`);
    });
    if (fresh.length > 0) this.#note(atMs, { kind: 'disputed', by: from, slices: fresh });
    return 'taken';
  }

  #onReject({ participant, code }: MessageOf<'reject'>, from: NodeId, atMs: number): 'taken' {
    if (!this.#mayComplain(from) || !this.#isMember(participant)) return 'taken';
    return this.once(`reject/${from}/${participant}`, atMs, {
      kind: 'rejected',
      by: from,
      participant,
      code,
    });
  }

  #mayComplain(from: NodeId): boolean {
    return from === SERVER || this.#isMember(from);
  }

  #isMember(node: NodeId): boolean {
    return this.#plan.cohort.some((id) => id === node);
  }

  #isNew(key: string): boolean {
    if (this.#seen.has(key)) return false;
    this.#seen.add(key);
    return true;
  }

  #note(atMs: number, fact: Fact | Promise<Fact>): void {
    this.#context.sink.note(atMs, this.#index, fact);
  }
}

/** Where a message goes; what a node says to itself goes both ways. */
interface Way {
  readonly from: NodeId;
  readonly to: NodeId;
  readonly isOut: boolean;
  readonly isIn: boolean;
}

/** What the digest of a list of commitments is over. */
export function commitmentBytes(shares: readonly ShareCommitments[]): Bytes {
  return canonical(shares.map(({ dealer, commitments, signature }) => [dealer, commitments, signature]));
}

/** What the digest of revealed shares is over. */
export function revealBytes(shares: readonly RevealedShare[]): Bytes {
  return canonical(shares.map(({ dealer, share }) => [dealer, share]));
}
