import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { type CryptoRandom, seededRandom } from '../random/index.ts';
import { type ClippedUpdate, staged } from '../update/index.ts';
import { clipUpdate } from './clip.ts';
import type { Grid } from './grid.ts';
import { createRotation } from './rotation.ts';
import { roundToGrid, unrotateSum } from './round-to-grid.ts';

function seededCrypto(seed: string): CryptoRandom {
  const random = seededRandom(seed);
  return { kind: 'crypto', bytes: (length) => Uint8Array.from({ length }, () => random.below(256)) };
}

function gridOf(dimension: number, scale: number, change: Partial<Grid> = {}): Grid {
  const root = Math.sqrt(dimension);
  const squaredNormLimit = Math.ceil(
    Math.min((scale + root) ** 2, scale ** 2 + dimension / 4 + scale + root / 2),
  );
  const l2Sensitivity = Math.sqrt(squaredNormLimit);
  return {
    kind: 'grid',
    clipNorm: 1,
    maxWeight: 1,
    dimension,
    scale,
    bits: 32,
    squaredNormLimit,
    l2Sensitivity,
    l1Sensitivity: root * l2Sensitivity,
    noiseVariance: 1,
    groupSumLimit: 1000,
    isNoised: true,
    ...change,
  };
}

function clipped(delta: Float32Array<ArrayBuffer>): ClippedUpdate {
  return clipUpdate({ layoutHash: 'l', delta, examples: 1 }, 1, 1).update;
}
function seededDelta(dimension: number, seed: string): Float32Array<ArrayBuffer> {
  const random = seededRandom(seed);
  return Float32Array.from({ length: dimension }, () => random.uniform() - 0.5);
}

test('N-06: each coordinate is one of the two integers next to it', () => {
  const update = clipped(seededDelta(100, 'two'));
  const exact = new Float64Array(update.delta);
  createRotation(100, 'base').rotate(exact);
  const { values, weight } = roundToGrid(update, gridOf(100, 64), 'base', seededCrypto('two'));
  values.forEach((value, i) => {
    expect(Math.abs(value - exact[i]! * 64)).toBeLessThan(1);
  });
  expect(weight).toBe(1);
});

test('N-06: on average nothing is added: 4,000 roundings of 3.25 are 3.25 within five standard errors', () => {
  // One coordinate is its own rotation but for its sign.
  const update = staged<ClippedUpdate>({
    layoutHash: 'l',
    delta: Float32Array.of(13 / 16),
    clipNorm: 1,
    weight: 1,
  });
  const random = seededCrypto('mean');
  let sum = 0;
  for (let i = 0; i < 4000; i++)
    sum += Math.abs(roundToGrid(update, gridOf(1, 4), 'base', random).values[0]!);
  // √(¼ · ¾ / 4000) = 0.0068
  expect(Math.abs(sum / 4000 - 3.25)).toBeLessThan(0.035);
});

describe('the norm', () => {
  test.each([
    [1000, 3],
    [1000, 50],
    [24, 1000],
  ])('N-06: %i coordinates at scale %d never exceed the limit', (dimension, scale) => {
    const grid = gridOf(dimension, scale);
    const random = seededCrypto('norm');
    for (let i = 0; i < 50; i++) {
      const { values } = roundToGrid(clipped(seededDelta(dimension, `${i}`)), grid, `${i}`, random);
      const squares = values.reduce((sum, value) => sum + value * value, 0);
      expect(squares).toBeLessThanOrEqual(grid.squaredNormLimit);
    }
  });

  test('N-06: a rounding that is too long is drawn again', () => {
    // Halves: of 8 coordinates of ±½ each becomes 0 or ±1; the limit takes at most two of those.
    const dimension = 8;
    const exact = new Float64Array(dimension).fill(0.5);
    createRotation(dimension, 'base').unrotate(exact);
    const update = staged<ClippedUpdate>({
      layoutHash: 'l',
      delta: Float32Array.from(exact),
      clipNorm: 2,
      weight: 1,
    });
    const grid = gridOf(dimension, 1, { squaredNormLimit: 2 });
    const random = seededCrypto('again');
    const norms = Array.from({ length: 30 }, () =>
      roundToGrid(update, grid, 'base', random).values.reduce((sum, value) => sum + value * value, 0),
    );
    expect(Math.max(...norms)).toBe(2);
  });

  test('N-06: what was not clipped is refused, not sent longer than was said', () => {
    const update = staged<ClippedUpdate>({
      layoutHash: 'l',
      delta: new Float32Array(24).fill(5),
      clipNorm: 1,
      weight: 1,
    });
    const random: CryptoRandom = { kind: 'crypto', bytes: (length) => new Uint8Array(randomBytes(length)) };
    expect(() => roundToGrid(update, gridOf(24, 100), 'base', random)).toThrow(
      expect.objectContaining({ code: 'update.norm-exceeded' }),
    );
  });

  test('M-06: an update of another length is refused by name', () => {
    expect(() =>
      roundToGrid(clipped(new Float32Array(5)), gridOf(24, 100), 'base', seededCrypto('')),
    ).toThrow(expect.objectContaining({ code: 'update.wrong-length' }));
  });
});

test('N-05: the sum of what many sent, turned back, is the sum of their updates but for rounding', () => {
  const dimension = 300;
  const grid = gridOf(dimension, 2 ** 12);
  const random = seededCrypto('sum');
  const sum = new Int32Array(dimension);
  const expected = new Float64Array(dimension);
  for (let i = 0; i < 10; i++) {
    const update = clipped(seededDelta(dimension, `${i}`));
    const { values } = roundToGrid(update, grid, 'base', random);
    for (let k = 0; k < dimension; k++) {
      sum[k]! += values[k]!;
      expected[k]! += update.delta[k]!;
    }
  }
  const turned = unrotateSum(sum, grid, 'base');
  // Rounding adds at most ¼ of variance each: √(10/4) units of 2^-12, six of which are 0.0023.
  turned.forEach((value, k) => {
    expect(Math.abs(value / 2 ** 12 - expected[k]!)).toBeLessThan(0.0024);
  });
});

test('N-05 N-11: what a tree adds in one round and takes back in a later one is gone from their total', () => {
  const noise = Int32Array.from({ length: 100 }, (_, i) => (i % 7) - 3);
  const left = (grid: Grid) => {
    const added = unrotateSum(noise, grid, 'one base');
    const taken = unrotateSum(
      noise.map((value) => -value),
      grid,
      'another base',
    );
    return Math.hypot(...added.map((value, i) => value + taken[i]!));
  };
  expect(left(gridOf(100, 64, { hasOneRotation: true }))).toBe(0);
  expect(left(gridOf(100, 64))).toBeGreaterThan(Math.hypot(...noise));
});
