import type { Encoding } from '../compress/index.ts';
import type { Layout, LocalUpdate, Model } from '../update/index.ts';
import type { WeightedSlice } from './sum.ts';

/**
 * How a federation turns local work into what is sent, and a sum of it into the next model. One for each `strategy.type`; what
 * they have in common is that all of them need sums only, and so work with masks, groups and any topology.
 */
export interface Strategy {
  /** Coordinates that go with an update: none, one scalar, or as many as the model has. SPEC Y-02. */
  readonly extras: number;
  /** Model-sized vectors that {@link Model.state} holds, in this order. Empty: the model has no state. */
  readonly slots: readonly string[];
  /** Whether a device keeps something of its own from round to round (SCAFFOLD's control variate). */
  readonly remembers: boolean;
  /** What training has to be asked for beside the base: SCAFFOLD's correction, q-FedAvg's loss. */
  prepare(base: Model, memory: Float32Array<ArrayBuffer> | undefined): Preparation;
  /**
   * From what training made to what is clipped and sent. `extras` are within ±1 each: they are encoded in units of the clipping
   * norm.
   * @throws named errors for what the federation does not allow, such as more steps than `maxSteps`.
   */
  contribute(work: LocalWork): Contribution;
  /** The next model from an exact sum over the cohort. Same bits on every device. */
  apply(base: Model, sum: WeightedSlice, layout: Layout, encoding: Encoding): Model;
}

export interface Preparation {
  readonly control?: Float32Array<ArrayBuffer>;
  readonly measuresBase?: boolean;
}

export interface LocalWork {
  readonly base: Model;
  readonly update: LocalUpdate;
  readonly steps: number;
  /** Of this round's local training. */
  readonly learningRate: number;
  readonly baseLoss: number | undefined;
  readonly memory: Float32Array<ArrayBuffer> | undefined;
}

export interface Contribution {
  readonly update: LocalUpdate;
  /** Of length {@link Strategy.extras}. */
  readonly extras: Float32Array<ArrayBuffer>;
  /** What the device keeps once its update was taken; undefined where it keeps nothing. */
  readonly memory: Float32Array<ArrayBuffer> | undefined;
}
