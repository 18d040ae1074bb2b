import {
  applySketch,
  type ClipReport,
  certainShares,
  clipUpdate,
  currentNorm,
  type Encoding,
  encodingOf,
  type FixedPoint,
  type Grid,
  type Lattice,
  type LatticeReport,
  packValues,
  quantize,
  roundToGrid,
  roundToLattice,
  type Sketch,
  weightOf,
  withIndicator,
} from '../compress/index.ts';
import { check } from '../errors/index.ts';
import type { Federation, ParticipantPrivacy } from '../federation/index.ts';
import type { ReleaseEvent } from '../ledger/index.ts';
import type { Noise, PrivacyEvent } from '../privacy/index.ts';
import type { CryptoRandom } from '../random/index.ts';
import { samplingPlan } from '../training/sampling.ts';
import {
  type ClippedUpdate,
  type Layout,
  type LocalUpdate,
  type MaskedUpdate,
  type NoisedUpdate,
  type QuantizedUpdate,
  type RecordNoise,
  sliceRange,
  staged,
} from '../update/index.ts';
import { stalenessFactor } from './pace.ts';

/** What is about to be masked and sent, what was done to it, and how the ledger will remember it. */
export interface ProtectedUpdate {
  readonly update: NoisedUpdate;
  readonly report: ClipReport;
  /** What the update was clipped to. */
  readonly clipNorm: number;
  /** What compression did to it, where there is any. SPEC Z-11. */
  readonly rounding?: LatticeReport;
  readonly release: ReleaseEvent;
}

/** What an update depends on beside its federation. */
export interface RoundFacts {
  /** Of the model that it was trained from. */
  readonly baseHash: string;
  /** How many were invited to sum together, this participant among them: sizes its share of noise. */
  readonly invited: number;
  readonly random: CryptoRandom;
  readonly noise: Pick<Noise, 'addSkellam'>;
  /** Of the base model, where it has one. */
  readonly clipNorm?: number;
  /** Versions that the update is behind the base of its round; left out, none. */
  readonly staleness?: number;
  /** Lengths of the parameters in their order; needed where each is clipped by itself. */
  readonly layers?: readonly number[];
}

type Policy = Pick<Federation, 'strategy' | 'privacy' | 'rounds'>;

/**
 * clip ▶ quantize ▶ noise: the way from a local update to something that may be masked. The order is held by the
 * types: each stage takes only what the one before returns. Masking follows, anew in every attempt: by `maskNone`, or
 * by a member of a secure round (shared/secagg/member.ts). SPEC U-01 to U-07, N-01 to N-06, N-14.
 * @throws `data.empty` without examples; `update.non-finite`; `update.overflow`; `update.wrong-length`;
 *   `privacy.policy-unmet` for too few participants, or training that hid records less than promised.
 */
export function protectUpdate(
  local: LocalUpdate,
  federation: Policy,
  encoding: Encoding,
  round: RoundFacts,
): ProtectedUpdate {
  check(local.examples > 0, 'data.empty', 'There are no examples to train on.', {
    remedy: 'Choose a dataset that is not empty.',
  });
  const weight = weightOf(federation, local.examples, stalenessFactor(federation, round.staleness));
  const layers = layersToClip(federation, round);
  const clipNorm = clipNormOf(encoding, round);
  const { update: clipped, report } = clipUpdate(local, clipNorm, weight, layers);
  const record = recordNoiseOf(local, federation);
  const release = releaseOf(federation, encoding, clipNorm, weight, record);
  const facts = { report, clipNorm, release };
  if (encoding.kind === undefined)
    return {
      update: staged<NoisedUpdate>({ ...quantize(withExtras(clipped, local, encoding), encoding) }),
      ...facts,
    };
  if (encoding.kind === 'lattice') {
    const base = {
      hash: round.baseHash,
      ...(round.clipNorm === undefined ? {} : { clipNorm: round.clipNorm }),
    };
    const rounded = roundToLattice(withExtras(clipped, local, encoding), encoding, base, round.random);
    return { update: staged<NoisedUpdate>({ ...rounded.update }), ...facts, rounding: rounded.report };
  }
  const { adaptive, sketch } = encoding;
  const sent = sketch === undefined ? clipped : sketched(clipped, sketch, round.baseHash);
  const whole = adaptive === undefined ? sent : withIndicator(sent, !report.clipped, adaptive);
  const rounded = roundToGrid(whole, encoding, round.baseHash, round.random);
  return { update: addNoise(rounded, federation, encoding, round), ...facts };
}

/** Of the coordinates that are sent: others did not change (SPEC Z-03), so that its norm is what it was. */
function sketched(clipped: ClippedUpdate, sketch: Sketch, baseHash: string): ClippedUpdate {
  const delta = new Float32Array(applySketch(sketch, clipped.delta, baseHash));
  return staged<ClippedUpdate>({ ...clipped, delta });
}

/**
 * What the strategy sends along follows the update, in units of the clipping norm, which bounds every coordinate. SPEC Y-02.
 * @throws `update.wrong-length`; `update.non-finite`.
 */
function withExtras(
  clipped: ClippedUpdate,
  { extras = NO_EXTRAS }: Pick<LocalUpdate, 'extras'>,
  encoding: FixedPoint | Lattice,
): ClippedUpdate {
  const wanted = encoding.extras ?? 0;
  check(extras.length === wanted, 'update.wrong-length', 'The update does not go with the strategy.', {
    expected: `${wanted} numbers beside it`,
    received: String(extras.length),
  });
  if (wanted === 0) return clipped;
  const { length } = clipped.delta;
  const delta = new Float32Array(length + wanted);
  delta.set(clipped.delta);
  for (let i = 0; i < wanted; i++) {
    const value = extras[i]!;
    check(value >= -1 && value <= 1, 'update.non-finite', 'What goes along with an update is out of range.', {
      expected: 'numbers from −1 to 1',
    });
    delta[length + i] = value * encoding.clipNorm;
  }
  return staged<ClippedUpdate>({ ...clipped, delta });
}

const NO_EXTRAS = new Float32Array();

function clipNormOf(encoding: Encoding, base: Pick<RoundFacts, 'clipNorm'>): number {
  const adaptive = encoding.kind === 'grid' ? encoding.adaptive : undefined;
  return adaptive === undefined ? encoding.clipNorm : currentNorm(base, adaptive);
}

/** @returns undefined where the update is clipped as a whole. SPEC N-12. */
function layersToClip(
  { privacy }: Pick<Federation, 'privacy'>,
  { layers }: RoundFacts,
): readonly number[] | undefined {
  if (privacy.participant?.clipping !== 'per-layer') return undefined;
  check(
    layers !== undefined,
    'argument.invalid',
    'The lengths of the layers that are to be clipped are missing.',
  );
  return layers;
}

/**
 * The noise that hides this participant: all of it, a share of it, or none where the server adds it. What does not fit the
 * ring wraps around, which concerns accuracy only. SPEC N-04, N-06.
 */
function addNoise(
  { layoutHash, values, weight }: QuantizedUpdate,
  { privacy }: Pick<Federation, 'privacy'>,
  grid: Grid,
  { invited, noise }: RoundFacts,
): NoisedUpdate {
  const participant = privacy.participant!;
  const isShared = participant.trust === 'distributed';
  const shares = isShared ? certainShares(participant, invited) : 1;
  if (participant.trust !== 'central') noise.addSkellam(values, grid.noiseVariance / shares);
  wrapInto(values, grid.bits);
  return staged<NoisedUpdate>({ layoutHash, values, weight, ...(isShared ? { shares } : {}) });
}

/**
 * The same update for an attempt with fewer participants, each of whom has to add more: noise is added to noise, so that two
 * attempts at sending it are one release. SPEC N-04. @returns the update itself where its noise suffices.
 */
export function addMissingNoise(
  update: NoisedUpdate,
  federation: Pick<Federation, 'privacy'>,
  encoding: Encoding,
  { invited, noise }: Pick<RoundFacts, 'invited' | 'noise'>,
): NoisedUpdate {
  const { participant } = federation.privacy;
  if (participant?.trust !== 'distributed' || encoding.kind !== 'grid') return update;
  const shares = certainShares(participant, invited);
  if (update.shares !== undefined && update.shares <= shares) return update;
  const values = update.values.slice();
  const missing = 1 / shares - (update.shares === undefined ? 0 : 1 / update.shares);
  noise.addSkellam(values, encoding.noiseVariance * missing);
  wrapInto(values, encoding.bits);
  return staged<NoisedUpdate>({ ...update, values, shares });
}

function wrapInto(values: Int32Array, bits: number): void {
  const shift = 32 - bits;
  if (shift === 0) return;
  for (let i = 0; i < values.length; i++) values[i] = (values[i]! << shift) >> shift;
}

/**
 * What the ledger would say of a round's update, before there is one: what a budget is checked against. Says the same as the
 * release afterwards, if training does as the federation says. SPEC N-02.
 * @param facts.examples local ones. @param facts.cohortSize how many were invited to sum together.
 * @param facts.dimension the layout of the model, or how many parameters it has. @param facts.clipNorm of the base model, where it has one.
 * @throws `privacy.policy-unmet` where so few cannot hide one of them; `update.overflow`.
 */
export function plannedRelease(
  federation: Federation,
  {
    examples,
    cohortSize,
    dimension,
    clipNorm,
  }: {
    readonly examples: number;
    readonly cohortSize: number;
    readonly dimension: Layout | number;
    readonly clipNorm?: number | undefined;
  },
): ReleaseEvent {
  const { participant, record } = federation.privacy;
  if (participant?.trust === 'distributed') certainShares(participant, cohortSize);
  const { batchSize, epochs } = federation.training;
  const { rate, steps } = samplingPlan(examples, batchSize, epochs);
  const noise = record && { ...record, samplingRate: rate, steps };
  const encoding = encodingOf(federation, dimension);
  const norm = clipNormOf(encoding, clipNorm === undefined ? {} : { clipNorm });
  return releaseOf(federation, encoding, norm, weightOf(federation, examples), noise);
}

/** @throws `privacy.policy-unmet` when training hid records less than the federation promises. SPEC U-07. */
function recordNoiseOf(
  local: LocalUpdate,
  { privacy }: Pick<Federation, 'privacy'>,
): RecordNoise | undefined {
  const { record } = privacy;
  if (record === undefined) return undefined;
  const noise = local.recordNoise;
  check(
    noise !== undefined &&
      noise.noiseMultiplier >= record.noiseMultiplier &&
      noise.clipNorm <= record.clipNorm &&
      noise.sampling === record.sampling,
    'privacy.policy-unmet',
    'The update was not trained as privately as the federation promises.',
    {
      path: 'privacy.record',
      expected: `${record.sampling} sampling, noise multiplier ${record.noiseMultiplier}, clip norm ${record.clipNorm}`,
      received:
        noise === undefined
          ? 'no noise'
          : `${noise.sampling} sampling, noise multiplier ${noise.noiseMultiplier}, clip norm ${noise.clipNorm}`,
      remedy: 'Nothing was sent. Join again so that the trainer gets the federation as it is now.',
    },
  );
  return noise;
}

/**
 * What the ledger will say of the update. Clipping, rounding, wrapping and adding up afterwards take nothing away from the
 * privacy of what was already noised.
 */
function releaseOf(
  { privacy, rounds }: Pick<Federation, 'privacy' | 'rounds'>,
  encoding: Encoding,
  clipNorm: number,
  weight: number,
  record: RecordNoise | undefined,
): ReleaseEvent {
  if (encoding.kind === 'grid')
    return {
      mechanism: 'participant-noise',
      released: 'update',
      weight,
      clipNorm,
      trust: privacy.participant!.trust,
      event: eventOf(privacy.participant!, encoding, rounds.maximum),
      ...(record === undefined ? {} : { record }),
    };
  if (record === undefined) return { mechanism: 'none', released: 'update', clipNorm, weight };
  return { mechanism: 'sampled-gaussian', released: 'update', weight, ...record };
}

/**
 * However many take part: with everyone honest and present there is more noise than that, never less. Of a tree each
 * release is one participation: a ledger counts those of a run as one mechanism (SPEC B-13).
 */
function eventOf(
  { mechanism, noiseMultiplier }: ParticipantPrivacy,
  grid: Grid,
  steps: number,
): PrivacyEvent {
  const { noiseVariance: variance, l1Sensitivity, l2Sensitivity, dimension } = grid;
  if (mechanism === 'tree')
    return {
      mechanism: 'tree-aggregation',
      noiseMultiplier,
      steps,
      maxParticipations: 1,
      minSeparation: 0,
    };
  return { mechanism: 'skellam', variance, l1Sensitivity, l2Sensitivity, dimension };
}

/** Secure aggregation `none`: an owner sees the slice it adds up. @param count slices to cut, of near-equal length. */
export function maskNone(
  { layoutHash, values, weight }: NoisedUpdate,
  count: number,
  encoding: Encoding,
): MaskedUpdate<'none'> {
  const slices = Array.from({ length: count }, (_, index) => {
    const { start, end } = sliceRange(values.length, count, index);
    return packValues(values.subarray(start, end), encoding);
  });
  return staged<MaskedUpdate<'none'>>({ layoutHash, weight, masking: 'none', slices });
}
