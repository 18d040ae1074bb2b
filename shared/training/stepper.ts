import { add, dispose, mul, sub, sum, type Tensor, tidy, zerosLike } from '@tensorflow/tfjs-core';
import type { Examples } from '../dataset/examples.ts';
import { MurmurationError } from '../errors/index.ts';
import type { RecordPrivacy, TrainingSpec } from '../federation/index.ts';
import type { SeededRandom } from '../random/index.ts';
import { inputBatch, targetBatch } from './batches.ts';
import { freezeOthers, keptGain } from './frozen.ts';
import type { CompiledModel } from './model/compile.ts';
import type { ParameterResult } from './model/layer.ts';
import type { NoiseSource } from './noise.ts';
import { clipWeights } from './ops/clip-weights.ts';
import {
  applyChanges,
  disposeOptimizer,
  initOptimizer,
  type OptimizerState,
  type ParameterChange,
} from './optimizer.ts';
import { tensorsOf, weightsOf } from './parameters.ts';

export interface StepperOptions {
  readonly compiled: CompiledModel;
  readonly training: TrainingSpec;
  readonly learningRate: number;
  /** The weights to start from. */
  readonly base: Float32Array;
  /** What `training.proximal` pulls towards; left out, the base, as FedProx has it. */
  readonly anchor?: Float32Array;
  /** Decides which units drop out. */
  readonly random: SeededRandom;
  /** Added to each step's mean gradient: server variate − own variate (SCAFFOLD, Karimireddy et al. 2020). */
  readonly control?: Float32Array;
  /** Coordinates that may move, ascending; left out, all may. SPEC Z-03. */
  readonly kept?: Uint32Array;
  /** Where those that are kept are all that is wanted, and stand for no others: steps are as long as ever. */
  readonly keepsRate?: boolean;
  readonly privacy?: {
    readonly record: RecordPrivacy;
    /** What the noisy sum is divided by: the expected size of a batch, never the actual one. */
    readonly expectedBatch: number;
    readonly noise: NoiseSource;
    /** Examples whose gradients are held at once. */
    readonly microBatch: number;
  };
}

/** Weights under training. Its tensors live until it is disposed of. */
export interface Stepper {
  /**
   * One step of the optimizer on the examples at `indices`, which may be none when it adds noise.
   * @returns the mean loss before the step; 0 for no examples.
   * @throws `training.diverged` when the loss is not finite.
   */
  step(examples: Examples, indices: ArrayLike<number>): Promise<number>;
  weights(): Promise<Float32Array<ArrayBuffer>>;
  dispose(): void;
}

export function createStepper(options: StepperOptions): Stepper {
  const { compiled, training, privacy } = options;
  const { layout } = compiled;
  const learningRate = options.learningRate * gainOf(options, layout.length);
  let state: OptimizerState = initOptimizer(training.optimizer, tensorsOf(layout, options.base));
  const anchor = training.proximal > 0 ? tensorsOf(layout, options.anchor ?? options.base) : [];
  const control = options.control === undefined ? [] : tensorsOf(layout, options.control);
  const frozen = options.kept === undefined ? undefined : freezeOthers(layout, options.base, options.kept);
  let steps = 0;

  /** Adds what does not depend on the data; its gradients are means from then on. */
  function corrected(changes: readonly ParameterChange[], scale: number): ParameterChange[] {
    return changes.map((change, i) => {
      if ('next' in change) return change;
      let gradient = mul(change.gradient, scale);
      if (anchor.length > 0)
        gradient = add(gradient, mul(sub(state.parameters[i]!, anchor[i]!), training.proximal));
      if (control.length > 0) gradient = add(gradient, control[i]!);
      return { gradient };
    });
  }

  function update(changes: readonly ParameterChange[], scale: number): void {
    const plain = anchor.length === 0 && control.length === 0;
    const applied = plain ? changes : tidyChanges(() => corrected(changes, scale));
    try {
      state = applyChanges(training.optimizer, state, applied, { learningRate, scale: plain ? scale : 1 });
      if (frozen !== undefined) state = { ...state, parameters: frozen.restore(state.parameters) };
    } finally {
      if (!plain) disposeChanges(applied);
    }
  }

  /** The losses and gradients of some examples. */
  function passOver(
    examples: Examples,
    indices: ArrayLike<number>,
    changesOf: (results: readonly ParameterResult[]) => ParameterChange[],
  ): { loss: Tensor; changes: ParameterChange[] } {
    const random = options.random.fork(`step ${steps++}`);
    let loss: Tensor | undefined;
    const changes = tidyChanges(
      () => {
        const inputs = inputBatch(compiled, examples.inputs, indices);
        const targets = targetBatch(compiled, examples.targets, indices);
        const pass = compiled.pass(state.parameters, inputs, targets, { training: true, random });
        const kept = changesOf(pass.gradients());
        loss = mul(sum(pass.losses), 1 / compiled.targetsPerExample);
        return kept;
      },
      () => [loss!],
    );
    return { loss: loss!, changes };
  }

  async function plainStep(examples: Examples, indices: ArrayLike<number>): Promise<number> {
    const { loss, changes } = passOver(examples, indices, (results) =>
      results.map((result) => ('next' in result ? result : { gradient: result.sum() })),
    );
    try {
      update(changes, 1 / indices.length);
    } finally {
      disposeChanges(changes);
    }
    return (await readLoss(loss)) / indices.length;
  }

  async function privateStep(
    examples: Examples,
    indices: ArrayLike<number>,
    { record, expectedBatch, noise, microBatch }: NonNullable<StepperOptions['privacy']>,
  ): Promise<number> {
    const { clipNorm, noiseMultiplier } = record;
    let sums: Tensor[] = [];
    let lossSum = 0;
    try {
      for (let start = 0; start < indices.length; start += microBatch) {
        const part = Array.prototype.slice.call(indices, start, start + microBatch) as number[];
        const { loss, changes } = passOver(examples, part, (results) => clippedSums(results, clipNorm));
        const gradients = changes.flatMap((change) => ('gradient' in change ? [change.gradient] : []));
        sums = sums.length === 0 ? gradients : addInto(sums, gradients);
        lossSum += await readLoss(loss);
      }
      if (sums.length === 0) sums = state.parameters.map((parameter) => zerosLike(parameter));
      const silent = sums;
      sums = [];
      sums = await noise.addNoise(silent, noiseMultiplier, clipNorm);
      update(
        sums.map((gradient) => ({ gradient })),
        1 / expectedBatch,
      );
    } finally {
      dispose(sums);
    }
    return indices.length === 0 ? 0 : lossSum / indices.length;
  }

  return {
    step: (examples, indices) =>
      privacy === undefined ? plainStep(examples, indices) : privateStep(examples, indices, privacy),
    weights: () => weightsOf(layout, state.parameters),
    dispose() {
      disposeOptimizer(state);
      dispose([...anchor, ...control]);
      frozen?.dispose();
    },
  };
}

/** Noise would grow with the steps, and Adam's steps do not depend on the size of gradients. SPEC Z-03. */
function gainOf({ kept, keepsRate, training, privacy }: StepperOptions, length: number): number {
  if (kept === undefined || keepsRate === true || privacy !== undefined || training.optimizer.type !== 'sgd')
    return 1;
  return keptGain(kept.length, length);
}

/** Σ min(1, clipNorm / ‖gᵢ‖)·gᵢ, the norm being over all parameters together. */
export function clippedSums(results: readonly ParameterResult[], clipNorm: number): ParameterChange[] {
  const gradients = results.map((result) => {
    if ('next' in result) {
      throw new MurmurationError('model.invalid', 'A statistic of the batch cannot be clipped per example.');
    }
    return result;
  });
  const weights = clipWeights(
    gradients.map((gradient) => gradient.squaredNorms()),
    clipNorm,
  );
  return gradients.map((gradient) => ({ gradient: gradient.sum(weights) }));
}

function addInto(sums: readonly Tensor[], more: readonly Tensor[]): Tensor[] {
  const totals = sums.map((total, i) => add(total, more[i]!));
  dispose([...sums, ...more]);
  return totals;
}

/** As tidy, for changes: keeps their tensors, and `others`. */
function tidyChanges(work: () => ParameterChange[], others: () => Tensor[] = () => []): ParameterChange[] {
  let changes: ParameterChange[] = [];
  tidy(() => {
    changes = work();
    return [...changes.map(tensorOf), ...others()];
  });
  return changes;
}

function disposeChanges(changes: readonly ParameterChange[]): void {
  dispose(changes.map(tensorOf));
}

function tensorOf(change: ParameterChange): Tensor {
  return 'next' in change ? change.next : change.gradient;
}

/**
 * Waits for the step, so that no backend can queue work ahead of a cancellation, and disposes of the loss.
 * @throws `training.diverged` when it is not finite.
 */
async function readLoss(loss: Tensor): Promise<number> {
  try {
    const value = (await loss.data())[0]!;
    if (!Number.isFinite(value)) throw diverged('The training loss is no longer a finite number.');
    return value;
  } finally {
    loss.dispose();
  }
}

export function diverged(summary: string): MurmurationError {
  return new MurmurationError('training.diverged', summary, {
    remedy: 'Lower the learning rate or the momentum of the federation.',
  });
}
