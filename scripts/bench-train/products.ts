import { matMul, ones, type Tensor2D } from '@tensorflow/tfjs-core';
import { instantiate, instructionSet } from '../../shared/training/native/module.ts';
import { quantile } from '../table.ts';
import type { Product, ProductRates } from './side.ts';

/** Of peakMulAdd, each. */
const FLOPS_PER_ITERATION = 96;
/** Long against the clock of a page without cross-origin isolation, which ticks every 0.1 ms. */
const SAMPLE_MS = 8;

/**
 * The current backend's matrix products beside what the instructions of this engine reach on registers, on the
 * same core in the same moments. For backends that compute at once: cpu and wasm.
 */
export function measureProducts(products: readonly Product[], repeats: number): ProductRates {
  const { peakMulAdd } = instantiate(instructionSet(), new WebAssembly.Memory({ initial: 1 }));
  const peak = sampler((times) => peakMulAdd(times), FLOPS_PER_ITERATION, 1000);
  const samplers = products.map(productSampler);
  const rates = samplers.map(() => [] as number[]);
  const peaks: number[] = [];
  for (let i = 0; i < repeats; i++) {
    peaks.push(peak());
    samplers.forEach(({ sample }, k) => {
      rates[k]!.push(sample());
      peaks.push(peak());
    });
  }
  for (const { dispose } of samplers) dispose();
  return { peakGflops: quantile(peaks, 0.5), gflops: rates.map((samples) => quantile(samples, 0.5)) };
}

function productSampler(product: Product): { sample: () => number; dispose: () => void } {
  const { rows, inner, columns, transposeA = false, transposeB = false } = product;
  const a: Tensor2D = ones(transposeA ? [inner, rows] : [rows, inner]);
  const b: Tensor2D = ones(transposeB ? [columns, inner] : [inner, columns]);
  const work = (times: number): void => {
    for (let i = 0; i < times; i++) matMul(a, b, transposeA, transposeB).dispose();
  };
  return {
    sample: sampler(work, 2 * rows * inner * columns, 1),
    dispose: () => {
      a.dispose();
      b.dispose();
    },
  };
}

/** @returns a function that measures once, in GFLOP/s. The work is warmed up, and repeated until it fills a sample. */
function sampler(work: (times: number) => void, flops: number, firstTimes: number): () => number {
  let times = firstTimes;
  while (elapsed(work, times) < SAMPLE_MS) times *= 2;
  return () => (times * flops) / elapsed(work, times) / 1e6;
}

function elapsed(work: (times: number) => void, times: number): number {
  const startMs = performance.now();
  work(times);
  return performance.now() - startMs;
}
