import { strategyOf, sumSlices, type WeightedSlice } from '../../aggregate/index.ts';
import { encodingOf } from '../../compress/index.ts';
import { type Federation, parseFederation } from '../../federation/index.ts';
import {
  type Identity,
  type NodeId,
  nobleIdentity,
  type ParticipantId,
  SERVER,
} from '../../identity/index.ts';
import { type CryptoSuite, nobleSuite, packRing, ringFor, signSum, toRing } from '../../secagg/index.ts';
import {
  type Leaving,
  makeCohort,
  type PlayedRound,
  playRound,
  repeatableRandom,
} from '../../secagg/testing.ts';
import { layoutOf, type Model, makeModel } from '../../update/index.ts';
import type { AttemptId, Message, Plan, RoundRecord } from '../../wire/index.ts';
import { createTranscriptRecorder, type RecorderOptions, type TranscriptRecorder } from './recorder.ts';
import type { RoundTranscript } from './transcript.ts';

/** One message of a round, as it was sent and as it arrived. */
export interface Delivery {
  readonly from: NodeId;
  readonly to: NodeId;
  readonly message: Message;
}

export interface ScriptedRound {
  readonly federation: Federation;
  readonly base: Model;
  readonly record: RoundRecord;
  /** Of the first group. */
  readonly played: PlayedRound;
  /** Every message of the round in order, `commit` last. */
  readonly deliveries: readonly Delivery[];
  readonly nodes: readonly NodeId[];
  readonly identities: ReadonlyMap<NodeId, Identity>;
  readonly suite: CryptoSuite;
}

export interface ScriptOptions {
  readonly size: number;
  /** The server owns everything; otherwise cohort[c] owns slice c. */
  readonly server?: boolean;
  /** Index of a member whose own slices never arrive, and whose slice goes to its deputy. */
  readonly leaves?: number;
  readonly seed?: string;
  readonly round?: number;
  /** So many groups of this size. */
  readonly groups?: number;
}

export const TEST_SUITE: CryptoSuite = nobleSuite(repeatableRandom('suite'));
const LAYOUT = layoutOf([
  { name: 'dense/kernel', shape: [6, 4] },
  { name: 'dense/bias', shape: [4] },
]);
const RUN = 'run';

/** A secure round led by the server, with real cryptography, written down message by message. */
export async function scriptRound(options: ScriptOptions): Promise<ScriptedRound> {
  const { server = false, round = 7, groups = 1 } = options;
  const federation = federationOf(server, groups);
  const encoding = encodingOf(federation, LAYOUT);
  const base = makeModel(
    round - 1,
    LAYOUT,
    Float32Array.from({ length: LAYOUT.length }, (_, i) => i / 8),
  );
  const attempt = { term: 1, round, attempt: 2 };
  const common = { run: RUN, attempt };
  const serverIdentity = nobleIdentity(repeatableRandom('server').bytes(32));
  const scripts: GroupScript[] = [];
  for (let index = 0; index < groups; index++) {
    const group = groups === 1 ? undefined : { index, count: groups };
    scripts.push(await scriptGroup(options, { federation, base, attempt, serverIdentity }, group));
  }
  const members = scripts.flatMap(({ cohort }) => cohort);
  const identities = new Map<NodeId, Identity>([
    ...scripts.flatMap(({ identities }) => identities.map((identity) => [identity.id, identity] as const)),
    [SERVER, serverIdentity],
  ]);

  const deliveries = scripts.flatMap(({ deliveries }) => deliveries);
  const total = sumSlices(scripts.map(({ sum }) => sum));
  if (groups > 1)
    for (const to of members) {
      const values = new Uint8Array(total.values.buffer);
      const message = { type: 'total', ...common, weight: total.weight, values } as const;
      deliveries.push({ from: SERVER, to, message });
    }
  const model = strategyOf(federation, LAYOUT).apply(base, total, LAYOUT, encoding);
  const survivors = scripts.flatMap(({ played }) => played.survivors).sort();
  const record: RoundRecord = {
    ...attempt,
    coordinator: SERVER,
    federationRevision: 3,
    baseHash: base.hash,
    hash: model.hash,
    survivors: groups === 1 ? [...scripts[0]!.played.survivors] : survivors,
    dropped: members.filter((id) => !survivors.includes(id)),
    startedAtMs: 1000,
    trainMs: 1,
    exchangeMs: 2,
    applyMs: 3,
    evaluation: null,
    secure: { threshold: 3, confirmations: survivors.length },
    ...(groups === 1 ? {} : { groups }),
  };
  for (const to of server ? [...members, SERVER] : members)
    deliveries.push({
      from: SERVER,
      to: to as NodeId,
      message: { type: 'commit', run: RUN, record, holders: [] },
    });
  const nodes: NodeId[] = [...members, SERVER];
  const { played } = scripts[0]!;
  return { federation, base, record, played, deliveries, nodes, identities, suite: TEST_SUITE };
}

function federationOf(server: boolean, groups: number): Federation {
  return parseFederation({
    format: 'murmuration/federation',
    formatVersion: 1,
    id: 'scripted',
    revision: 3,
    name: 'Scripted',
    data: {
      kind: 'records',
      features: 6,
      target: { name: 'label', type: 'class', labels: ['a', 'b', 'c', 'd'] },
    },
    model: { layers: [{ type: 'dense', units: 4 }], loss: 'softmaxCrossEntropy' },
    cohort: { minParticipants: 3, ...(groups === 1 ? {} : { groupSize: 4, maxParticipants: 4 * groups }) },
    privacy: { secureAggregation: 'secagg' },
    ...(server ? { paths: ['server'] } : {}),
  });
}

interface GroupScript {
  readonly cohort: readonly ParticipantId[];
  readonly identities: readonly Identity[];
  readonly played: PlayedRound;
  readonly deliveries: Delivery[];
  readonly sum: WeightedSlice;
}

/** One group of a round, from its invitation to its sums. */
async function scriptGroup(
  { size, server = false, leaves, seed = 'script' }: ScriptOptions,
  round: { federation: Federation; base: Model; attempt: AttemptId; serverIdentity: Identity },
  group: Plan['group'],
): Promise<GroupScript> {
  const { federation, base, attempt, serverIdentity } = round;
  const made = makeCohort({
    size,
    vectorLength: LAYOUT.length,
    mesh: !server,
    seed: `${seed}${group?.index ?? ''}`,
  });
  const parameters = {
    ...made.parameters,
    context: { run: RUN, attempt, federationRevision: 3, baseHash: base.hash },
    ring: ringFor(encodingOf(federation, LAYOUT), federation.cohort.groupSize),
  };
  const leaving: Leaving = leaves === undefined ? {} : { slices: [leaves] };
  const played = await playRound({ ...made, parameters }, TEST_SUITE, leaving);
  const identities = new Map(made.identities.map((identity) => [identity.id as NodeId, identity]));
  const { cohort } = parameters;
  const { survivors, dealers, adverts, bundles, confirmations } = played;

  const owners: NodeId[] = server ? [SERVER] : [...cohort];
  const about = group === undefined ? {} : { group };
  const firstPlan: Plan = { revision: 0, cohort: [...cohort], owners, survivors: null, tally: 0, ...about };
  const deputies = owners.map((owner, i) => (i === leaves && !server ? cohort[(i + 1) % size]! : owner));
  const plan = { ...firstPlan, revision: 1, owners: deputies, survivors: [...survivors], tally: 1 };

  const deliveries: Delivery[] = [];
  const common = { run: RUN, attempt };
  const audience: readonly NodeId[] = server || group !== undefined ? [...cohort, SERVER] : cohort;
  const send = (from: NodeId, to: NodeId, message: Message) => deliveries.push({ from, to, message });
  const order = (message: Message) => {
    for (const to of audience) send(SERVER, to, message);
  };

  order({
    type: 'invite',
    ...common,
    federationRevision: 3,
    base: { version: base.version, hash: base.hash },
    holders: [],
    plan: firstPlan,
    trainMs: 1000,
    exchangeMs: 1000,
    applyMs: 1000,
  });
  for (const advert of adverts) send(advert.participant, SERVER, { type: 'keys', ...common, advert });
  order({ type: 'roster', ...common, adverts: [...adverts] });
  for (const { shares, boxes } of bundles.values())
    send(shares.dealer, SERVER, { type: 'shares', ...common, shares, boxes: [...boxes] });
  const shares = [...bundles.values()].map((bundle) => bundle.shares);
  for (const to of audience) {
    const boxes = [...bundles.values()].flatMap((bundle) =>
      bundle.boxes.filter((box) => box.to === to).map(({ box }) => ({ dealer: bundle.shares.dealer, box })),
    );
    send(SERVER, to, { type: 'inbox', ...common, dealers: [...dealers], boxes, shares });
  }
  const sendSlice = (index: number, slice: number, to: NodeId, values: Uint8Array<ArrayBuffer>) => {
    const count = owners.length;
    send(cohort[index]!, to, { type: 'slice', ...common, slice, count, weight: 10 + index, values });
  };
  for (const [index, { slices }] of played.masked)
    slices.forEach((values, slice) => {
      sendSlice(index, slice, owners[slice]!, values);
    });
  for (const [index, { slices }] of played.masked)
    if (!server) sendSlice(index, index, cohort[(index + 1) % size]!, slices[index]!);
  order({ type: 'plan', ...common, plan });
  for (const [index, { slices }] of played.masked)
    plan.owners.forEach((owner, slice) => {
      if (owner !== owners[slice]) sendSlice(index, slice, owner, slices[slice]!);
    });
  for (const confirmation of confirmations)
    send(confirmation.participant, SERVER, { type: 'confirm', ...common, confirmation });
  order({ type: 'confirmed', ...common, confirmations: [...confirmations] });
  for (const [index, { digest, shares }] of played.reveals)
    for (const to of new Set(plan.owners))
      send(cohort[index]!, to, { type: 'reveal', ...common, digest, shares: [...shares] });

  const weight = survivors.reduce((sum, id) => sum + 10 + cohort.indexOf(id), 0);
  const readers: readonly NodeId[] = group === undefined ? cohort : [...cohort, SERVER];
  for (const [slice, { sum, digests }] of (await played.unmask()).entries()) {
    const owner = plan.owners[slice]!;
    const identity = owner === SERVER ? serverIdentity : identities.get(owner)!;
    const values = packRing(toRing(sum, parameters.ring), parameters.ring);
    const signature = await signSum(identity, { parameters, slice, values, digests });
    const proof = { digests, identityKey: identity.publicKey, signature };
    const about = group === undefined ? {} : { group: group.index };
    for (const to of readers)
      send(owner, to, { type: 'sum', ...common, tally: 1, slice, weight, values, proof, ...about });
  }
  const values = Int32Array.from({ length: LAYOUT.length }, (_, i) =>
    survivors.reduce((sum, id) => sum + made.updates[cohort.indexOf(id)]![i]!, 0),
  );
  return { cohort, identities: made.identities, played, deliveries, sum: { values, weight } };
}

export function recorderOf(
  { federation, base, identities, suite }: ScriptedRound,
  self: NodeId,
  change: Partial<RecorderOptions> = {},
): TranscriptRecorder {
  return createTranscriptRecorder({
    self,
    run: RUN,
    federation,
    layout: LAYOUT,
    identity: identities.get(self)!,
    suite,
    findModel: async (hash) => (hash === base.hash ? base : undefined),
    ...change,
  });
}

/** What one node makes of these deliveries, in their order; one second passes with each. */
export async function recordNode(
  round: ScriptedRound,
  self: NodeId,
  deliveries: readonly Delivery[] = round.deliveries,
  change: Partial<RecorderOptions> = {},
): Promise<RoundTranscript[]> {
  const recorder = recorderOf(round, self, change);
  const transcripts: RoundTranscript[] = [];
  for (const [i, { from, to, message }] of deliveries.entries()) {
    if (from === self) push(await recorder.hear('out', to, message, 1000 * i));
    if (to === self) push(await recorder.hear('in', from, message, 1000 * i));
  }
  return transcripts;

  function push(transcript: RoundTranscript | undefined): void {
    if (transcript !== undefined) transcripts.push(transcript);
  }
}

/** The transcript of each node of a round. */
export async function recordAll(round: ScriptedRound): Promise<Map<NodeId, RoundTranscript>> {
  const transcripts = new Map<NodeId, RoundTranscript>();
  for (const node of round.nodes) {
    const [transcript] = await recordNode(round, node);
    if (transcript !== undefined) transcripts.set(node, transcript);
  }
  return transcripts;
}
