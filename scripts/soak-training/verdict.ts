import type { Sample } from './host.ts';
import type { CancelReport } from './soak.ts';

/** Two collections of the same heap differ by this much: compiled code and its caches come and go. */
const JS_NOISE_BYTES = 256_000;
/** A fortieth of one array of this model's weights, forgotten each round. */
const MAX_JS_BYTES_PER_ROUND = 256;

/** What is not flat, in words; empty when all is. */
export function faultsOf(samples: readonly Sample[], reports: readonly CancelReport[]): string[] {
  const faults: string[] = [];
  const [first, ...later] = samples;
  if (first === undefined || later.length === 0) return ['There are too few samples to compare.'];
  for (const part of ['tensors', 'tensorBytes', 'wasmHeapBytes', 'allocations'] as const) {
    const other = later.find((sample) => sample[part] !== first[part]);
    if (other !== undefined)
      faults.push(
        `${part}: ${first[part]} at round ${first.round}, ${other[part]} at round ${other.round}.`,
      );
  }
  const span = later.at(-1)!.round - first.round;
  const slope = slopeOf(samples.map(({ round, jsHeapBytes }) => [round, jsHeapBytes]));
  const allowed = JS_NOISE_BYTES + MAX_JS_BYTES_PER_ROUND * span;
  if (slope * span > allowed)
    faults.push(`jsHeapBytes: grows by ${Math.round(slope * span)} in ${span} rounds; ${allowed} is noise.`);
  for (const { interruption, jobs, cancelled, leaks } of reports) {
    if (leaks > 0) faults.push(`${interruption}: ${leaks} of ${jobs} jobs left something behind.`);
    if (jobs > 0 && cancelled === 0) faults.push(`${interruption}: no job was cut short.`);
  }
  return faults;
}

/** Of the straight line that fits the points best (least squares). */
export function slopeOf(points: readonly (readonly [x: number, y: number])[]): number {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [meanX, meanY] = [mean(points.map(([x]) => x)), mean(points.map(([, y]) => y))];
  const covariance = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0);
  const variance = points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
  return covariance / variance;
}
