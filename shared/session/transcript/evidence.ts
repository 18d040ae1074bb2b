import { type Encoding, encodingOf, vectorLengthOf } from '../../compress/index.ts';
import { check } from '../../errors/index.ts';
import type { Federation } from '../../federation/index.ts';
import type { NodeId, ParticipantId } from '../../identity/index.ts';
import { type Confirmation, type KeyAdvert, ringFor, type SecureParameters } from '../../secagg/index.ts';
import type { Layout } from '../../update/index.ts';
import type { Plan, RoundRecord } from '../../wire/index.ts';
import type { TranscriptHeader } from './chain.ts';
import type { EventKind, Fact, FactOf } from './events.ts';
import {
  bulkOf,
  factsOf,
  federationOf,
  layoutOfTranscript,
  type RoundTranscript,
  type TranscriptBulk,
} from './transcript.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** A published sum, with its values where the transcript holds them. */
export interface PublishedSum extends FactOf<'sum'> {
  readonly packed: Bytes | undefined;
}

/** What the events of a transcript say, put in order; nothing of it is checked yet. */
export interface Evidence {
  readonly header: TranscriptHeader;
  readonly federation: Federation;
  readonly encoding: Encoding;
  readonly layout: Layout;
  readonly facts: readonly Fact[];
  readonly base: FactOf<'invited'>['base'];
  /** At least one; on the server of a round of several groups all of them, elsewhere the node's own. */
  readonly groups: readonly GroupEvidence[];
  /** In a round of several groups. */
  readonly total: FactOf<'total'> | undefined;
  readonly record: RoundRecord | undefined;
  /** Why the attempt was given up. */
  readonly abandoned: string | undefined;
  readonly bulk: TranscriptBulk | null;
}

/** The part of it that concerns one group. */
export interface GroupEvidence {
  readonly node: NodeId;
  /** Null where one group is all there is. */
  readonly group: FactOf<'invited'>['group'];
  readonly parameters: SecureParameters;
  readonly facts: readonly Fact[];
  /** U1, as far as this node knows it. */
  readonly adverts: ReadonlyMap<ParticipantId, KeyAdvert>;
  /** U2; null where this node never heard of it. */
  readonly dealers: readonly ParticipantId[] | null;
  /** U3; null where it was never fixed, or this node did not hear of it. */
  readonly survivors: readonly ParticipantId[] | null;
  readonly plan: Pick<Plan, 'owners' | 'tally'>;
  readonly confirmations: readonly Confirmation[];
  /** Of slices in order: the sum that counts, undefined where none was heard. */
  readonly sums: readonly (PublishedSum | undefined)[];
  /** Digests of this node's own masked slices, where it sent them. */
  readonly sent: ReadonlyMap<number, Bytes>;
  /** Whether the group was given up while the round went on. */
  readonly isLost: boolean;
  readonly isCommitted: boolean;
  readonly record: RoundRecord | undefined;
  readonly bulk: TranscriptBulk | null;
}

/** @throws `secagg.transcript-invalid` for a transcript that does not begin with an invitation. */
export function evidenceOf(transcript: RoundTranscript): Evidence {
  const { header, events } = transcript;
  const federation = federationOf(transcript);
  const layout = layoutOfTranscript(transcript);
  const encoding = encodingOf(federation, layout);
  const facts = factsOf(transcript);
  const bulk = bulkOf(transcript);
  const [invited] = facts;
  check(invited?.kind === 'invited', 'secagg.transcript-invalid', 'The transcript has no beginning.', {
    path: 'events[0]',
    expected: 'an invitation',
    received: invited?.kind ?? 'nothing',
  });
  const last = facts.at(-1)!;
  const record = last.kind === 'committed' ? last.record : undefined;
  const packed = new Map(ofKind(facts, 'sum').map((sum, i) => [sum, keptValues(sum, bulk?.sums[i])]));
  const ring = ringFor(encoding, federation.cohort.groupSize);
  const groupOf = (invited: FactOf<'invited'>): GroupEvidence => {
    const index = invited.group?.index ?? 0;
    const own = facts.filter((_, i) => events[i]!.group === index);
    const { cohort, owners, federationRevision, base } = invited;
    const plans = ofKind(own, 'plan');
    const isLost = own.some(({ kind }) => kind === 'lost');
    return {
      node: header.node,
      group: invited.group,
      parameters: {
        context: { run: header.run, attempt: header.attempt, federationRevision, baseHash: base.hash },
        cohort,
        ring,
        vectorLength: vectorLengthOf(encoding, layout.length),
        sliceCount: owners.length,
      },
      facts: own,
      adverts: new Map(
        ofKind(own, 'roster').flatMap(({ adverts }) =>
          adverts.map((advert) => [advert.participant, advert] as const),
        ),
      ),
      dealers: ofKind(own, 'dealers')[0]?.dealers ?? null,
      survivors: plans.find(({ survivors }) => survivors !== null)?.survivors ?? null,
      plan: plans.at(-1) ?? { owners, tally: 0 },
      confirmations: ofKind(own, 'confirmations').flatMap(({ confirmations }) => confirmations),
      sums: owners.map((_, slice) => {
        const sum = sumOf(slice, own, [owners, ...plans.map(({ owners }) => owners)]);
        return sum && { ...sum, packed: packed.get(sum) };
      }),
      sent: new Map(ofKind(own, 'sent').map(({ slice, digest }) => [slice, digest])),
      isLost,
      isCommitted: record !== undefined && !isLost,
      record,
      bulk,
    };
  };
  return {
    header,
    federation,
    encoding,
    layout,
    facts,
    base: invited.base,
    groups: ofKind(facts, 'invited').map(groupOf),
    total: ofKind(facts, 'total')[0],
    record,
    abandoned: last.kind === 'abandoned' ? last.code : undefined,
    bulk,
  };
}

/** The sum of whoever owned the slice last; where that one published none, of the owner before. Of two by one owner the last. */
function sumOf(
  slice: number,
  facts: readonly Fact[],
  ownersInOrder: readonly (readonly NodeId[])[],
): FactOf<'sum'> | undefined {
  const sums = ofKind(facts, 'sum').filter((sum) => sum.slice === slice);
  for (const owners of [...ownersInOrder].reverse()) {
    const sum = sums.findLast(({ owner }) => owner === owners[slice]);
    if (sum !== undefined) return sum;
  }
  return undefined;
}

/** Values are kept in the order in which sums were heard. */
function keptValues(
  { slice, owner }: FactOf<'sum'>,
  kept: TranscriptBulk['sums'][number] | undefined,
): Bytes | undefined {
  return kept?.slice === slice && kept.owner === owner ? kept.values : undefined;
}

export function ofKind<K extends EventKind>(facts: readonly Fact[], kind: K): FactOf<K>[] {
  return facts.filter((fact): fact is FactOf<K> => fact.kind === kind);
}

/** What a group is called beside others; a slice is known by its number where one group is all there is. */
export function labelOf({ group }: Pick<GroupEvidence, 'group'>, slice: number): string {
  return group === null ? String(slice) : `${group.index}/${slice}`;
}
