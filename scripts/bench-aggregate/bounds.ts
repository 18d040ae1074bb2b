import type { Timing } from './measure.ts';
import { type Contender, OPERATIONS, type Operation, SIZE } from './tasks.ts';

/** What the bounds in milliseconds were found with. A machine that copies more slowly gets so much more time. */
const REFERENCE_GBPS = 9.6;
const BOUND_MS = { median: 100, 'trimmed mean': 100, distances: 160 } as const;
const TIMES_TFJS = 4;

/** Of memcpy: bytes of all rows in its time. */
export function gigabytesPerSecond(ms: number): number {
  return (4 * SIZE.rows * SIZE.length) / ms / 1e6;
}

/** What bounds in milliseconds are multiplied by, at least 1. */
export function scaleOf(timings: readonly Timing[]): number {
  return Math.max(1, REFERENCE_GBPS / gigabytesPerSecond(medianOf(timings, 'memcpy', 'memcpy')));
}

/**
 * What is beyond its bound, in words. Of sums those that the product makes: what arrives as integers is divided straight onto the kernel's
 * heap, where tfjs would be given an array of the same numbers.
 */
export function failuresOf(timings: readonly Timing[]): string[] {
  const scale = scaleOf(timings);
  const failures: string[] = [];
  const hold = (name: string, ms: number, bound: number): void => {
    if (!(ms <= bound)) failures.push(`${name}: ${ms.toFixed(1)} ms, bound ${bound.toFixed(1)}`);
  };
  hold(
    'weighted sum against memcpy',
    medianOf(timings, 'placed', 'weighted sum'),
    medianOf(timings, 'memcpy', 'memcpy'),
  );
  for (const [operation, bound] of Object.entries(BOUND_MS))
    hold(operation, medianOf(timings, 'ours', operation as Operation), bound * scale);
  for (const operation of OPERATIONS)
    hold(
      `${operation} against tfjs`,
      medianOf(timings, operation === 'weighted sum' ? 'placed' : 'ours', operation),
      medianOf(timings, 'tfjs', operation) / TIMES_TFJS,
    );
  return failures;
}

/** NaN where it was not measured, which no bound holds. */
function medianOf(timings: readonly Timing[], contender: Contender, operation: Operation): number {
  const found = timings.find((timing) => timing.contender === contender && timing.operation === operation);
  return found?.medianMs ?? Number.NaN;
}
