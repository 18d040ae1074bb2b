import { describe, expect, test } from 'vitest';
import type { Federation } from '../federation/index.ts';
import type { CryptoRandom } from '../random/index.ts';
import { seededRandom } from '../random/index.ts';
import { type ClippedUpdate, staged } from '../update/index.ts';
import { encodingOf } from './encoding.ts';
import { type Lattice, readLatticeSum, roundingErrorOf, roundNorm, roundToLattice } from './lattice.ts';

const draws = seededRandom('rounding');
/** The same draws in every run: bounds below are narrower than chance. */
const random: CryptoRandom = {
  kind: 'crypto',
  bytes: (length) => Uint8Array.from({ length }, () => draws.below(256)),
};

type Compression = NonNullable<Federation['strategy']['compression']>;

function federation(
  compression: Partial<Compression> = {},
  strategy: Partial<Federation['strategy']> = {},
  cohort: Partial<Federation['cohort']> = {},
): Pick<Federation, 'strategy' | 'cohort' | 'privacy'> {
  return {
    strategy: {
      type: 'fedavg',
      serverLearningRate: 1,
      weighting: 'examples',
      maxExamples: 1000,
      clipNorm: 20,
      compression: { entropyCoding: false, ...compression },
      ...strategy,
    } as Federation['strategy'],
    cohort: { minParticipants: 3, groupSize: 10, ...cohort },
    privacy: { secureAggregation: 'none' },
  };
}

function latticeOf(dimension: number, ...policy: Parameters<typeof federation>): Lattice {
  const encoding = encodingOf(federation(...policy), dimension);
  if (encoding.kind !== 'lattice') throw new Error('Expected a lattice.');
  return encoding;
}

/** Coordinates of an update of this length, the same direction for the same name. */
function direction(name: string, length: number, norm: number): Float32Array<ArrayBuffer> {
  const seeded = seededRandom(name);
  const values = Float32Array.from({ length }, () => seeded.uniform() - 0.5);
  const size = Math.hypot(...values);
  return values.map((value) => (value / size) * norm);
}

const clipped = (delta: Float32Array<ArrayBuffer>, weight = 1): ClippedUpdate =>
  staged<ClippedUpdate>({ layoutHash: 'layout', delta, clipNorm: 20, weight });

/** What the ring makes of a sum. */
function sumOn(lattice: Lattice, updates: readonly Int32Array[]): Int32Array<ArrayBuffer> {
  const shift = 32 - lattice.bits;
  return Int32Array.from({ length: lattice.dimension }, (_, i) => {
    const sum = updates.reduce((total, update) => total + update[i]!, 0);
    return (sum << shift) >> shift;
  });
}

function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let squares = 0;
  for (let i = 0; i < a.length; i++) squares += (a[i]! - b[i]!) ** 2;
  return Math.sqrt(squares);
}

describe('a round of ten on a lattice of 2^14 coordinates', () => {
  const LENGTH = 2 ** 14 - 2;
  const base = { hash: 'base', clipNorm: 4 * 0.1 };

  test.each([
    [8, 0.11],
    [12, 0.0066],
    [16, 0.00042],
    [24, 1.7e-6],
    [32, 1e-7],
  ] as const)('Z-05: %d bits: the error is what is expected of it, and no more', (bits, expected) => {
    const lattice = latticeOf(LENGTH, { bits });
    // Weight 100 of 1000 times norm 1 is a part of 0.1; C is four times that.
    const updates = Array.from({ length: 10 }, () => direction('same', LENGTH, 1));
    const rounded = updates.map((delta) => roundToLattice(clipped(delta, 100), lattice, base, random));
    for (const { report } of rounded) expect(report.wrapped).toBe(0);
    const sum = sumOn(
      lattice,
      rounded.map(({ update }) => update.values),
    );
    const { values, nextNorm } = readLatticeSum(sum, lattice, base);
    const exact = updates[0]!.map((value) => value * 1000);
    const error = distance(values, exact) / Math.hypot(...exact);
    expect(error).toBeLessThan(1.1 * expected);
    expect(roundingErrorOf(lattice, 10)).toBeGreaterThan(0.8 * error - 1e-7);
    expect(roundingErrorOf(lattice, 10)).toBeLessThan(1.25 * error + 1e-7);
    expect(nextNorm).toBeCloseTo(0.4, 1);
  });

  test('Z-05: rounding favours neither side: over many rounds errors cancel', () => {
    const lattice = latticeOf(62, { bits: 8 }, { weighting: 'uniform' });
    const delta = direction('some', 62, 1);
    const mean = new Float64Array(62);
    const norm = { hash: 'h', clipNorm: 4 };
    for (let round = 0; round < 200; round++) {
      const ten = Array.from({ length: 10 }, () => roundToLattice(clipped(delta), lattice, norm, random));
      const sum = sumOn(
        lattice,
        ten.map(({ update }) => update.values),
      );
      readLatticeSum(sum, lattice, norm).values.forEach((value, i) => {
        mean[i]! += value / 2000;
      });
    }
    // One rounding of 62 coordinates is off by 62^½ / 6^½ · 4 / scale, two thousand of them by so much less.
    const single = (Math.sqrt(62 / 6) * 4) / lattice.scale;
    expect(single).toBeGreaterThan(0.2);
    expect(distance(mean, delta)).toBeLessThan((1.5 * single) / Math.sqrt(2000));
  });

  test('Z-06, Z-11: when norms double from one round to the next hardly anything wraps', () => {
    const lattice = latticeOf(LENGTH, { bits: 8 });
    const updates = Array.from({ length: 10 }, () => direction('same', LENGTH, 2));
    const rounded = updates.map((delta) => roundToLattice(clipped(delta, 100), lattice, base, random));
    const sum = sumOn(
      lattice,
      rounded.map(({ update }) => update.values),
    );
    const { values, nextNorm } = readLatticeSum(sum, lattice, base);
    const exact = updates[0]!.map((value) => value * 1000);
    expect(distance(values, exact) / Math.hypot(...exact)).toBeLessThan(0.12);
    expect(nextNorm).toBeCloseTo(0.8, 1);
  });

  test('Z-06: one that stands out is shortened, and the norm follows', () => {
    const lattice = latticeOf(LENGTH, { bits: 16 });
    const updates = [1, 1, 1, 1, 1, 1, 1, 1, 1, 16].map((norm) => direction('same', LENGTH, norm));
    const rounded = updates.map((delta) => roundToLattice(clipped(delta, 100), lattice, base, random));
    expect(rounded.map(({ report }) => report.shortened)).toEqual([
      1,
      1,
      1,
      1,
      1,
      1,
      1,
      1,
      1,
      expect.closeTo(0.25, 9),
    ]);
    const sum = sumOn(
      lattice,
      rounded.map(({ update }) => update.values),
    );
    const { values, nextNorm } = readLatticeSum(sum, lattice, base);
    // Nine of 1 and one of 4, each times 100; a mean of 1.3.
    expect(Math.hypot(...values)).toBeCloseTo(1300, 0);
    expect(nextNorm).toBeCloseTo(0.52, 3);
  });
});

test('Z-08: where C is still that of the document and rounding drowns the sum, only the norm moves', () => {
  const lattice = latticeOf(1022, { bits: 8 });
  const round = (clipNorm: number | undefined) => {
    const base = { hash: 'h', ...(clipNorm === undefined ? {} : { clipNorm }) };
    const updates = Array.from({ length: 5 }, (_, i) => direction(`of ${i}`, 1022, 0.5));
    const rounded = updates.map((delta) => roundToLattice(clipped(delta, 10), lattice, base, random));
    return readLatticeSum(
      sumOn(
        lattice,
        rounded.map(({ update }) => update.values),
      ),
      lattice,
      base,
    );
  };
  const first = round(undefined);
  expect(first.values.every((value) => value === 0)).toBe(true);
  // A part of 0.01 times 0.5 is 0.005; four times that, measured beside a clipping norm of 20.
  expect(first.nextNorm).toBeLessThan(4);
  let { nextNorm } = first;
  for (let i = 0; i < 4; i++) nextNorm = round(nextNorm).nextNorm;
  expect(nextNorm).toBeGreaterThan(0.018);
  expect(nextNorm).toBeLessThan(0.024);
  expect(round(nextNorm).values.some((value) => value !== 0)).toBe(true);
});

test('Z-06: C is the clipping norm at first, never above it, and never zero', () => {
  const lattice = latticeOf(6);
  expect(roundNorm({}, lattice)).toBe(20);
  expect(roundNorm({ clipNorm: 100 }, lattice)).toBe(20);
  expect(roundNorm({ clipNorm: 3 }, lattice)).toBe(3);
  expect(roundNorm({ clipNorm: 0 }, lattice)).toBe(20 * 2 ** -40);
  const nothing = roundToLattice(clipped(new Float32Array(6)), lattice, { hash: 'h' }, random);
  expect(nothing.report.shortened).toBe(1);
  const { nextNorm } = readLatticeSum(nothing.update.values, lattice, { hash: 'h' });
  expect(Math.fround(nextNorm)).toBeGreaterThan(0);
});

test('Y-02: what goes along comes back', () => {
  const lattice = latticeOf(1000, { bits: 16 }, { type: 'fednova', maxSteps: 10 } as Partial<
    Federation['strategy']
  >);
  expect(lattice.dimension).toBe(1003);
  const delta = new Float32Array(1001);
  delta.set(direction('some', 1000, 1));
  delta[1000] = 0.5 * 20;
  const base = { hash: 'h', clipNorm: 4 };
  const { update } = roundToLattice(clipped(delta, 1000), lattice, base, random);
  const { values } = readLatticeSum(update.values, lattice, base);
  expect(values[1000]! / 1000).toBeCloseTo(10, 1);
});

describe('bad input', () => {
  const lattice = latticeOf(6);
  test.each([0, 1001])('a weight of %d is refused', (weight) => {
    expect(() =>
      roundToLattice(clipped(new Float32Array(6), weight), lattice, { hash: 'h' }, random),
    ).toThrow(expect.objectContaining({ code: 'update.overflow' }));
  });
  test('another length is refused', () => {
    const code = 'update.wrong-length';
    expect(() => roundToLattice(clipped(new Float32Array(7)), lattice, { hash: 'h' }, random)).toThrow(
      expect.objectContaining({ code }),
    );
    expect(() => readLatticeSum(new Int32Array(6), lattice, { hash: 'h' })).toThrow(
      expect.objectContaining({ code }),
    );
  });
  test('a group of which 8 bits hold no sum is refused, with the arithmetic', () => {
    // 127² / 64 = 252.0: 1008 of a variance of ¼ each.
    expect(latticeOf(100, { bits: 8 }, {}, { groupSize: 1007 }).scale).toBeGreaterThan(0);
    expect(() => latticeOf(100, { bits: 8 }, {}, { groupSize: 1009 })).toThrow(
      expect.objectContaining({ code: 'update.overflow' }),
    );
    expect(() => latticeOf(100, { bits: 8 }, {}, { groupSize: 1009 })).toThrow(/1009 \/ 4 with 8 bits/);
  });
});
