import { fromErrorRecord } from '../../shared/errors/index.ts';
import { type NodeId, type ParticipantId, SERVER } from '../../shared/identity/index.ts';
import { webCryptoRandom } from '../../shared/random/index.ts';
import {
  type Confirmation,
  type CryptoSuite,
  type Inbox,
  type KeyAdvert,
  neighbourhoodsOf,
  type Revealed,
  type SecureParameters,
  type ShareBundle,
  sliceLengths,
  toCentred,
  unpackRing,
} from '../../shared/secagg/index.ts';
import type { SecureResult, SecureStep, SumProof, SumSlice } from '../../shared/session/effects.ts';
import { NOTHING_YET, type SecureAssignment, unmaskEffects } from '../../shared/session/owner-secure.ts';
import { createSecureHost, type SecureHost } from '../../shared/session/secure-host.ts';
import { type MaskedUpdate, type NoisedUpdate, staged } from '../../shared/update/index.ts';
import type { MessageOf } from '../../shared/wire/index.ts';
import { ATTEMPT, type BenchCohort, makeUpdate, RUN } from './cohort.ts';

type Bytes = Uint8Array<ArrayBuffer>;

export const PHASES = [
  'advertise',
  'share',
  'open',
  'mask',
  'confirm',
  'reveal',
  'unmask',
  'verify',
] as const;
export type Phase = (typeof PHASES)[number];
/** Milliseconds of one participant. */
export type PhaseMs = Readonly<Record<Phase, number>>;

export interface PublishedSum {
  readonly owner: NodeId;
  readonly values: Bytes;
  readonly proof: SumProof;
}

/** What travelled in a round that went well. */
export interface PlayedRound {
  readonly cohort: BenchCohort;
  readonly adverts: readonly KeyAdvert[];
  readonly bundles: readonly ShareBundle[];
  readonly inboxes: readonly Inbox[];
  /** By index; of those who left none. */
  readonly masked: ReadonlyMap<number, MaskedUpdate>;
  readonly survivors: readonly ParticipantId[];
  readonly confirmations: readonly Confirmation[];
  readonly reveals: ReadonlyMap<number, Revealed>;
  readonly sums: readonly PublishedSum[];
  readonly assignment: SecureAssignment;
  /** Of each survivor. Where the server owns everything, nobody else unmasks: 0. */
  readonly timings: readonly PhaseMs[];
}

/**
 * One attempt of everyone, as the product does it: each participant with its secure host and plan, one after the
 * other, the clock running for one phase of one participant at a time. Updates differ from round to round.
 * @param left indices of those who deal shares and send no slice.
 * @param nowMs of the clock that is read around each phase: of the processor where there is one, else of the wall.
 * @throws whatever the protocol refuses; an Error where a sum is not exactly that of the survivors' integers.
 */
export async function playRound(
  cohort: BenchCohort,
  left: ReadonlySet<number>,
  suite: CryptoSuite,
  updateOf: (index: number) => Int32Array<ArrayBuffer>,
  nowMs: () => number,
): Promise<PlayedRound> {
  const { parameters, identities } = cohort;
  const ids = parameters.cohort;
  const everyone = ids.map((_, i) => i);
  const staying = everyone.filter((i) => !left.has(i));
  const survivors = staying.map((i) => ids[i]!);
  const random = webCryptoRandom(globalThis.crypto);
  const { of: neighboursOf, complete } = neighbourhoodsOf(parameters.context, ids);
  const near = everyone.map((i) => new Set([i, ...neighboursOf(i)]));
  const clock = new PhaseClock(ids.length, nowMs);

  const devices = identities.map((identity) => ({
    // Its own copy: what follows from the parameters is worked out on every device.
    parameters: { ...parameters },
    host: createSecureHost({ identity, suite }, random),
  }));
  const step = <N extends Phase & SecureResult['name']>(
    i: number,
    name: N,
    request: Omit<StepOf<N>, 'name'>,
  ) => clock.time(i, name, () => taken<N>(devices[i]!.host, { name, ...request } as StepOf<N>));

  try {
    const adverts: KeyAdvert[] = [];
    for (const i of everyone) {
      const { advert } = await step(i, 'advertise', { parameters: devices[i]!.parameters, weight: 1 });
      adverts.push(advert);
    }
    const bundles: ShareBundle[] = [];
    for (const i of everyone)
      bundles.push((await step(i, 'share', { adverts: adverts.filter((_, j) => near[i]!.has(j)) })).bundle);
    const shares = bundles.map((bundle) => bundle.shares);
    const inboxes = inboxesOf(ids, bundles, complete);

    const masked = new Map<number, MaskedUpdate>();
    for (const i of staying) {
      await step(i, 'open', { inbox: inboxes[i]! });
      const values = updateOf(i);
      const update = staged<NoisedUpdate>({ layoutHash: '', values, weight: 1 });
      masked.set(i, (await step(i, 'mask', { update })).update);
    }
    const confirmations: Confirmation[] = [];
    for (const i of staying) confirmations.push((await step(i, 'confirm', { survivors })).confirmation);
    const reveals = new Map<number, Revealed>();
    for (const i of staying) {
      const heard = confirmations.filter(({ participant }) => near[i]!.has(ids.indexOf(participant)));
      reveals.set(i, await step(i, 'reveal', { confirmations: heard }));
    }
    const assignment = assignmentOf(ids, adverts, shares, reveals);

    const sums: PublishedSum[] = [];
    for (let slice = 0; slice < parameters.sliceCount; slice++) {
      const owner = left.has(slice) ? staying[slice % staying.length]! : slice;
      const inputs = [...masked.values()].map(({ slices }) => ({ bytes: slices[slice]!, weight: 1 }));
      const { host, parameters: own } = devices[owner]!;
      const unmask = () => unmaskedBy(host, own, assignment, slice, survivors, inputs);
      // What an owner does for one that left, and what the server does, is not counted as its phase.
      const counts = owner === slice && parameters.sliceCount > 1;
      const sum = await (counts ? clock.time(owner, 'unmask', unmask) : unmask());
      sums.push({ owner: parameters.sliceCount > 1 ? ids[owner]! : SERVER, ...sum });
    }
    checkSums(parameters, staying.map(updateOf), sums);
    for (const i of staying) {
      const wrong = await clock.time(i, 'verify', () =>
        wrongSums(devices[i]!.host, devices[i]!.parameters, sums, survivors),
      );
      if (wrong.length > 0) throw new Error(`Right sums were disputed: ${wrong.join()}.`);
    }
    const timings = staying.map((i) => clock.of(i));
    return {
      ...{ cohort, adverts, bundles, inboxes, masked, survivors, confirmations, reveals, sums, assignment },
      timings,
    };
  } finally {
    for (const { host } of devices) host.close();
  }
}

export function updatesOf({ parameters, quantizationBits }: BenchCohort): Int32Array<ArrayBuffer>[] {
  return parameters.cohort.map((_, i) =>
    makeUpdate(`update ${i}`, parameters.vectorLength, quantizationBits),
  );
}

/** What was dealt to each; commitments only where everyone may come to own a slice. SPEC C-42. */
function inboxesOf(
  ids: readonly ParticipantId[],
  bundles: readonly ShareBundle[],
  complete: boolean,
): Inbox[] {
  const boxes = new Map(ids.map((id) => [id, [] as Inbox['boxes'][number][]]));
  for (const { shares, boxes: sealed } of bundles)
    for (const { to, box } of sealed) boxes.get(to)!.push({ dealer: shares.dealer, box });
  const shares = complete ? bundles.map((bundle) => bundle.shares) : [];
  return ids.map((id) => ({ dealers: ids, boxes: boxes.get(id)!, shares }));
}

export function assignmentOf(
  ids: readonly ParticipantId[],
  adverts: SecureAssignment['adverts'],
  shares: SecureAssignment['shares'],
  reveals: ReadonlyMap<number, Revealed>,
): SecureAssignment {
  const messages = [...reveals].map(
    ([i, { digest, shares }]) =>
      [
        ids[i]!,
        { type: 'reveal', run: RUN, attempt: ATTEMPT, digest, shares: [...shares] } as MessageOf<'reveal'>,
      ] as const,
  );
  return { ...NOTHING_YET, adverts, dealers: ids, shares, reveals: new Map(messages) };
}

type Taken = SecureResult['name'];
export type StepOf<N extends Taken> = Extract<SecureStep, { name: N }>;

/** @throws what the step was refused for. */
export async function taken<N extends Taken>(
  host: SecureHost,
  step: StepOf<N>,
): Promise<Extract<SecureResult, { name: N }>> {
  const outcome = await host.take({ type: 'secure', attempt: ATTEMPT, step });
  if (outcome?.type === 'secured') return outcome.result as Extract<SecureResult, { name: N }>;
  if (outcome?.type === 'secure-failed') throw fromErrorRecord(outcome.error);
  throw new Error('There was no outcome of a step.');
}

/** What an owner does with one slice: shares are checked against commitments, the sum unmasked and signed. */
async function unmaskedBy(
  host: SecureHost,
  parameters: SecureParameters,
  assignment: SecureAssignment,
  slice: number,
  survivors: readonly ParticipantId[],
  inputs: Parameters<typeof unmaskEffects>[6],
): Promise<Omit<PublishedSum, 'owner'>> {
  const effects = unmaskEffects(ATTEMPT, 1, parameters, assignment, slice, survivors, inputs);
  const effect = effects.find(({ type }) => type === 'unmask');
  if (effect?.type !== 'unmask') throw new Error('The shares do not suffice.');
  const outcome = await host.unmask(effect);
  if (outcome.type === 'unmask-failed') throw fromErrorRecord(outcome.error);
  return { values: outcome.values, proof: outcome.proof };
}

/** What a participant does with the sums of all slices before it applies them. */
export function wrongSums(
  host: SecureHost,
  parameters: SecureParameters,
  sums: readonly PublishedSum[],
  survivors: readonly ParticipantId[],
): Promise<number[]> {
  const { ring } = parameters;
  const { length } = sliceLengths(parameters);
  const slices = sums.map(
    ({ owner, values, proof }, slice): SumSlice => ({
      values: toCentred(unpackRing(values, length(slice), ring), ring),
      weight: survivors.length,
      owner,
      proof,
    }),
  );
  return host.findWrongSums(ATTEMPT, slices, survivors);
}

/** @throws unless the values of all slices are exactly the sums of these updates. */
function checkSums(
  parameters: SecureParameters,
  updates: readonly Int32Array[],
  sums: readonly PublishedSum[],
): void {
  const { ring } = parameters;
  const { length, values } = sliceLengths(parameters);
  const expected = new Int32Array(parameters.vectorLength);
  for (const update of updates) for (let i = 0; i < expected.length; i++) expected[i]! += update[i]!;
  let at = 0;
  for (const [slice, sum] of sums.entries()) {
    const found = toCentred(unpackRing(sum.values, length(slice), ring), ring);
    for (let i = 0; i < values(slice); i++, at++)
      if (found[i] !== expected[at])
        throw new Error(`Slice ${slice} of the sum is not the sum of the updates.`);
  }
  if (at !== expected.length) throw new Error('The slices do not make up the vector.');
}

/** Adds up what each participant spends on each phase. */
export class PhaseClock {
  readonly #nowMs: () => number;
  readonly #ms: Record<Phase, number>[];

  constructor(size: number, nowMs: () => number) {
    this.#nowMs = nowMs;
    this.#ms = Array.from({ length: size }, () => {
      return { advertise: 0, share: 0, open: 0, mask: 0, confirm: 0, reveal: 0, unmask: 0, verify: 0 };
    });
  }

  async time<T>(index: number, phase: Phase, work: () => Promise<T>): Promise<T> {
    const start = this.#nowMs();
    const result = await work();
    this.#ms[index]![phase] += this.#nowMs() - start;
    return result;
  }

  of(index: number): PhaseMs {
    return this.#ms[index]!;
  }
}
