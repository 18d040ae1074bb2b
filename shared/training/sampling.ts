import type { CryptoRandom } from '../random/index.ts';

/** How often a private round takes which examples. Accounting reads the same figures. */
export interface SamplingPlan {
  /** Probability that one example is in one batch: batchSize / examples, at most 1. */
  readonly rate: number;
  /** Batches in a round: as many as make `epochs` passes on average, one at least. */
  readonly steps: number;
  /** What the noisy sums are divided by. */
  readonly expectedBatch: number;
}

export function samplingPlan(examples: number, batchSize: number, epochs: number): SamplingPlan {
  const rate = Math.min(1, batchSize / examples);
  return { rate, steps: Math.max(1, Math.round(epochs / rate)), expectedBatch: rate * examples };
}

/**
 * Each of `count` examples by its own coin of probability `rate`, in ascending order. The gaps between those taken
 * are geometric, so that a batch costs as many draws as it has examples. The coins have to stay secret: privacy
 * amplification by sampling counts on it, so that no seed that others know will do.
 */
export function poissonSample(count: number, rate: number, random: UniformSource): Uint32Array {
  if (rate >= 1) return Uint32Array.from({ length: count }, (_, i) => i);
  const chosen: number[] = [];
  const logMiss = Math.log1p(-rate);
  for (let i = -1; ; ) {
    i += 1 + Math.floor(Math.log(random.uniform()) / logMiss);
    if (!(i < count)) return Uint32Array.from(chosen);
    chosen.push(i);
  }
}

/** A subset of exactly `size` of `count` examples, every one equally likely (Floyd's algorithm, Bentley 1987). */
export function fixedSample(count: number, size: number, random: UniformSource): Uint32Array {
  const chosen = new Set<number>();
  for (let last = count - size; last < count; last++) {
    const candidate = random.below(last + 1);
    chosen.add(chosen.has(candidate) ? last : candidate);
  }
  return Uint32Array.from(chosen).sort();
}

/** Unpredictable numbers, drawn from a cryptographic generator a few kilobytes at a time. */
export interface UniformSource {
  /** Uniform over (0, 1], 53 random bits. */
  uniform(): number;
  /** An integer uniform over [0, bound), bound at most 2^32, without modulo bias. */
  below(bound: number): number;
}

const BUFFERED_WORDS = 1024;

export function uniformSource(random: CryptoRandom): UniformSource {
  let words = new Uint32Array(0);
  let next = 0;
  const word = () => {
    if (next === words.length) {
      words = new Uint32Array(random.bytes(4 * BUFFERED_WORDS).buffer);
      next = 0;
    }
    return words[next++]!;
  };
  return {
    uniform: () => ((word() >>> 5) * 2 ** 26 + (word() >>> 6) + 1) / 2 ** 53,
    below(bound) {
      const limit = 2 ** 32 - (2 ** 32 % bound);
      for (;;) {
        const candidate = word();
        if (candidate < limit) return candidate % bound;
      }
    },
  };
}
