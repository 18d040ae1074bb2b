import { describe, expect, it } from 'vitest';
import { type CryptoRandom, seededRandom } from '../random/index.ts';
import { fixedSample, poissonSample, samplingPlan, uniformSource } from './sampling.ts';

/** A stand-in with a seed, so that a statistical test always sees the same draws. */
function repeatable(seed: string): CryptoRandom {
  const random = seededRandom(seed);
  return { kind: 'crypto', bytes: (length) => Uint8Array.from({ length }, () => random.below(256)) };
}

describe('samplingPlan', () => {
  it('D-01: takes as many steps as make the epochs on average', () => {
    expect(samplingPlan(1000, 32, 3)).toEqual({ rate: 0.032, steps: 94, expectedBatch: 32 }); // 93.75
  });
  it('takes everyone in every step when there are fewer examples than a batch', () => {
    expect(samplingPlan(20, 32, 3)).toEqual({ rate: 1, steps: 3, expectedBatch: 20 });
  });
  it('takes one step at least', () => {
    expect(samplingPlan(10, 7, 0.1).steps).toBe(1);
  });
});

describe('poissonSample', () => {
  const [count, rate, rounds] = [50, 0.2, 4000];
  const random = uniformSource(repeatable('poisson'));
  const samples = Array.from({ length: rounds }, () => poissonSample(count, rate, random));

  it('D-01: gives every example the same chance', () => {
    const seen = Array.from({ length: count }, () => 0);
    for (const sample of samples) for (const i of sample) seen[i]!++;
    const chiSquare = seen.reduce(
      (sum, n) => sum + (n - rounds * rate) ** 2 / (rounds * rate * (1 - rate)),
      0,
    );
    // 50 degrees of freedom: 117 is exceeded once in ten million.
    expect(chiSquare).toBeLessThan(117);
  });
  it('has the sizes of a binomial distribution', () => {
    const mean = samples.reduce((sum, { length }) => sum + length, 0) / rounds;
    const variance = samples.reduce((sum, { length }) => sum + (length - mean) ** 2, 0) / rounds;
    // 50 · 0.2 = 10 and 50 · 0.2 · 0.8 = 8, within five standard errors.
    expect(Math.abs(mean - 10)).toBeLessThan(5 * Math.sqrt(8 / rounds));
    expect(Math.abs(variance - 8)).toBeLessThan(5 * 8 * Math.sqrt(2 / rounds));
  });
  it('takes neighbours independently', () => {
    const both = samples.filter((sample) => sample.includes(10) && sample.includes(11)).length;
    expect(Math.abs(both / rounds - 0.04)).toBeLessThan(5 * Math.sqrt((0.04 * 0.96) / rounds));
  });
  it('names each at most once, in order', () => {
    for (const sample of samples) expect([...new Set(sample)].sort((a, b) => a - b)).toEqual([...sample]);
  });
  it('takes all at rate 1, and may take none', () => {
    expect([...poissonSample(3, 1, random)]).toEqual([0, 1, 2]);
    expect(poissonSample(3, 1e-9, random)).toHaveLength(0);
  });
});

describe('fixedSample', () => {
  it('D-01: gives every subset the same chance', () => {
    const random = uniformSource(repeatable('fixed'));
    const seen = new Map<string, number>();
    for (let i = 0; i < 6000; i++) {
      const subset = fixedSample(4, 2, random).join();
      seen.set(subset, (seen.get(subset) ?? 0) + 1);
    }
    expect([...seen.keys()].sort()).toEqual(['0,1', '0,2', '0,3', '1,2', '1,3', '2,3']);
    // 5 degrees of freedom: 36.2 is exceeded once in a million.
    expect([...seen.values()].reduce((sum, n) => sum + (n - 1000) ** 2 / 1000, 0)).toBeLessThan(36.2);
  });
});

describe('uniformSource', () => {
  it('never puts out 0, and reaches 1', () => {
    const constant = (byte: number): CryptoRandom => ({
      kind: 'crypto',
      bytes: (length) => new Uint8Array(length).fill(byte),
    });
    expect(uniformSource(constant(0)).uniform()).toBe(2 ** -53);
    expect(uniformSource(constant(255)).uniform()).toBe(1);
  });
});
