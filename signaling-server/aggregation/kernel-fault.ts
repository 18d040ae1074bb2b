import { type AggregationKernels, plainKernels, type Row } from '../../shared/aggregate/robust/index.ts';
import { seededRandom } from '../../shared/random/index.ts';

const ROWS = 7;
const COORDINATES = 257;
const TRIM = 2;
/** Float32 sums of this few numbers are off by less, of the sum of magnitudes. */
const TOLERANCE = 1e-5;

/** Compares kernels with the plain reference. @returns what is wrong, in words; undefined when nothing is. */
export function kernelFault(kernels: AggregationKernels): string | undefined {
  const random = seededRandom('aggregation kernels');
  const rows: Row[] = Array.from({ length: ROWS }, () =>
    Float32Array.from({ length: COORDINATES }, () => 2 * random.uniform() - 1),
  );
  const weights = rows.map((_, r) => r + 1);
  const largest = weights.reduce((total, weight) => total + weight, 0);
  const checks: readonly [string, (kernels: AggregationKernels) => ArrayLike<number>, number][] = [
    ['weighted sums', (each) => filled((out) => each.weightedSum(rows, weights, out)), largest],
    ['medians', (each) => filled((out) => each.median(rows, out)), 0],
    ['trimmed means', (each) => filled((out) => each.trimmedMean(rows, TRIM, out)), 1],
    ['distances', (each) => each.squaredDistances(rows), 4 * COORDINATES],
  ];
  for (const [what, compute, scale] of checks) {
    const expected = compute(plainKernels);
    const received = compute(kernels);
    for (let i = 0; i < expected.length; i++)
      // Not ">": NaN must not pass.
      if (!(Math.abs(expected[i]! - received[i]!) <= TOLERANCE * scale)) return `It computes wrong ${what}.`;
  }
  return undefined;
}

function filled(fill: (out: Row) => void): Row {
  const out = new Float32Array(COORDINATES);
  fill(out);
  return out;
}
