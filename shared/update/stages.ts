/**
 * The stages a participant's update goes through, in this order and no other. The stage is part of the type:
 * quantizing before clipping, or sending what was not masked, does not compile.
 */
declare const stage: unique symbol;

/** new weights − global weights, as floats. Never leaves the device. */
export interface LocalUpdate {
  readonly [stage]?: 'local';
  readonly layoutHash: string;
  readonly delta: Float32Array<ArrayBuffer>;
  /** Local examples it was computed from, before any cap. */
  readonly examples: number;
  /** How its training hid single records; left out when it did not. */
  readonly recordNoise?: RecordNoise;
  /** What the strategy sends along, within ±1 each (SPEC Y-02); left out, nothing. */
  readonly extras?: Float32Array<ArrayBuffer>;
}

/** The largest coordinates of one update, others zero: not those of another's. Goes where nothing is masked. */
export interface SparseUpdate extends Omit<LocalUpdate, typeof stage> {
  readonly [stage]: 'sparse';
}

/** What a round of DP-SGD did (Abadi et al. 2016): what an accountant has to know to say what it cost. */
export interface RecordNoise {
  /** Standard deviation of the noise on each sum of clipped gradients, over `clipNorm`. */
  readonly noiseMultiplier: number;
  readonly clipNorm: number;
  /** How each step chose its examples. */
  readonly sampling: 'poisson' | 'fixed';
  /** Probability that one example takes part in one step. */
  readonly samplingRate: number;
  readonly steps: number;
}

/** Scaled down so that its L2 norm is at most `clipNorm`. */
export interface ClippedUpdate {
  readonly [stage]: 'clipped';
  readonly layoutHash: string;
  readonly delta: Float32Array<ArrayBuffer>;
  readonly clipNorm: number;
  readonly weight: number;
}

interface IntegerUpdate {
  readonly layoutHash: string;
  /** Fixed-point coordinates, already multiplied by `weight`; sums of them are exact and free of order. */
  readonly values: Int32Array<ArrayBuffer>;
  /** This participant's share of the weighted mean: a positive integer. */
  readonly weight: number;
}
export interface QuantizedUpdate extends IntegerUpdate {
  readonly [stage]: 'quantized';
}
export interface NoisedUpdate extends IntegerUpdate {
  readonly [stage]: 'noised';
  /** So many shares of noise as large as its own suffice; left out where none of its noise is left to others. */
  readonly shares?: number;
}
/** `none`: an owner sees what it adds up. `secagg`: it sees what no one can tell from random numbers. */
export type Masking = 'none' | 'secagg';

/** The only stage that a message can carry: cut into slices, in the bytes that travel. */
export interface MaskedUpdate<M extends Masking = Masking> {
  readonly [stage]: 'masked';
  readonly masking: M;
  readonly layoutHash: string;
  readonly weight: number;
  readonly slices: readonly Uint8Array<ArrayBuffer>[];
}

/** Adds the stage's brand; only the stage functions of compress, privacy and secagg call it. */
export function staged<
  T extends SparseUpdate | ClippedUpdate | QuantizedUpdate | NoisedUpdate | MaskedUpdate,
>(fields: Omit<T, typeof stage>): T {
  return fields as T;
}
