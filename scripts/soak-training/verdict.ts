import type { Sample } from './host.ts';
import type { CancelReport } from './soak.ts';

/** Two collections of the same heap differ by less. An array of 1 kB forgotten in each of 500 rounds is twice that. */
const JS_NOISE_BYTES = 256_000;

/** What is not flat, in words; empty when all is. */
export function faultsOf(samples: readonly Sample[], reports: readonly CancelReport[]): string[] {
  const faults: string[] = [];
  const [first, ...later] = samples;
  if (first === undefined || later.length === 0) return ['There are too few samples to compare.'];
  for (const part of ['tensors', 'tensorBytes', 'wasmHeapBytes', 'allocations'] as const) {
    const other = later.find((sample) => sample[part] !== first[part]);
    if (other !== undefined)
      faults.push(`${part}: ${first[part]} at round ${first.round}, ${other[part]} at round ${other.round}.`);
  }
  // For the first few hundred rounds the engine goes on compiling, and keeps what it compiled.
  const settled = samples.slice(Math.floor(samples.length / 2));
  const span = settled.at(-1)!.round - settled[0]!.round;
  const growth =
    span === 0 ? 0 : span * slopeOf(settled.map(({ round, jsHeapBytes }) => [round, jsHeapBytes]));
  if (growth > JS_NOISE_BYTES)
    faults.push(
      `jsHeapBytes: grows by ${Math.round(growth)} in the last ${span} rounds; ${JS_NOISE_BYTES} is noise.`,
    );
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
