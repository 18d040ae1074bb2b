import { quantile } from '../table.ts';
import type { Contender, Operation, Task } from './tasks.ts';

export interface Timing {
  readonly operation: Operation;
  readonly contender: Contender;
  readonly runs: number;
  readonly bestMs: number;
  readonly medianMs: number;
}

/** float32 sums of a million numbers differ by so much of the largest result. */
const TOLERANCE = 1e-3;

/** Round after round, every task in each, so that what disturbs a round disturbs all; before them one that does not count. */
export function measure(tasks: readonly Task[], runs: number): Timing[] {
  const results = new Map<Operation, Float32Array | Float64Array>();
  for (const { operation, contender, run } of tasks) {
    const result = run();
    const first = results.get(operation);
    if (first === undefined) results.set(operation, result.slice());
    else checkAgreement(`${contender}, ${operation}`, first, result);
  }
  const times = tasks.map((): number[] => []);
  for (let round = 0; round < runs; round++)
    for (const [i, { run, mostRuns }] of tasks.entries()) {
      if (round >= mostRuns) continue;
      const start = performance.now();
      run();
      times[i]!.push(performance.now() - start);
    }
  return tasks.map(({ operation, contender }, i) => ({
    ...{ operation, contender, runs: times[i]!.length },
    ...{ bestMs: Math.min(...times[i]!), medianMs: quantile(times[i]!, 0.5) },
  }));
}

/** A contender that computes something else is none. */
function checkAgreement(name: string, first: ArrayLike<number>, second: ArrayLike<number>): void {
  let [largest, error] = [0, 0];
  for (let i = 0; i < first.length; i++) {
    largest = Math.max(largest, Math.abs(first[i]!));
    error = Math.max(error, Math.abs(first[i]! - second[i]!));
  }
  if (first.length !== second.length || !(error <= TOLERANCE * largest))
    throw new Error(`${name}: off by ${error} of ${largest}.`);
}
