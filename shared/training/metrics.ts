import { unreachable } from '../errors/index.ts';
import type { CompiledModel } from './model/compile.ts';
import type { EvaluationCounts } from './port.ts';

/** What it takes to read a model's outputs. */
export type Scoring = Pick<
  CompiledModel,
  'loss' | 'huberDelta' | 'target' | 'classes' | 'outputSize' | 'targetsPerExample'
>;

/**
 * Scores a batch in doubles, the same on every device and backend. Every target counts, of which an example may have
 * several.
 * @param outputs [targets.length × outputSize]: logits, or values.
 * @param targets class indices, or values.
 */
export function countsOf(
  scoring: Scoring,
  outputs: Float32Array,
  targets: Float32Array | Uint16Array,
): EvaluationCounts {
  let correct = 0;
  let lossSum = 0;
  for (let i = 0; i < targets.length; i++) {
    const row = outputs.subarray(i * scoring.outputSize, (i + 1) * scoring.outputSize);
    lossSum += lossOfRow(scoring, row, targets[i]!);
    if (scoring.target === 'class' && classOfRow(row) === targets[i]) correct++;
  }
  return { total: targets.length, correct, lossSum };
}

/** The loss that training has for one target; see model/loss.ts for the formulas. */
export function lossOfRow(
  { loss, huberDelta }: Pick<Scoring, 'loss' | 'huberDelta'>,
  row: Float32Array,
  target: number,
): number {
  switch (loss) {
    case 'softmaxCrossEntropy':
      return logSumExp(row) - row[target]!;
    case 'sigmoidCrossEntropy': {
      let sum = 0;
      for (let k = 0; k < row.length; k++) {
        const isOn = row.length === 1 ? target === 1 : target === k;
        sum += Math.max(row[k]!, 0) - (isOn ? row[k]! : 0) + Math.log1p(Math.exp(-Math.abs(row[k]!)));
      }
      return sum;
    }
    case 'meanSquaredError':
      return (row[0]! - target) ** 2;
    case 'huber': {
      const distance = Math.abs(row[0]! - target);
      return distance <= huberDelta ? distance ** 2 / 2 : huberDelta * (distance - huberDelta / 2);
    }
    default:
      return unreachable(loss);
  }
}

/** The likeliest class, the first where several are; with a single logit class 1 from above zero. */
export function classOfRow(row: Float32Array): number {
  if (row.length === 1) return row[0]! > 0 ? 1 : 0;
  let best = 0;
  for (let k = 1; k < row.length; k++) if (row[k]! > row[best]!) best = k;
  return best;
}

/**
 * Classes that come before this one when the likeliest are put first: 0 for the one that {@link classOfRow} says.
 * Of equally likely ones the first is first.
 */
export function rankOfClass(row: Float32Array, target: number): number {
  if (row.length === 1) return classOfRow(row) === target ? 0 : 1;
  const own = row[target]!;
  let before = 0;
  for (let k = 0; k < row.length; k++) if (row[k]! > own || (row[k]! === own && k < target)) before++;
  return before;
}

/**
 * The probability of each class, in doubles. Labels that are each told from the rest (sigmoid cross-entropy) have
 * probabilities of their own, which need not add up to 1.
 * @param into as long as there are classes.
 */
export function probabilitiesOfRow(
  { loss }: Pick<Scoring, 'loss'>,
  row: Float32Array,
  into: Float64Array | Float32Array,
): void {
  if (row.length === 1) {
    into[0] = logistic(-row[0]!);
    into[1] = logistic(row[0]!);
    return;
  }
  const normalizer = loss === 'softmaxCrossEntropy' ? logSumExp(row) : 0;
  for (let k = 0; k < row.length; k++) {
    into[k] = loss === 'softmaxCrossEntropy' ? Math.exp(row[k]! - normalizer) : logistic(row[k]!);
  }
}

/** 1 / (1 + e^−x), which overflows to the right limits. */
function logistic(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

/** log Σ exp(row): with the largest as shift no term overflows. */
function logSumExp(row: Float32Array): number {
  let largest = -Infinity;
  for (const value of row) largest = Math.max(largest, value);
  let sum = 0;
  for (const value of row) sum += Math.exp(value - largest);
  return largest + Math.log(sum);
}
