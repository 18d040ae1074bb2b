import type { ParticipantId } from '../../shared/identity/index.ts';
import {
  type Confirmation,
  type Inbox,
  type KeyAdvert,
  packedBytes,
  type Revealed,
  type SecureParameters,
  type ShareBundle,
} from '../../shared/secagg/index.ts';
import { sliceRange } from '../../shared/update/index.ts';
import { encodeMessage, type Message, type Plan } from '../../shared/wire/index.ts';
import { ATTEMPT, BASE_HASH, REVISION, RUN } from './cohort.ts';
import type { PublishedSum } from './round.ts';

/** What one participant of a round without losses sends and receives, as it came out of a real round. */
export interface PeerMail {
  readonly parameters: SecureParameters;
  /** Its place in the cohort. */
  readonly index: number;
  readonly advert: KeyAdvert;
  readonly roster: readonly KeyAdvert[];
  readonly bundle: ShareBundle;
  readonly inbox: Inbox;
  readonly slices: readonly Uint8Array<ArrayBuffer>[];
  readonly confirmation: Confirmation;
  readonly confirmed: readonly Confirmation[];
  readonly reveal: Revealed;
  readonly sums: readonly PublishedSum[];
}

export interface MailRow {
  readonly message: string;
  readonly direction: 'sent' | 'received';
  readonly count: number;
  readonly secureBytes: number;
  /** In an unmasked round of the same ring's width. */
  readonly plainBytes: number;
}

export interface Traffic {
  readonly rows: readonly MailRow[];
  readonly sentBytes: number;
  readonly sentPlainBytes: number;
  readonly receivedBytes: number;
  readonly receivedPlainBytes: number;
  /** Of what is sent, the copy of the own slice for whoever takes over; 0 where the server owns everything. */
  readonly deputyBytes: number;
}

/** By `encodeMessage`; frames of the transport come on top, in a plain round as well. */
export function trafficOf(mail: PeerMail): Traffic {
  const { parameters, index, slices } = mail;
  const { cohort, sliceCount } = parameters;
  const mesh = sliceCount > 1;
  const others = cohort.length - 1;
  const header = { run: RUN, attempt: ATTEMPT };
  const plan: Plan = {
    revision: 1,
    cohort: [...cohort],
    owners: mesh ? [...cohort] : ['server'],
    survivors: null,
    tally: 0,
  };
  const rows: MailRow[] = [];
  const add = (
    message: string,
    direction: MailRow['direction'],
    secure: Message | undefined,
    plain: Message | undefined,
    count = 1,
  ): void => {
    const bytes = (sample: Message | undefined) =>
      sample === undefined ? 0 : count * encodeMessage(sample).byteLength;
    rows.push({ message, direction, count, secureBytes: bytes(secure), plainBytes: bytes(plain) });
  };
  const both = (message: string, direction: MailRow['direction'], sample: Message): void =>
    add(message, direction, sample, sample);

  // One of another's slices stands for all: they differ by an element at most.
  const sliceIndex = mesh ? (index + 1) % cohort.length : 0;
  const slice = (which: number, values: Uint8Array<ArrayBuffer>): Message => {
    return { type: 'slice', ...header, slice: which, count: sliceCount, weight: 1, values };
  };
  const sum = (
    which: number,
    values: Uint8Array<ArrayBuffer>,
    proof: PublishedSum['proof'] | null,
  ): Message => {
    return { type: 'sum', ...header, tally: 1, slice: which, weight: cohort.length, values, proof };
  };
  const reveal: Message = { type: 'reveal', ...header, ...mail.reveal, shares: [...mail.reveal.shares] };
  const { shares, boxes } = mail.bundle;
  const ownSum = mesh ? index : 0;
  const sumSent = mail.sums[ownSum]!;

  add('keys', 'sent', { type: 'keys', ...header, advert: mail.advert }, undefined);
  add('shares', 'sent', { type: 'shares', ...header, shares, boxes: [...boxes] }, undefined);
  both('trained', 'sent', { type: 'trained', ...header });
  const slicesSent = mesh ? others : 1;
  const [masked, bare] = [
    slice(sliceIndex, slices[sliceIndex]!),
    slice(sliceIndex, bareValues(parameters, sliceIndex)),
  ];
  add('slice', 'sent', masked, bare, slicesSent);
  if (mesh) add('slice, for the deputy', 'sent', slice(index, slices[index]!), undefined);
  both('uploaded', 'sent', { type: 'uploaded', ...header, revision: 1, undeliverable: [] });
  add('confirm', 'sent', { type: 'confirm', ...header, confirmation: mail.confirmation }, undefined);
  add('reveal', 'sent', reveal, undefined, slicesSent);
  const sumMessages = [
    sum(ownSum, sumSent.values, sumSent.proof),
    sum(ownSum, bareValues(parameters, ownSum), null),
  ] as const;
  if (mesh) add('sum', 'sent', ...sumMessages, others);
  both('applied', 'sent', { type: 'applied', ...header, tally: 1, hash: BASE_HASH });

  const base = { version: 0, hash: BASE_HASH };
  const deadlines = { trainMs: 60_000, exchangeMs: 60_000, applyMs: 60_000 };
  both('invite', 'received', {
    ...{ type: 'invite', ...header, federationRevision: REVISION, base, holders: ['server'], plan },
    ...deadlines,
  });
  add('roster', 'received', { type: 'roster', ...header, adverts: [...mail.roster] }, undefined);
  add('inbox', 'received', inboxMessage(mail.inbox), undefined);
  if (mesh) {
    add('slice', 'received', masked, bare, others);
    add('slice, as a deputy', 'received', slice(index, slices[index]!), undefined);
  }
  both('plan', 'received', {
    type: 'plan',
    ...header,
    plan: { ...plan, revision: 2, survivors: [...cohort], tally: 1 },
  });
  add(
    'confirmed',
    'received',
    { type: 'confirmed', ...header, confirmations: [...mail.confirmed] },
    undefined,
  );
  if (mesh) add('reveal', 'received', reveal, undefined, others);
  add('sum', 'received', ...sumMessages, slicesSent);
  add('commit', 'received', commit(cohort, true), commit(cohort, false));
  return summed(rows);
}

function bareValues({ vectorLength, sliceCount, ring }: SecureParameters, slice: number) {
  const { start, end } = sliceRange(vectorLength, sliceCount, slice);
  return new Uint8Array(packedBytes(end - start, ring));
}

function inboxMessage({ dealers, boxes, shares }: Inbox): Message {
  return {
    ...{ type: 'inbox', run: RUN, attempt: ATTEMPT },
    ...{ dealers: [...dealers], boxes: [...boxes], shares: [...shares] },
  };
}

function commit(cohort: readonly ParticipantId[], secure: boolean): Message {
  const record = {
    ...({ round: 1, term: 1, attempt: 1, coordinator: 'server', federationRevision: REVISION } as const),
    ...{ baseHash: BASE_HASH, hash: BASE_HASH, survivors: [...cohort], dropped: [] },
    ...{ startedAtMs: 1.5, trainMs: 1.5, exchangeMs: 1.5, applyMs: 1.5, evaluation: null },
    secure: secure ? { threshold: cohort.length, confirmations: cohort.length } : null,
  };
  return { type: 'commit', run: RUN, record, holders: ['server'] };
}

function summed(rows: readonly MailRow[]): Traffic {
  const total = (direction: MailRow['direction'], key: 'secureBytes' | 'plainBytes') =>
    rows.filter((row) => row.direction === direction).reduce((sum, row) => sum + row[key], 0);
  return {
    rows,
    sentBytes: total('sent', 'secureBytes'),
    sentPlainBytes: total('sent', 'plainBytes'),
    receivedBytes: total('received', 'secureBytes'),
    receivedPlainBytes: total('received', 'plainBytes'),
    deputyBytes: rows.find(({ message }) => message === 'slice, for the deputy')?.secureBytes ?? 0,
  };
}

/** Of what a peer sends, against an unmasked round of the same ring's width; the deputy's copy left out. */
export function expansion({ sentBytes, sentPlainBytes, deputyBytes }: Traffic): number {
  return (sentBytes - deputyBytes) / sentPlainBytes;
}
