import { chacha12 } from '@noble/ciphers/chacha.js';
import { describe, expect, it } from 'vitest';
import { seededRandom, webCryptoRandom } from '../../random/index.ts';
import { battery, discreteGaussianDistribution, TESTS } from '../falsify/index.ts';
import { gridKernel } from '../native/grid-kernel.ts';
import { samplingKernels } from '../native/module.ts';
import { createNoise } from './noise.ts';
import {
  addOnGridPlainly,
  type GridGaussian,
  gridGaussian,
  NONCES_PER_TENSOR,
  onGrid,
  roundingSensitivity,
} from './on-grid.ts';
import { PLACES, STRIPS, stripsOf } from './strips.ts';
import { keystreamWords } from './words.ts';

function keyOf(seed: string): Uint8Array {
  const random = seededRandom(seed);
  return Uint8Array.from({ length: 32 }, () => random.below(256));
}

const { WebAssembly } = globalThis as unknown as {
  readonly WebAssembly: {
    readonly Memory: { new (size: { initial: number }): { readonly buffer: ArrayBuffer } };
  };
};

/** The same on a heap of WebAssembly. */
function natively(values: Float32Array, noise: GridGaussian, key: Uint8Array): Float32Array {
  const memory = new WebAssembly.Memory({ initial: 64 });
  const kernel = gridKernel(memory);
  const size = values.length;
  const target = new Float32Array(memory.buffer, 1 << 20, size + 1);
  target.set(values);
  target[size] = 42;
  // Two tensors: what is before the second shifts its nonces.
  const before = { pointer: 1 << 19, size: 100 };
  kernel.add([before, { pointer: 1 << 20, size }], noise, key, 1 << 18);
  expect(target[values.length]).toBe(42);
  const scratch = new Uint8Array(memory.buffer, 1 << 18, kernel.scratchBytes);
  expect(scratch.every((byte) => byte === 0)).toBe(true);
  return target.slice(0, values.length);
}

describe('the strips of a wide Gaussian', () => {
  const sigma = 1.3 * 2 ** 20;
  const strips = stripsOf(sigma);

  it('lose less than a hundredth of all words', () => {
    expect((strips.scale * sigma * Math.sqrt(2 * Math.PI)) / 2 ** 32).toBeGreaterThan(0.99);
  });

  it('give each value more words than it deserves, and accept at once no more than it deserves', () => {
    for (let i = 0; i < STRIPS - 1; i++) {
      const [start, width] = [strips.starts[i]!, strips.widths[i]!];
      expect(strips.starts[i + 1]).toBe(start + width);
      const words = Math.floor(PLACES / width);
      expect(words).toBeGreaterThanOrEqual(strips.scale * strips.shape.relative(start));
      const accepted = strips.squeezes[i]! / width;
      expect(accepted).toBeLessThanOrEqual(strips.scale * strips.shape.relative(-1 - (start + width - 1)));
    }
  });

  it('give the claimed distribution, seen through steps of a thousandth of a deviation', () => {
    // Sums of 2¹¹ neighbours: a discrete Gaussian of deviation σ/2¹¹, but for 10⁻⁶ of it.
    const noise: GridGaussian = { grid: 1, strips };
    let nonce = 0;
    const draw = (values: Int32Array) => {
      const wide = new Float32Array(values.length);
      addOnGridPlainly(wide, noise, { key: keyOf('strips'), nonce: NONCES_PER_TENSOR * nonce++ });
      values.set(wide.map((x) => Math.round(x / 2 ** 11)));
    };
    const claim = discreteGaussianDistribution(Math.sqrt((sigma / 2 ** 11) ** 2 + 1 / 12));
    expect(battery(draw, claim, { size: 100_000, falseAlarm: 1e-6 / TESTS })).toEqual([]);
  });

  it('decide by integers as by doubles', () => {
    const [fast, exact] = [new Float32Array(20_000), new Float32Array(20_000)];
    addOnGridPlainly(fast, { grid: 1, strips }, { key: keyOf('exact'), nonce: 0 });
    addOnGridPlainly(exact, { grid: 1, strips }, { key: keyOf('exact'), nonce: 0 }, Infinity);
    expect(exact).toEqual(fast);
  });
});

describe('addOnGrid', () => {
  it.each([1, 63, 64, 65, 4096, 4097, 30_000])(
    'is the same in WebAssembly and without, for %d values',
    (count) => {
      const noise = gridGaussian(1.1, 3, count);
      const values = Float32Array.from({ length: count }, (_, i) => Math.fround(Math.sin(i) * 5));
      const native = natively(values, noise, keyOf('both'));
      addOnGridPlainly(values, noise, { key: keyOf('both'), nonce: NONCES_PER_TENSOR });
      expect(native).toEqual(values);
    },
  );

  it.each([1e-40, 1e-37, 6e-33, 1e-30, 1, 1e33, 1e42, 1e60])(
    'is the same for sums of any size and none, at a deviation of %d',
    (deviation) => {
      const noise = gridGaussian(1, deviation, 1);
      // Of the sums, some are far beyond 2³⁰ steps, some infinite, some halves of a step.
      const sizes = [
        0,
        -0,
        1,
        -1000,
        1023.9,
        1025,
        -1e6,
        1e12,
        2 ** -21,
        3 * 2 ** -22,
        1e-30,
        NaN,
        -Infinity,
      ];
      const values = Float32Array.from({ length: 1000 }, (_, i) => sizes[i % sizes.length]! * deviation);
      const native = natively(values, noise, keyOf('sizes'));
      addOnGridPlainly(values, noise, { key: keyOf('sizes'), nonce: NONCES_PER_TENSOR });
      expect(native).toEqual(values);
    },
  );

  it('rounds to the nearest step, ties to even', () => {
    expect([0.5, 1.5, 2.5, -0.5, -1.5, 1.2, -1.7].map((x) => onGrid(x, 1, 0))).toEqual([
      0, 2, 2, 0, -2, 1, -2,
    ]);
  });
});

describe('gridGaussian', () => {
  it('has at least the promised multiplier of what rounding makes of the sensitivity', () => {
    for (const [multiplier, sensitivity, dimension] of [
      [1, 1, 1],
      [0.3, 20, 199_210],
      [8, 1e-3, 10_000_000],
    ] as const) {
      const { grid, strips } = gridGaussian(multiplier, sensitivity, dimension);
      const deviation = strips.shape.deviation * grid;
      const moved = sensitivity + roundingSensitivity(dimension, grid);
      expect(deviation / moved).toBeGreaterThanOrEqual(multiplier);
      // And not much more than without rounding: 8 · √10⁷ / 2²⁰ = 2.4 %.
      expect(deviation / sensitivity).toBeLessThan(multiplier * 1.03);
      expect(Number.isInteger(Math.log2(grid))).toBe(true);
    }
  });

  it.each([
    [0, 1, 1],
    [1, 0, 1],
    [1, 1, 0],
    [Number.NaN, 1, 1],
    [1e9, 1, 1e9],
    [1e-320, 1, 1],
  ])(
    'refuses a multiplier of %d on a sensitivity of %d in %d dimensions',
    (multiplier, sensitivity, dimension) => {
      expect(() => gridGaussian(multiplier, sensitivity, dimension)).toThrow(
        expect.objectContaining({ code: 'privacy.invalid-parameter' }),
      );
    },
  );
});

describe('continuous noise', () => {
  const noise = createNoise(webCryptoRandom(crypto));

  it.each(['addGaussian', 'addLaplace'] as const)(
    '%s releases multiples of the grid, of the right spread',
    (add) => {
      const values = new Float64Array(200_000).fill(0.1);
      noise[add](values, 2, 2 ** -10);
      expect(values.every((x) => Number.isInteger(x * 1024))).toBe(true);
      const variance = values.reduce((sum, x) => sum + (x - 0.1) ** 2, 0) / values.length;
      const [expected, kurtosis] = add === 'addGaussian' ? [4, 3] : [8, 6];
      // Seven standard errors.
      expect(Math.abs(variance / expected - 1)).toBeLessThan(7 * Math.sqrt((kurtosis - 1) / values.length));
    },
  );

  it('chooses a grid of a power of two, far below the deviation', () => {
    const values = new Float32Array(100).fill(3);
    noise.addGaussian(values, 1e-3);
    // 2⁻¹⁰ < 10⁻³: steps of 2⁻³⁰, of which a float32 near 3 keeps those of 2⁻²².
    expect(values.every((x) => Number.isInteger(x * 2 ** 30) && Math.abs(x - 3) < 0.1)).toBe(true);
    expect(new Set(values).size).toBeGreaterThan(90);
  });

  it('refuses a grid that is none, noise that is none, and values that it cannot round', () => {
    const invalid = expect.objectContaining({ code: 'privacy.invalid-parameter' });
    expect(() => noise.addGaussian(new Float64Array(1), 1, 0.3)).toThrow(invalid);
    expect(() => noise.addGaussian(new Float64Array(1), 0)).toThrow(invalid);
    expect(() => noise.addLaplace(new Float64Array(1), -1)).toThrow(invalid);
    expect(() => noise.addLaplace(new Float64Array(1), 1, 2 ** -40)).toThrow(invalid);
    expect(() => noise.addGaussian(Float64Array.of(1e300), 1)).toThrow(invalid);
    expect(() => noise.addGaussian(Float64Array.of(Number.NaN), 1)).toThrow(
      expect.objectContaining({ code: 'update.non-finite' }),
    );
  });
});

describe('parameters out of range are refused, never clamped', () => {
  const noise = createNoise(webCryptoRandom(crypto));
  const values = new Int32Array(1);
  it.each([0, -1, Number.NaN, Infinity, 1e-7, 2 ** 26])('a scale of %d', (scale) => {
    const invalid = expect.objectContaining({ code: 'privacy.invalid-parameter' });
    expect(() => noise.addDiscreteGaussian(values, scale)).toThrow(invalid);
    expect(() => noise.addDiscreteLaplace(values, scale)).toThrow(invalid);
    expect(() => noise.addSkellam(values, Math.sign(scale) * scale ** 2)).toThrow(invalid);
    expect(() => noise.fillBernoulliExp(new Uint8Array(1), scale < 0 ? scale : Number.NaN)).toThrow(invalid);
  });
});

describe('the native keystream', () => {
  it.each([
    [0, 0],
    [5, 7],
    [2 ** 31, 2 ** 31 + 3],
    [2 ** 32 - 8, 2 ** 32 - 1],
  ])('is that of ChaCha12, from block %i with nonce %i', (counter, nonce) => {
    const { fourBlocks, heap } = samplingKernels()!;
    const key = keyOf('cipher');
    new Uint8Array(heap).set(key);
    fourBlocks(0, counter, nonce, 64);
    const nonceBytes = new Uint8Array(12);
    new DataView(nonceBytes.buffer).setUint32(0, nonce, true);
    const expected = new Uint32Array(
      chacha12(key, nonceBytes, new Uint8Array(256), undefined, counter).buffer,
    );
    const received = new Uint32Array(heap, 64, 64);
    expect(received).toEqual(received.map((_, i) => expected[(i % 4) * 16 + (i >> 2)]!));
  });

  it('is the one that JavaScript makes', () => {
    const { fourBlocks, heap } = samplingKernels()!;
    const key = keyOf('words');
    new Uint8Array(heap).set(key);
    fourBlocks(0, 12, 9, 64);
    expect(keystreamWords({ key, nonce: 9 }, 3, 1)).toEqual(new Uint32Array(heap, 64, 64));
  });
});
