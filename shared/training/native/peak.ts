import type { NativeKernels } from './exports.ts';

/** Milliseconds, from any fixed moment. */
export interface Clock {
  now(): number;
}

const ITERATIONS = 1_000_000;
const OPERATIONS_PER_ITERATION = 96;
/** The first runs are of the engine's quick compiler; the best of the rest is what others have left of the core. */
const RUNS = 20;

/** Floating-point operations per second, in billions, that one core can do at most with these instructions. */
export function measurePeakGflops(kernels: NativeKernels, clock: Clock): number {
  return bestGflops(ITERATIONS * OPERATIONS_PER_ITERATION, clock, () => kernels.peakMulAdd(ITERATIONS));
}

export interface MatMulBench {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
  readonly batch?: number;
}

/** Pointers to dense A and B, room for C, and {@link NativeKernels.matMulScratchBytes} of scratch. */
export interface MatMulPlaces {
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly scratch: number;
}

/** The same for a matrix product, which is repeated until it takes a few milliseconds. */
export function measureMatMulGflops(
  kernels: NativeKernels,
  clock: Clock,
  shape: MatMulBench,
  { a, b, c, scratch }: MatMulPlaces,
): number {
  const { m, n, k, batch = 1, transposeA = false, transposeB = false } = shape;
  const operations = 2 * batch * m * n * k;
  const repetitions = Math.max(1, Math.round((ITERATIONS * OPERATIONS_PER_ITERATION) / operations));
  return bestGflops(repetitions * operations, clock, () => {
    for (let i = 0; i < repetitions; i++) {
      kernels.matMul(
        batch,
        m,
        n,
        k,
        a,
        m * k,
        transposeA ? m : k,
        transposeA,
        b,
        k * n,
        transposeB ? k : n,
        transposeB,
        c,
        m * n,
        n,
        false,
        scratch,
      );
    }
  });
}

function bestGflops(operations: number, clock: Clock, run: () => void): number {
  let best = 0;
  for (let i = 0; i < RUNS; i++) {
    const startMs = clock.now();
    run();
    best = Math.max(best, operations / (clock.now() - startMs) / 1e6);
  }
  return best;
}
