import { encodingOf, vectorLengthOf } from '../../compress/index.ts';
import { MurmurationError } from '../../errors/index.ts';
import { canonicalJson, type Federation } from '../../federation/index.ts';
import type { Identity, NodeId, ParticipantId } from '../../identity/index.ts';
import { type CryptoSuite, ringFor, type SecureParameters, sameBytes } from '../../secagg/index.ts';
import { type Layout, type Model, modelBytes } from '../../update/index.ts';
import type { AttemptId, Message, MessageOf, MessageType } from '../../wire/index.ts';
import { compareAttempts } from '../effects.ts';
import { genesisHash, headBytes, linkHash, type TranscriptEvent, type TranscriptHeader } from './chain.ts';
import { encodeFact, type Fact, type FactOf } from './events.ts';
import { GroupNotes, type KeptInput, type KeptSum, type NotesSink } from './group-notes.ts';
import { encodeBulk, type RoundTranscript, type TranscriptBulk } from './transcript.ts';

type Bytes = Uint8Array<ArrayBuffer>;

export interface RecorderOptions {
  readonly self: NodeId;
  readonly run: string;
  readonly federation: Federation;
  readonly layout: Layout;
  readonly identity: Identity;
  readonly suite: CryptoSuite;
  /** A model that this node holds, by its hash. */
  readonly findModel: (hash: string) => Promise<Model | undefined>;
  /** Most bytes of masked slices, and again of sums, that a transcript holds; above, it goes without. */
  readonly maxBytes?: number;
}

/**
 * Writes down the attempts that a node takes part in, one at a time, from the messages that it sends and takes in.
 * Memory is bounded by one attempt, by `maxBytes` for each of sums, masked slices and what came too early, and by a fixed
 * amount for what came before its invitation.
 */
export interface TranscriptRecorder {
  /**
   * @param peer whom it goes to or came from; the node itself for what it says to itself. Orders of a coordinator that the
   *   node does not obey must not be given to it.
   * @returns the transcript of the attempt that ends with this message, where one does. Transcripts come in order.
   */
  hear(
    direction: 'in' | 'out',
    peer: NodeId,
    message: Message,
    atMs: number,
  ): Promise<RoundTranscript> | undefined;
}

const MAX_BYTES = 64 * 2 ** 20;
/** What every message counts for among those that wait, beside its numbers and lists: none is free, not even an empty one. */
const SMALL_MESSAGE_BYTES = 4096;
/** What each id or short run of bytes in a list counts for: the objects around 32 or 64 bytes weigh more than these. */
const ENTRY_BYTES = 256;
/** Of later attempts anyone may invent ids. The next one may overtake its invitation, and one after it if that is given up. */
const MAX_LATER_ATTEMPTS = 2;
/** A node does its part only once invited, so little overtakes an invitation: far less than what an attempt under way needs. */
const MAX_LATER_BYTES = 8 * 2 ** 20;
/** Some for each member of a group of usual size; a transcript that lacks others lacks what came before its invitation. */
const MAX_LATER_MESSAGES = 256;
/** What may overtake the message that announces it. */
const EARLY = new Set<MessageType>([
  'roster',
  'inbox',
  'plan',
  'confirmed',
  'slice',
  'reveal',
  'sum',
  'total',
]);
/** What only the coordinator may say. */
const ORDERS = new Set<MessageType>(['roster', 'inbox', 'plan', 'confirmed', 'total']);

/** A message as a node sent it or took it in. */
export interface Heard {
  readonly direction: 'in' | 'out';
  readonly peer: NodeId;
  readonly message: Message;
  readonly atMs: number;
}

export function createTranscriptRecorder(options: RecorderOptions): TranscriptRecorder {
  const { self, run, federation, layout } = options;
  const encoding = encodingOf(federation, layout);
  const sent = {
    ring: ringFor(encoding, federation.cohort.groupSize),
    vectorLength: vectorLengthOf(encoding, layout.length),
  };
  const maxBytes = options.maxBytes ?? MAX_BYTES;
  const about = {
    node: self,
    identityKey: options.identity.publicKey,
    run,
    federation: canonicalJson(federation),
    layout: layout.parameters.map(({ name, shape }) => ({ name, shape })),
  };
  let current: Notes | undefined;
  /** The last that ended: nothing of it or before it is waited for. */
  let ended: AttemptId | undefined;
  const early = new EarlyMessages(maxBytes);
  const later = new LaterMessages(Math.min(maxBytes, MAX_LATER_BYTES));
  let sealed: Promise<unknown> = Promise.resolve();

  function invite(heard: Heard & { message: MessageOf<'invite'> }, isNew: boolean): void {
    const { attempt, base } = heard.message;
    const notes = isNew
      ? new Notes({ ...about, attempt }, fromOf(heard, self), base.hash, sent, options)
      : current!;
    try {
      notes.invite(heard);
      current = notes;
    } catch (thrown) {
      // A cohort that no round can have: the node refuses it, and nothing happens that is worth a transcript.
      if (!(thrown instanceof MurmurationError)) throw thrown;
    }
    retry();
  }

  /** What came too early is heard again. */
  function retry(): void {
    for (const heard of [...early.takeAll(), ...later.takeAll()]) {
      const order = current === undefined ? 1 : compareAttempts(attemptOf(heard.message)!, current.attempt);
      if (order > 0) keepLater(heard);
      else if (order === 0 && current!.take(heard) === 'too early') keepEarly(heard);
    }
  }

  function keepEarly(heard: Heard): void {
    if (EARLY.has(heard.message.type)) early.add(heard);
  }

  function keepLater(heard: Heard): void {
    const attempt = attemptOf(heard.message)!;
    if (ended !== undefined && compareAttempts(attempt, ended) <= 0) return;
    if (EARLY.has(heard.message.type)) later.add(attempt, heard);
  }

  function end(last: FactOf<'committed' | 'abandoned'>, atMs: number): Promise<RoundTranscript> | undefined {
    const notes = current;
    if (notes === undefined) return undefined;
    current = undefined;
    ended = notes.attempt;
    early.takeAll();
    const next = sealed.then(() => notes.seal(last, atMs));
    // Whoever asked for this one hears of its failure; the next one does not depend on it.
    sealed = next.catch(() => undefined);
    return next;
  }

  return {
    hear(direction, peer, message, atMs) {
      const attempt = attemptOf(message);
      if (attempt === undefined || message.run !== run) return undefined;
      const order = current === undefined ? 1 : compareAttempts(attempt, current.attempt);
      if (order < 0) return undefined;
      const heard = { direction, peer, message, atMs };
      if (message.type === 'invite') {
        const superseded = order > 0 ? end({ kind: 'abandoned', code: 'round.superseded' }, atMs) : undefined;
        invite({ ...heard, message }, order > 0);
        return superseded;
      }
      if (order > 0) {
        keepLater(heard);
        return undefined;
      }
      const isOrder = fromOf(heard, self) === current!.coordinator;
      if (message.type === 'commit')
        return isOrder ? end({ kind: 'committed', record: message.record }, atMs) : undefined;
      if (message.type === 'abandon') {
        if (!isOrder || current!.goesOnWithout(message, atMs)) return undefined;
        return end({ kind: 'abandoned', code: message.code }, atMs);
      }
      const { changes } = current!;
      if (current!.take(heard) === 'too early') keepEarly(heard);
      if (current!.changes !== changes) retry();
      return undefined;
    },
  };
}

/** What waits for more to be known of the attempt under way. */
class EarlyMessages {
  readonly #maxBytes: number;
  #items: Heard[] = [];
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  add(heard: Heard): void {
    const size = sizeOf(heard.message);
    if (this.#bytes + size > this.#maxBytes) return;
    this.#items.push(heard);
    this.#bytes += size;
  }

  takeAll(): Heard[] {
    const items = this.#items;
    this.#items = [];
    this.#bytes = 0;
    return items;
  }
}

/** What waits for the invitation to its attempt. Where room is short, the attempt furthest ahead goes first. */
class LaterMessages {
  readonly #maxBytes: number;
  /** The nearest first. */
  #attempts: { readonly attempt: AttemptId; readonly items: Heard[]; bytes: number }[] = [];
  #count = 0;
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  add(attempt: AttemptId, heard: Heard): void {
    const size = sizeOf(heard.message);
    if (size > this.#maxBytes) return;
    let place = this.#find(attempt);
    while (!this.#hasRoom(size, place === undefined)) {
      const furthest = this.#attempts.at(-1)!;
      if (compareAttempts(furthest.attempt, attempt) <= 0) return;
      this.#attempts.pop();
      this.#count -= furthest.items.length;
      this.#bytes -= furthest.bytes;
    }
    if (place === undefined) {
      place = { attempt, items: [], bytes: 0 };
      this.#attempts.push(place);
      this.#attempts.sort((a, b) => compareAttempts(a.attempt, b.attempt));
    }
    place.items.push(heard);
    place.bytes += size;
    this.#count++;
    this.#bytes += size;
  }

  takeAll(): Heard[] {
    const items = this.#attempts.flatMap(({ items }) => items);
    this.#attempts = [];
    this.#count = 0;
    this.#bytes = 0;
    return items;
  }

  #find(attempt: AttemptId) {
    return this.#attempts.find((place) => compareAttempts(place.attempt, attempt) === 0);
  }

  #hasRoom(size: number, isNew: boolean): boolean {
    if (isNew && this.#attempts.length >= MAX_LATER_ATTEMPTS) return false;
    return this.#count < MAX_LATER_MESSAGES && this.#bytes + size <= this.#maxBytes;
  }
}

/** What is known of the attempt under way, in all groups that this node sees: its own, or on the server all. */
class Notes implements NotesSink {
  readonly attempt: AttemptId;
  readonly coordinator: NodeId;
  /** Grows when something becomes known that others may have waited for. */
  changes = 0;
  readonly #header: TranscriptHeader;
  readonly #baseHash: string;
  readonly #options: RecorderOptions;
  readonly #sent: Pick<SecureParameters, 'ring' | 'vectorLength'>;
  readonly #groups = new Map<number, GroupNotes>();
  readonly #events: { readonly atMs: number; readonly group: number; readonly fact: Fact | Promise<Fact> }[] =
    [];
  readonly #sums: Shelf<KeptSum>;
  readonly #inputs: Shelf<KeptInput>;
  #total: Bytes | undefined;

  constructor(
    header: TranscriptHeader,
    coordinator: NodeId,
    baseHash: string,
    sent: Pick<SecureParameters, 'ring' | 'vectorLength'>,
    options: RecorderOptions,
  ) {
    this.attempt = header.attempt;
    this.coordinator = coordinator;
    this.#header = header;
    this.#baseHash = baseHash;
    this.#sent = sent;
    this.#options = options;
    this.#sums = new Shelf(options.maxBytes ?? MAX_BYTES);
    this.#inputs = new Shelf(options.maxBytes ?? MAX_BYTES);
  }

  /** @throws `argument.invalid` for a cohort that no round can have. */
  invite(heard: Heard & { message: MessageOf<'invite'> }): void {
    const { self, suite, run } = this.#options;
    const { plan, base, attempt, federationRevision } = heard.message;
    const index = plan.group?.index ?? 0;
    if (this.#groups.has(index) || fromOf(heard, self) !== this.coordinator) return;
    if (base.hash !== this.#baseHash) return;
    const parameters: SecureParameters = {
      context: { run, attempt, federationRevision, baseHash: base.hash },
      cohort: plan.cohort,
      ...this.#sent,
      sliceCount: plan.owners.length,
    };
    this.#groups.set(index, new GroupNotes(index, { self, suite, sink: this, parameters, plan }));
    this.changes++;
    this.note(heard.atMs, index, {
      kind: 'invited',
      coordinator: this.coordinator,
      federationRevision,
      base,
      cohort: plan.cohort,
      owners: plan.owners,
      group: plan.group ?? null,
    });
  }

  take(heard: Heard): 'taken' | 'too early' {
    const { message, atMs } = heard;
    const isOrder = fromOf(heard, this.#options.self) === this.coordinator;
    if (ORDERS.has(message.type) && !isOrder) return 'taken';
    if (message.type === 'total') return this.#onTotal(message, atMs);
    const group = this.#groupOf(heard);
    if (group === undefined) return 'too early';
    const { revision } = group;
    const outcome = group.take(heard);
    if (group.revision !== revision) this.changes++;
    return outcome;
  }

  /** Whether the round goes on when this is given up: one group of several, on the server, which sees the others. */
  goesOnWithout({ group, code }: MessageOf<'abandon'>, atMs: number): boolean {
    if (group === undefined || this.#groups.size < 2) return false;
    this.#groups.get(group)?.once('lost', atMs, { kind: 'lost', code });
    return true;
  }

  /** A participant sees its own group only; on the server it is that of whoever the message speaks of. */
  #groupOf({ peer, message }: Heard): GroupNotes | undefined {
    if (message.type === 'plan') return this.#groups.get(message.plan.group?.index ?? 0);
    if (message.type === 'sum') return this.#groups.get(message.group ?? 0);
    if (this.#groups.size === 1) return [...this.#groups.values()][0];
    const member = memberOf(message) ?? peer;
    return [...this.#groups.values()].find(({ cohort }) => cohort.some((id) => id === member));
  }

  #onTotal({ weight, values }: MessageOf<'total'>, atMs: number): 'taken' {
    const { suite } = this.#options;
    if (this.#total !== undefined || values.byteLength !== this.#sent.vectorLength * 4) return 'taken';
    this.#total = values;
    const fact = suite.digest(values).then((values): Fact => ({ kind: 'total', weight, values }));
    this.note(atMs, 0, fact);
    return 'taken';
  }

  note(atMs: number, group: number, fact: Fact | Promise<Fact>): void {
    this.#events.push({ atMs, group, fact });
  }

  keepSum(sum: KeptSum): boolean {
    const before = this.#sums.items.filter(({ slice, owner, group }) => {
      return slice === sum.slice && owner === sum.owner && group === sum.group;
    });
    // A second one that differs convicts its owner; a third adds nothing.
    if (before.length === 2 || before.some(({ values }) => sameBytes(values, sum.values))) return false;
    this.#sums.add(sum);
    return true;
  }

  keepInput(input: KeptInput): void {
    this.#inputs.add(input);
  }

  /** Links the events, adds what they speak of, and signs. */
  async seal(last: FactOf<'committed' | 'abandoned'>, atMs: number): Promise<RoundTranscript> {
    const { identity, suite } = this.#options;
    this.note(atMs, 0, last);
    const events: TranscriptEvent[] = [];
    let head = genesisHash(this.#header);
    for (const [seq, { atMs, group, fact }] of this.#events.entries()) {
      const resolved = await fact;
      const event = { seq, atMs, group, kind: resolved.kind, body: encodeFact(resolved) };
      head = linkHash(head, event);
      events.push({ ...event, hash: head });
    }
    const bulk = last.kind === 'committed' ? encodeBulk(await this.#bulk()) : null;
    const bulkDigest = await suite.digest(bulk ?? new Uint8Array(0));
    const signature = await identity.sign(headBytes(head, events.length, bulkDigest));
    return { header: this.#header, events, bulk, bulkDigest, signature };
  }

  async #bulk(): Promise<TranscriptBulk> {
    const base = await this.#options.findModel(this.#baseHash);
    const groups = [...this.#groups.values()];
    const survivors = new Set(groups.flatMap((group) => group.survivors));
    return {
      base: base === undefined ? null : modelBytes(base),
      total: this.#total ?? null,
      sums: this.#sums.items.map(({ slice, owner, values }) => ({ slice, owner, values })),
      inputs: this.#inputs.items.filter(({ participant }) => survivors.has(participant)),
      reveals: groups.flatMap(({ reveals }) => reveals),
      commitments: groups.flatMap(({ commitments }) => commitments),
    };
  }
}

/** Keeps everything, or, once it is too much, nothing. */
class Shelf<T extends { readonly values: Bytes }> {
  readonly items: T[] = [];
  #left: number;

  constructor(maxBytes: number) {
    this.#left = maxBytes;
  }

  add(item: T): void {
    this.#left -= item.values.byteLength;
    if (this.#left < 0) this.items.length = 0;
    else this.items.push(item);
  }
}

function fromOf({ direction, peer }: Heard, self: NodeId): NodeId {
  return direction === 'out' ? self : peer;
}

/** Someone of the group that a message is about, where it names one. */
function memberOf(message: Message): ParticipantId | undefined {
  switch (message.type) {
    case 'roster':
      return message.adverts[0]?.participant;
    case 'inbox':
      return message.dealers[0];
    case 'confirmed':
      return message.confirmations[0]?.participant;
    case 'reject':
      return message.participant;
    default:
      return undefined;
  }
}

function attemptOf(message: Message): AttemptId | undefined {
  if (message.type === 'commit') {
    const { term, round, attempt } = message.record;
    return { term, round, attempt };
  }
  return 'attempt' in message ? message.attempt : undefined;
}

/** About what a message takes up in memory. */
function sizeOf(message: Message): number {
  return SMALL_MESSAGE_BYTES + contentSize(message);
}

function contentSize(message: Message): number {
  switch (message.type) {
    case 'slice':
    case 'total':
      return message.values.byteLength;
    case 'sum':
      return message.values.byteLength + (message.proof?.digests.byteLength ?? 0);
    case 'reveal':
      return ENTRY_BYTES * message.shares.length;
    case 'roster':
      // Three keys and a signature.
      return 4 * ENTRY_BYTES * message.adverts.length;
    case 'inbox': {
      const { dealers, boxes, shares } = message;
      return (
        ENTRY_BYTES * (dealers.length + boxes.length + 2 * shares.length) +
        boxes.reduce((sum, { box }) => sum + box.byteLength, 0) +
        shares.reduce((sum, { commitments }) => sum + commitments.byteLength, 0)
      );
    }
    case 'confirmed':
      return message.confirmations.reduce(
        (sum, { digests }) => sum + 2 * ENTRY_BYTES + digests.byteLength,
        0,
      );
    case 'plan': {
      const { cohort, owners, survivors } = message.plan;
      return ENTRY_BYTES * (cohort.length + owners.length + (survivors?.length ?? 0));
    }
    default:
      return 0;
  }
}
