import {
  createAggregationKernels,
  placeRows,
  weightedAccumulator,
} from '../../shared/aggregate/native/index.ts';
import { type AggregationKernels, plainKernels } from '../../shared/aggregate/robust/kernels.ts';
import { seededRandom } from '../../shared/random/index.ts';
import type { TfjsKernels } from './tfjs.ts';

export const SIZE = { rows: 50, length: 1_000_000 };
/** A quarter of 50 lies. */
const TRIM = 12;

export const OPERATIONS = ['weighted sum', 'median', 'trimmed mean', 'distances'] as const;
export type Operation = 'memcpy' | (typeof OPERATIONS)[number];
/** `placed`: rows that were written onto the heap of WebAssembly when they were made. `ours`: ordinary arrays. */
export type Contender = 'memcpy' | 'ours' | 'placed' | 'streamed' | 'plain' | 'tfjs' | 'tfjs product';

export interface Task {
  readonly operation: Operation;
  readonly contender: Contender;
  /** So many rounds at most: what takes seconds is disturbed less. */
  readonly mostRuns: number;
  run(): Float32Array | Float64Array;
}

const SLOW_RUNS = 2;

/** Every contender on the same numbers. */
export function tasksOf(tfjs: TfjsKernels): Task[] {
  const { rows: count, length } = SIZE;
  const random = seededRandom(1);
  const rows = Array.from({ length: count }, () =>
    Float32Array.from({ length }, () => random.uniform() - 0.5),
  );
  const weights = rows.map((_, r) => 100 + r);
  const placed = placeRows(count, length);
  const copies = rows.map(() => new Float32Array(length));
  const flat = new Float32Array(count * length);
  for (const [r, row] of rows.entries()) {
    placed[r]!.set(row);
    flat.set(row, r * length);
  }
  const ours = createAggregationKernels();
  const task = (
    contender: Contender,
    operation: Operation,
    mostRuns: number,
    run: () => Float32Array | Float64Array,
  ): Task => ({ contender, operation, mostRuns, run });

  const of = (contender: Contender, kernels: AggregationKernels, mostRuns: number, given = rows): Task[] => {
    const out = new Float32Array(length);
    const filled = (fill: () => void) => () => {
      fill();
      return out;
    };
    return [
      task(
        contender,
        'weighted sum',
        mostRuns,
        filled(() => kernels.weightedSum(given, weights, out)),
      ),
      task(
        contender,
        'median',
        mostRuns,
        filled(() => kernels.median(given, out)),
      ),
      task(
        contender,
        'trimmed mean',
        mostRuns,
        filled(() => kernels.trimmedMean(given, TRIM, out)),
      ),
      task(contender, 'distances', mostRuns, () => kernels.squaredDistances(given)),
    ];
  };

  return [
    task('memcpy', 'memcpy', Number.POSITIVE_INFINITY, () => {
      for (const [r, row] of rows.entries()) copies[r]!.set(row);
      return copies[0]!;
    }),
    ...of('ours', ours, Number.POSITIVE_INFINITY),
    ...of('placed', ours, Number.POSITIVE_INFINITY, placed),
    task('streamed', 'weighted sum', Number.POSITIVE_INFINITY, () => {
      const sum = weightedAccumulator(length);
      for (const [r, row] of rows.entries()) sum.add(row, weights[r]!);
      const out = new Float32Array(length);
      sum.readInto(out);
      return out;
    }),
    ...of('plain', plainKernels, SLOW_RUNS),
    task('tfjs', 'weighted sum', Number.POSITIVE_INFINITY, () => tfjs.weightedSum(rows, weights)),
    task('tfjs product', 'weighted sum', SLOW_RUNS, () => tfjs.weightedProduct(flat, count, weights)),
    task('tfjs', 'median', SLOW_RUNS, () => tfjs.median(flat, count)),
    task('tfjs', 'trimmed mean', SLOW_RUNS, () => tfjs.trimmedMean(flat, count, TRIM)),
    task('tfjs', 'distances', SLOW_RUNS, () => tfjs.squaredDistances(flat, count)),
  ];
}
