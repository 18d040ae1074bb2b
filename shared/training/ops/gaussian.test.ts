import { chacha12 } from '@noble/ciphers/chacha.js';
import { dispose, tensor } from '@tensorflow/tfjs-core';
import { beforeEach, describe, expect, it } from 'vitest';
import { seededRandom } from '../../random/index.ts';
import { useBackend } from '../testing.ts';
import { addGaussian, gaussianNumbers, type NoiseStream } from './gaussian.ts';

function seededStream(seed: string): NoiseStream {
  const random = seededRandom(seed);
  return { key: Uint8Array.from({ length: 32 }, () => random.below(256)), nonce: 0 };
}

/** Φ(x) by the complementary error function of Numerical Recipes (erfc of Chebyshev fit, relative error 1.2e-7). */
function normalDistribution(x: number): number {
  const z = Math.abs(x) / Math.SQRT2;
  const t = 1 / (1 + z / 2);
  const coefficients = [
    -1.26551223, 1.00002368, 0.37409196, 0.09678418, -0.18628806, 0.27886807, -1.13520398, 1.48851587,
    -0.82215223, 0.17087277,
  ];
  const polynomial = coefficients.reduceRight((sum, coefficient) => sum * t + coefficient, 0);
  const tail = (t * Math.exp(-z * z + polynomial)) / 2;
  return x > 0 ? 1 - tail : tail;
}

describe.each(['cpu', 'wasm'] as const)('addGaussian on %s', (backend) => {
  beforeEach(() => useBackend(backend));
  const count = 1_000_000;

  it('adds numbers of a normal distribution', async () => {
    const zeros = tensor(new Float32Array(count));
    const [noisy] = addGaussian([zeros], seededStream('normal').key, 1);
    const numbers = (await noisy!.data<'float32'>()).slice().sort();
    const mean = numbers.reduce((sum, x) => sum + x, 0) / count;
    const variance = numbers.reduce((sum, x) => sum + x * x, 0) / count;
    const fourth = numbers.reduce((sum, x) => sum + x ** 4, 0) / count;
    // Five standard errors of each: √(1/n), √(2/n), √(96/n).
    expect(Math.abs(mean)).toBeLessThan(0.005);
    expect(Math.abs(variance - 1)).toBeLessThan(0.0071);
    expect(Math.abs(fourth - 3)).toBeLessThan(0.049);
    // Kolmogorov and Smirnov: √n·D above 2.7 happens once in a million.
    const distance = numbers.reduce(
      (most, x, i) => Math.max(most, Math.abs(normalDistribution(x) - (i + 0.5) / count)),
      0,
    );
    expect(Math.sqrt(count) * distance).toBeLessThan(2.7);
    // Beyond 4: 63.3 of a million are expected on both sides together.
    const beyond4 = numbers.filter((x) => Math.abs(x) > 4).length;
    expect(Math.abs(beyond4 - 63.3)).toBeLessThan(5 * Math.sqrt(63.3));
    zeros.dispose();
    noisy!.dispose();
  });

  it('has independent neighbours', async () => {
    const zeros = tensor(new Float32Array(count));
    const [noisy] = addGaussian([zeros], seededStream('neighbours').key, 1);
    const numbers = await noisy!.data<'float32'>();
    for (const lag of [1, 2, 4, 8]) {
      let product = 0;
      for (let i = lag; i < count; i++) product += numbers[i]! * numbers[i - lag]!;
      expect(Math.abs(product / count)).toBeLessThan(0.005);
    }
    zeros.dispose();
    noisy!.dispose();
  });

  it('makes the same numbers on every backend, to 1e-6', async () => {
    const stream = seededStream('values');
    const [noisy] = addGaussian([tensor([1, 2, 3, 4, 5, 6, 7])], stream.key, 0.5);
    const expected = gaussianNumbers(stream, 7, 0.5);
    const numbers = await noisy!.data<'float32'>();
    numbers.forEach((value, i) => {
      expect(Math.abs(value - (i + 1 + expected[i]!))).toBeLessThan(2e-6);
    });
    noisy!.dispose();
  });

  it('gives each tensor noise of its own', async () => {
    const zeros = () => tensor(new Float32Array(count));
    const noisy = addGaussian([zeros(), zeros()], seededStream('nonces').key, 1);
    const [one, other] = await Promise.all(noisy.map((x) => x.data<'float32'>()));
    // Five standard errors of the mean of products.
    const correlation = one!.reduce((sum, x, i) => sum + x * other![i]!, 0) / count;
    expect(Math.abs(correlation)).toBeLessThan(0.005);
    dispose(noisy);
  });
});

describe('gaussianNumbers', () => {
  it('takes 32 bits more for a small radius word, from 2³¹ blocks further on', () => {
    const { key } = seededStream('tail');
    const cipher = (block: number, blocks: number) =>
      new Uint32Array(
        chacha12(key, new Uint8Array(12), new Uint8Array(64 * blocks), undefined, block).buffer,
      );
    const blocks = 8192;
    const words = cipher(0, blocks);
    const numbers = gaussianNumbers({ key, nonce: 0 }, blocks * 16, 1);
    // Words 0 to 7 of a block are radii.
    const small = [...words.keys()].filter((at) => at % 16 < 8 && words[at]! < 2 ** 17);
    expect(small.length).toBeGreaterThan(0);
    for (const at of small) {
      const [block, word] = [Math.floor(at / 16), at % 16];
      const lower = cipher(2 ** 31 + block, 1)[word]!;
      const u = ((words[at]! >>> 1) + (lower + 0.5) / 2 ** 32) / 2 ** 31;
      const place = Math.floor(block / 4) * 64 + word * 8 + (block % 4);
      const radius = Math.hypot(numbers[place]!, numbers[place + 4]!);
      expect(Math.abs(radius - Math.sqrt(-2 * Math.log(u)))).toBeLessThan(1e-6);
    }
  });
});
