import type { EvaluationCounts } from './port.ts';

/**
 * Scores a batch in doubles, the same on every device and backend.
 * @param outputs [targets.length × width]: logits, or values with width 1.
 * @param targets class indices, or values.
 */
export function countsOf(
  target: 'class' | 'value',
  outputs: Float32Array,
  targets: Float32Array | Uint16Array,
): EvaluationCounts {
  const width = outputs.length / targets.length;
  let correct = 0;
  let lossSum = 0;
  for (let i = 0; i < targets.length; i++) {
    const row = outputs.subarray(i * width, (i + 1) * width);
    if (target === 'value') {
      lossSum += (row[0]! - targets[i]!) ** 2;
    } else {
      const best = argMax(row);
      if (best === targets[i]) correct++;
      lossSum += row[best]! + Math.log(expSum(row, row[best]!)) - row[targets[i]!]!;
    }
  }
  return { total: targets.length, correct, lossSum };
}

/** Turns rows of logits into rows of probabilities. */
export function softmaxInPlace(logits: Float32Array, width: number): void {
  for (let start = 0; start < logits.length; start += width) {
    const row = logits.subarray(start, start + width);
    const largest = row[argMax(row)]!;
    const sum = expSum(row, largest);
    for (let k = 0; k < width; k++) row[k] = Math.exp(row[k]! - largest) / sum;
  }
}

/** Σ exp(row − shift): with the largest as shift no term overflows. */
function expSum(row: Float32Array, shift: number): number {
  let sum = 0;
  for (const value of row) sum += Math.exp(value - shift);
  return sum;
}

/** The first of the largest. */
function argMax(row: Float32Array): number {
  let best = 0;
  for (let k = 1; k < row.length; k++) if (row[k]! > row[best]!) best = k;
  return best;
}
