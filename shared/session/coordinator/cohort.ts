import type { Federation } from '../../federation/index.ts';
import type { ParticipantId } from '../../identity/index.ts';
import { seededRandom, shuffle } from '../../random/index.ts';
import type { DeviceReport } from '../../wire/index.ts';

/**
 * Draws who takes part in a round, uniformly without replacement: every set of `size` is as likely as any other
 * (McMahan et al. 2017, algorithm 1: "random set of m clients"). Fewer are all taken. SPEC C-05.
 * @param entropy fresh for every draw; the same entropy draws the same cohort, in whatever order members came.
 * @returns the cohort in the order of its ids.
 */
export function drawCohort(
  eligible: readonly ParticipantId[],
  size: number,
  entropy: string,
): ParticipantId[] {
  return shuffled(eligible, entropy).slice(0, size).sort();
}

/**
 * Draws one after the other without replacement, each with a probability proportional to its weight among those that are left, by
 * keys −ln(u)/weight, of which the smallest win (Efraimidis and Spirakis 2006, "Weighted random sampling with a reservoir"). With
 * equal weights it is uniform. SPEC C-50.
 * @param weightOf positive and finite. @param entropy as in {@link drawCohort}.
 * @returns the cohort in the order of its ids.
 */
export function drawWeighted(
  eligible: readonly ParticipantId[],
  size: number,
  weightOf: (id: ParticipantId) => number,
  entropy: string,
): ParticipantId[] {
  const random = seededRandom(entropy);
  // 1 − u is above zero, so that its logarithm is finite.
  const keyed = [...eligible]
    .sort()
    .map((id) => ({ id, key: -Math.log(1 - random.uniform()) / weightOf(id) }));
  return keyed
    .sort((a, b) => a.key - b.key || (a.id < b.id ? -1 : 1))
    .slice(0, size)
    .map(({ id }) => id)
    .sort();
}

/** Whoever was invited least comes first, ties in random order. SPEC C-52. @returns the cohort in the order of its ids. */
export function drawLeastInvited(
  eligible: readonly ParticipantId[],
  size: number,
  invitationsOf: (id: ParticipantId) => number,
  entropy: string,
): ParticipantId[] {
  return shuffled(eligible, entropy)
    .sort((a, b) => invitationsOf(a) - invitationsOf(b))
    .slice(0, size)
    .sort();
}

function shuffled(ids: readonly ParticipantId[], entropy: string): ParticipantId[] {
  return shuffle([...ids].sort(), seededRandom(entropy)) as ParticipantId[];
}

/** Of the federation's document. */
export interface Selection {
  readonly by: 'uniform' | 'resources' | 'data-size' | 'fairness';
  readonly overSelection: number;
  readonly maxExamples: number;
  /** Of local training: turns a device's examples per second into the time of a round. */
  readonly epochs: number;
}

/** @returns undefined for plain uniform draws of nobody more than the round needs. */
export function selectionOf({ strategy, training }: Federation): Selection | undefined {
  if (strategy.selection === undefined) return undefined;
  return { ...strategy.selection, maxExamples: strategy.maxExamples, epochs: training.epochs };
}

/** What a coordinator saw of a participant, and what it was told; gone when the coordinator is. */
export interface Seen {
  readonly invitations: number;
  /** Rounds in which it trained in time, and in which it did not. */
  readonly finished: number;
  readonly failed: number;
  /** From invitation to the end of training, smoothed; undefined before the first. */
  readonly trainMs: number | undefined;
}

export const UNSEEN: Seen = { invitations: 0, finished: 0, failed: 0, trainMs: undefined };

/** Of a new duration in the smoothed one. */
const SMOOTHING = 0.3;

export function withDuration(seen: Seen, trainMs: number): Seen {
  const smoothed = seen.trainMs === undefined ? trainMs : seen.trainMs + SMOOTHING * (trainMs - seen.trainMs);
  return { ...seen, trainMs: smoothed };
}

export interface Candidate {
  readonly seen: Seen;
  readonly examples: number;
  readonly device: DeviceReport | undefined;
}

/** A slow device is drawn at least this much as likely as the quickest: its data are not shut out. */
const LEAST_CHANCE = 1 / 16;
/** On its last fifth of a battery, or where the person pays for traffic, a device is spared. */
const LOW_BATTERY = 0.2;
const SPARED = 1 / 4;

/**
 * How likely each is to be drawn beside the others: the quicker and the more reliable, the likelier. Nobody knows how quick someone
 * is who was never seen and reported nothing: it counts as the median of the others. SPEC C-53.
 * @returns weights between {@link LEAST_CHANCE} and 1.
 */
export function resourceWeights(
  candidates: ReadonlyMap<ParticipantId, Candidate>,
  epochs: number,
): Map<ParticipantId, number> {
  const known = new Map<ParticipantId, number>();
  for (const [id, candidate] of candidates) {
    const expectedMs = expectedMsOf(candidate, epochs);
    if (expectedMs !== undefined) known.set(id, expectedMs);
  }
  const sorted = [...known.values()].sort((a, b) => a - b);
  const medianMs = sorted[Math.floor(sorted.length / 2)] ?? 1;
  const weights = new Map<ParticipantId, number>();
  for (const [id, { seen, device }] of candidates) {
    // Laplace's rule of succession: one success and one failure more than were seen.
    const reliability = (seen.finished + 1) / (seen.finished + seen.failed + 2);
    weights.set(id, (reliability * sparing(device)) / Math.max(1, known.get(id) ?? medianMs));
  }
  const largest = [...weights.values()].reduce((a, b) => Math.max(a, b), 0);
  for (const [id, weight] of weights) weights.set(id, Math.max(LEAST_CHANCE, weight / largest));
  return weights;
}

function expectedMsOf({ seen, examples, device }: Candidate, epochs: number): number | undefined {
  if (seen.trainMs !== undefined) return seen.trainMs;
  const perSecond = device?.examplesPerSecond ?? null;
  return perSecond === null ? undefined : (1000 * examples * epochs) / perSecond;
}

function sparing(device: DeviceReport | undefined): number {
  const isLow = device?.charging === false && (device.battery ?? 1) < LOW_BATTERY;
  return (isLow ? SPARED : 1) * (device?.metered === true ? SPARED : 1);
}
