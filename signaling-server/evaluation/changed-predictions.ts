import { type Examples, sliceExamples } from '../../shared/dataset/index.ts';
import { type CompiledModel, predict } from '../../shared/training/index.ts';

/** Of the predictions on held-out examples, those that two models differ in. Right is what the example's target says. */
export interface ChangedPredictions {
  /** Predictions in all: targets of all examples. */
  readonly total: number;
  readonly changed: number;
  readonly rightToWrong: number;
  readonly wrongToRight: number;
  /** Wrong with both, in different ways. */
  readonly wrongToWrong: number;
}

/** Examples at a time, so that probabilities of a large vocabulary fit memory. */
const MAX_BATCH_NUMBERS = 4_000_000;

/**
 * Runs both models over all examples, on the current backend. Class targets only.
 * @throws as `predict`; `training.cancelled` between batches.
 */
export async function changedPredictions(
  compiled: CompiledModel,
  examples: Examples,
  from: Float32Array,
  to: Float32Array,
  signal: AbortSignal,
): Promise<ChangedPredictions> {
  const { targetsPerExample, classes } = compiled;
  const batch = Math.max(1, Math.floor(MAX_BATCH_NUMBERS / (targetsPerExample * classes)));
  const counts = { total: 0, changed: 0, rightToWrong: 0, wrongToRight: 0, wrongToWrong: 0 };
  for (let start = 0; start < examples.count; start += batch) {
    const { inputs, targets } = sliceExamples(examples, start, Math.min(examples.count, start + batch));
    const before = likeliest(await predict({ compiled, weights: from, inputs, signal }), classes);
    const after = likeliest(await predict({ compiled, weights: to, inputs, signal }), classes);
    counts.total += targets.length;
    for (let i = 0; i < targets.length; i++) {
      if (before[i] === after[i]) continue;
      counts.changed++;
      if (before[i] === targets[i]) counts.rightToWrong++;
      else if (after[i] === targets[i]) counts.wrongToRight++;
      else counts.wrongToWrong++;
    }
  }
  return counts;
}

/** The class of the largest probability in each row, the first of several. */
function likeliest(probabilities: Float32Array, classes: number): Uint16Array {
  const chosen = new Uint16Array(probabilities.length / classes);
  for (let row = 0; row < chosen.length; row++) {
    let best = 0;
    for (let k = 1; k < classes; k++)
      if (probabilities[row * classes + k]! > probabilities[row * classes + best]!) best = k;
    chosen[row] = best;
  }
  return chosen;
}
