import { dispose, type Scalar } from '@tensorflow/tfjs-core';
import type { Examples } from '../dataset/examples.ts';
import { MurmurationError } from '../errors/index.ts';
import type { TrainingSpec } from '../federation/index.ts';
import { inputBatch, targetBatch } from './batches.ts';
import type { CompiledModel } from './model/compile.ts';
import { type SgdState, stepSgd } from './sgd.ts';

/** One step on the examples at `indices`. Disposes of the state passed in; the caller owns what is returned. */
export function stepOnBatch(
  compiled: CompiledModel,
  examples: Examples,
  optimizer: TrainingSpec['optimizer'],
  state: SgdState,
  indices: ArrayLike<number>,
): { state: SgdState; loss: Scalar } {
  const inputs = inputBatch(compiled, examples.inputs, indices);
  const targets = targetBatch(compiled, examples.targets, indices);
  try {
    return stepSgd(state, optimizer, (parameters) =>
      compiled.loss(compiled.forward(parameters, inputs), targets),
    );
  } finally {
    dispose([inputs, targets]);
  }
}

/**
 * Waits for the step, so that no backend can queue work ahead of a cancellation, and disposes of the loss.
 * @throws `training.diverged` when it is not finite.
 */
export async function readLoss(loss: Scalar): Promise<number> {
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
