import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { hasCode } from '../../errors/index.ts';
import { plainKernels } from '../robust/kernels.ts';
import { squaredDistancesPlainly } from './distances-plainly.ts';
import { createAggregationKernels, placeRows, splitByCoordinates, weightedAccumulator } from './index.ts';
import { nativeKernels } from './module.ts';
import { squaredDistances } from './squared-distances.ts';
import { weightedSumPlainly } from './weighted-sum-plainly.ts';

type Rows = Float32Array<ArrayBuffer>[];

/** Of rows in float32. */
interface SingleKernels extends Pick<typeof plainKernels, 'median' | 'trimmedMean'> {
  weightedSum(rows: Rows, weights: ArrayLike<number>, out: Float32Array<ArrayBuffer>): void;
}

const kernels = createAggregationKernels();

/** Of every magnitude, with zeros of both signs, numbers below the smallest normal one, and equal numbers. */
function rowsOf(count: number, length: number, seed: number): Rows {
  let state = seed >>> 0;
  const next = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  const special = [0, -0, 1e-42, -3e-45, 1, 3.4e38, -3.4e38];
  return Array.from({ length: count }, () =>
    Float32Array.from({ length }, () =>
      next() < 0.2 ? special[Math.floor(next() * special.length)]! : (next() - 0.5) * 10 ** (8 * next() - 4),
    ),
  );
}

/** Small enough for float32 to hold the squares. */
const moderateRows = (count: number, length: number, seed: number): Rows =>
  rowsOf(count, length, seed).map((row) => row.map((value) => (Math.abs(value) > 1e6 ? 1e6 : value)));

function resultOf(length: number, run: (out: Float32Array<ArrayBuffer>) => void): Float32Array {
  // What is left of before must not be seen, nor a number beyond the end be written.
  const whole = new Float32Array(length + 2).fill(7);
  run(whole.subarray(1, length + 1));
  expect([whole[0], whole[length + 1]]).toEqual([7, 7]);
  return whole.slice(1, length + 1);
}

function expectSameBits(fast: Float32Array | Float64Array, plain: Float32Array | Float64Array): void {
  expect(fast.length).toBe(plain.length);
  // Object.is tells −0 from 0.
  const different = fast.findIndex((value, i) => !Object.is(value, plain[i]));
  expect(different < 0 ? 'same' : `${different}: ${fast[different]}, ${plain[different]}`).toBe('same');
}

const shapes = {
  count: fc.integer({ min: 1, max: 70 }),
  length: fc.integer({ min: 1, max: 150 }),
  seed: fc.nat(),
};

test('there is SIMD where the tests run', () => {
  expect(kernels.kind).toBe('wasm');
});

describe('bit for bit as the plain loops', () => {
  test('weighted sums', () => {
    fc.assert(
      fc.property(fc.record(shapes), ({ count, length, seed }) => {
        const rows = rowsOf(count, length, seed);
        const weights = rows.map((_, r) => ((seed % 1000) + r) / 7);
        expectSameBits(
          resultOf(length, (out) => kernels.weightedSum(rows, weights, out)),
          resultOf(length, (out) => weightedSumPlainly(rows, weights, out)),
        );
      }),
      { numRuns: 150 },
    );
  });

  test('medians', () => {
    fc.assert(
      fc.property(fc.record(shapes), ({ count, length, seed }) => {
        const rows = rowsOf(count, length, seed);
        expectSameBits(
          resultOf(length, (out) => kernels.median(rows, out)),
          resultOf(length, (out) => plainKernels.median(rows, out)),
        );
      }),
      { numRuns: 150 },
    );
  });

  test('trimmed means', () => {
    fc.assert(
      fc.property(fc.record(shapes), fc.nat(), ({ count, length, seed }, some) => {
        const rows = rowsOf(count, length, seed);
        const trim = some % (((count - 1) >> 1) + 1);
        expectSameBits(
          resultOf(length, (out) => kernels.trimmedMean(rows, trim, out)),
          resultOf(length, (out) => plainKernels.trimmedMean(rows, trim, out)),
        );
      }),
      { numRuns: 150 },
    );
  });

  test('every number of rows up to 70', () => {
    for (let count = 1; count <= 70; count++) {
      const rows = rowsOf(count, 18, count);
      expectSameBits(
        resultOf(18, (out) => kernels.median(rows, out)),
        resultOf(18, (out) => plainKernels.median(rows, out)),
      );
    }
  });

  // Several tiles and a rest; more rows than fit in one of 64 coordinates.
  test.each([
    [3, 40_001],
    [50, 3001],
    [700, 65],
    [4096, 3],
  ])('sums, medians and trimmed means of %d rows of %d', (count, length) => {
    const rows = rowsOf(count, length, 5);
    const weights = rows.map((_, r) => 1 + (r % 5));
    const plain: SingleKernels = { ...plainKernels, weightedSum: weightedSumPlainly };
    for (const run of [
      (of: SingleKernels, out: Float32Array<ArrayBuffer>) => of.weightedSum(rows, weights, out),
      (of: SingleKernels, out: Float32Array<ArrayBuffer>) => of.median(rows, out),
      (of: SingleKernels, out: Float32Array<ArrayBuffer>) => of.trimmedMean(rows, count >> 2, out),
    ])
      expectSameBits(
        resultOf(length, (out) => run(kernels, out)),
        resultOf(length, (out) => run(plain, out)),
      );
  });

  test('squared distances, in blocks and, where numbers are large, in double precision', () => {
    fc.assert(
      fc.property(fc.record(shapes), fc.boolean(), ({ count, length, seed }, moderate) => {
        const rows = (moderate ? moderateRows : rowsOf)(count % 20 || 1, length, seed);
        expectSameBits(kernels.squaredDistances(rows), squaredDistancesPlainly(rows));
      }),
      { numRuns: 150 },
    );
  });

  test('squared distances of several tiles, of which one has large numbers', () => {
    const rows = moderateRows(7, 3500, 3);
    rows[4]![1500] = 1e30;
    expectSameBits(kernels.squaredDistances(rows), squaredDistancesPlainly(rows));
  });

  test('squared distances in panels of few rows', () => {
    for (const count of [1, 2, 5, 12, 13]) {
      const rows = moderateRows(count, 130, count);
      expectSameBits(squaredDistances(nativeKernels()!, rows, 100), squaredDistances(nativeKernels()!, rows));
    }
  });
});

describe('by hand', () => {
  const rows = [Float32Array.of(0, 1, -2), Float32Array.of(3, 5, 4), Float32Array.of(0, 1, -2)];

  test('3-4-5: the distance of (0, 1) and (3, 5)', () => {
    const pair = rows.map((row) => row.slice(0, 2));
    expect([...kernels.squaredDistances(pair)]).toEqual([0, 25, 0, 25, 0, 25, 0, 25, 0]);
  });

  test('sums, medians, trimmed means', () => {
    expect([...resultOf(3, (out) => kernels.weightedSum(rows, [1, 2, 3], out))]).toEqual([6, 14, 0]);
    expect([...resultOf(3, (out) => kernels.median(rows, out))]).toEqual([0, 1, -2]);
    expect([...resultOf(3, (out) => kernels.median(rows.slice(0, 2), out))]).toEqual([1.5, 3, 1]);
    expect([...resultOf(3, (out) => kernels.trimmedMean(rows, 1, out))]).toEqual([0, 1, -2]);
  });

  test('the mean of the two largest numbers is one of them, not infinite', () => {
    const largest = Float32Array.of(3.4028234663852886e38);
    expect(resultOf(1, (out) => kernels.median([largest, largest], out))).toEqual(largest);
  });
});

test('squared distances differ from doubles by less than a millionth, are never negative, and zero for equal rows', () => {
  fc.assert(
    fc.property(fc.record(shapes), ({ count, length, seed }) => {
      const rows = moderateRows((count % 12) + 2, 20 * length, seed);
      rows.push(rows[0]!.slice());
      const n = rows.length;
      const exact = plainKernels.squaredDistances(rows);
      kernels.squaredDistances(rows).forEach((square, i) => {
        expect(square).toBeGreaterThanOrEqual(0);
        expect(Math.abs(square - exact[i]!)).toBeLessThanOrEqual(1e-6 * exact[i]!);
      });
      expect(kernels.squaredDistances(rows)[n - 1]).toBe(0);
    }),
    { numRuns: 30 },
  );
});

test('weighted sums differ from doubles by at most 6 · 2^−24 of the sum of magnitudes, whatever the weights', () => {
  fc.assert(
    fc.property(
      fc.record(shapes),
      fc.constantFrom(1e-300, 1e-40, 1, 1e6, 1e40, 1e300),
      ({ count, length, seed }, unit) => {
        const rows = moderateRows(count, length, seed).map((row) =>
          row.map((x) => (Math.abs(x) < 1e-6 ? 0 : x)),
        );
        // Of both signs, so that sums are far smaller than what is added.
        const weights = rows.map((_, r) => unit * (((seed % 97) + r * 13) % 31) - 15 * unit);
        const exact = new Float64Array(length);
        plainKernels.weightedSum(rows, weights, exact);
        const magnitudes = new Float64Array(length);
        const sizes = weights.map(Math.abs);
        plainKernels.weightedSum(
          rows.map((row) => row.map(Math.abs)),
          sizes,
          magnitudes,
        );
        const lost = 2 ** -125 * sizes.reduce((sum, size) => sum + size, 0) + 2 ** -149;
        resultOf(length, (out) => kernels.weightedSum(rows, weights, out)).forEach((sum, i) => {
          if (Number.isFinite(Math.fround(exact[i]!)))
            expect(Math.abs(sum - exact[i]!)).toBeLessThanOrEqual(6 * 2 ** -24 * magnitudes[i]! + lost);
        });
      },
    ),
    { numRuns: 60 },
  );
});

test('by hand: eight numbers are added in float32, which has no 2^24 + 1, and groups of eight in double precision', () => {
  const sumOf = (...numbers: number[]): number | undefined => {
    const rows = numbers.map((number) => Float32Array.of(number));
    const weights = rows.map(() => 1);
    return resultOf(1, (out) => kernels.weightedSum(rows, weights, out))[0];
  };
  expect(sumOf(2 ** 24, 1, 1, 0)).toBe(2 ** 24);
  expect(sumOf(2 ** 24, 0, 1, 1)).toBe(2 ** 24 + 2);
  expect(sumOf(2 ** 24, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1)).toBe(2 ** 24 + 2);
});

test('nothing overflows on the way: the largest numbers of both signs cancel', () => {
  const largest = Float32Array.of(3.4028234663852886e38, -3.4028234663852886e38);
  const rows = [largest, largest, largest.map((number) => -number), largest.map((number) => number / -2)];
  const weights = [1e9, 1e9, 1e9, 2e9];
  expect([...resultOf(2, (out) => kernels.weightedSum(rows, weights, out))]).toEqual([0, 0]);
});

test('what lies beside a part of a row on the heap is not looked at', () => {
  const placed = placeRows(2, 600_000);
  for (const row of placed) row.fill(3).fill(Number.NaN, 20);
  const parts = placed.map((row) => row.subarray(1, 20));
  expect([...resultOf(19, (out) => kernels.weightedSum(parts, [1, 2], out))]).toEqual(Array(19).fill(9));
});

test('rows that nearly agree keep their distance', () => {
  const row = rowsOf(1, 1000, 9)[0]!.map((value) => (Math.abs(value) > 1e6 ? 1 : value + 1000));
  const moved = row.map((value, i) => (i === 500 ? value + 2 ** -10 : value));
  const exact = plainKernels.squaredDistances([row, moved])[1]!;
  expect(exact).toBeGreaterThan(0);
  expect(kernels.squaredDistances([row, moved])[1]! / exact).toBeCloseTo(1, 6);
});

describe('what is no number is refused', () => {
  const cases = [1, 5, 16, 17, 200].flatMap((length) =>
    [Number.NaN, Infinity, -Infinity].map((bad) => ({ length, bad })),
  );
  test.each(cases)('$bad in rows of $length', ({ length, bad }) => {
    for (const place of [0, length - 1]) {
      const rows = moderateRows(6, length, 1);
      rows[4]![place] = bad;
      const out = new Float32Array(length);
      for (const run of [
        () => kernels.weightedSum(rows, [1, 1, 1, 1, 0, 1], out),
        () => kernels.median(rows, out),
        () => kernels.trimmedMean(rows, 2, out),
        () => kernels.squaredDistances(rows),
        () => squaredDistancesPlainly(rows),
      ])
        expect(codeOf(run)).toBe(true);
      // And leaves nothing behind that the next would find.
      rows[4]![place] = 1;
      const good = resultOf(length, (result) => kernels.median(rows, result));
      expectSameBits(
        good,
        resultOf(length, (result) => plainKernels.median(rows, result)),
      );
    }
  });

  function codeOf(run: () => unknown): boolean {
    try {
      run();
      return false;
    } catch (error) {
      return hasCode(error, 'update.non-finite');
    }
  }
});

test('rows in double precision that are not finite are refused as well', () => {
  const rows = [Float64Array.of(1), Float64Array.of(Number.NaN), Float64Array.of(2)];
  const out = new Float64Array(1);
  for (const run of [
    () => kernels.weightedSum(rows, [1, 0, 1], out),
    () => kernels.median(rows, out),
    () => kernels.trimmedMean(rows, 1, out),
    () => kernels.squaredDistances(rows),
  ])
    expect(run).toThrow('not a number');
});

test('rows in double precision keep it', () => {
  const rows = [Float64Array.of(1 + 2 ** -50), Float64Array.of(1 + 2 ** -50)];
  const out = new Float64Array(1);
  kernels.median(rows, out);
  expect(out[0]).toBe(1 + 2 ** -50);
  kernels.weightedSum(rows, [1, 0], out);
  expect(out[0]).toBe(1 + 2 ** -50);
});

describe('rows on a heap', () => {
  test.each([
    [2, 600_001],
    [70, 20_000],
  ])('%d of %d are added where they lie, in any order, to the same bits', (count, length) => {
    const placed = placeRows(count, length);
    expect(new Set(placed.map(({ buffer }) => buffer)).size).toBe(1);
    const rows = rowsOf(count, length, 2);
    for (const [r, row] of rows.entries()) placed[r]!.set(row);
    const weights = rows.map((_, r) => r + 0.5);
    const backwards = (list: Rows): Rows => [...list].reverse();
    expectSameBits(
      resultOf(length, (out) => kernels.weightedSum(backwards(placed), weights, out)),
      resultOf(length, (out) => weightedSumPlainly(backwards(rows), weights, out)),
    );
    // Adding leaves them as they were.
    for (const [r, row] of placed.entries()) expectSameBits(row, rows[r]!);
  });

  test('few numbers get ordinary arrays', () => {
    const placed = placeRows(3, 10);
    expect(new Set(placed.map(({ buffer }) => buffer)).size).toBe(3);
  });

  test('refuses no rows', () => {
    expect(() => placeRows(0, 10)).toThrow('count');
    expect(() => placeRows(1, -1)).toThrow('length');
  });
});

describe('an accumulator', () => {
  test.each([1, 5, 16_384, 40_001])('of %d numbers gives the sum of what came', (length) => {
    const rows = rowsOf(5, length, length);
    const weights = [3, 0.25, 0, 17, 1];
    const sum = weightedAccumulator(length);
    for (const [r, row] of rows.entries()) sum.add(row, weights[r]!);
    expectSameBits(
      resultOf(length, (out) => sum.readInto(out)),
      resultOf(length, (out) => plainKernels.weightedSum(rows, weights, out)),
    );
  });

  test('of no rows is zero', () => {
    expect([...resultOf(3, (out) => weightedAccumulator(3).readInto(out))]).toEqual([0, 0, 0]);
  });

  test('two do not disturb one another', () => {
    const [one, other] = [weightedAccumulator(2), weightedAccumulator(2)];
    one.add(Float32Array.of(1, 2), 1);
    other.add(Float32Array.of(10, 20), 1);
    expect([...resultOf(2, (out) => one.readInto(out))]).toEqual([1, 2]);
  });

  test('refuses another length and what is no number', () => {
    const sum = weightedAccumulator(2);
    expect(() => sum.add(new Float32Array(3), 1)).toThrow('different lengths');
    expect(() => sum.readInto(new Float32Array(1))).toThrow('different lengths');
    sum.add(Float32Array.of(1, Infinity), 1);
    expect(() => sum.readInto(new Float32Array(2))).toThrow('not a number');
  });
});

describe('ranges of coordinates', () => {
  test('are side by side and cover all', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100_000 }), fc.integer({ min: 1, max: 9 }), (length, parts) => {
        const ranges = splitByCoordinates(length, parts);
        expect(ranges.length).toBeLessThanOrEqual(parts);
        let next = 0;
        for (const { from, to } of ranges) {
          expect(from).toBe(next);
          expect(to).toBeGreaterThan(from);
          expect(from % 1024).toBe(0);
          next = to;
        }
        expect(next).toBe(length);
      }),
    );
  });

  test('2500 coordinates in two: 1024 and the rest', () => {
    expect(splitByCoordinates(2500, 2)).toEqual([
      { from: 0, to: 1024 },
      { from: 1024, to: 2500 },
    ]);
  });

  test('each by itself gives the bits of the whole', () => {
    const length = 3000;
    const rows = moderateRows(6, length, 8);
    const whole = resultOf(length, (out) => kernels.trimmedMean(rows, 1, out));
    const squares = kernels.squaredDistances(rows);
    const added = new Float64Array(36);
    for (const { from, to } of splitByCoordinates(length, 2)) {
      const part = rows.map((row) => row.subarray(from, to));
      expectSameBits(
        resultOf(to - from, (out) => kernels.trimmedMean(part, 1, out)),
        whole.slice(from, to),
      );
      kernels.squaredDistances(part).forEach((square, i) => {
        added[i]! += square;
      });
    }
    expect(added.every((square, i) => Math.abs(square - squares[i]!) <= 1e-14 * squares[i]!)).toBe(true);
  });
});

describe('an engine without SIMD', () => {
  const { WebAssembly } = globalThis;
  beforeEach(() => void vi.resetModules());
  afterEach(() => void vi.unstubAllGlobals());

  test.each([
    ['has no WebAssembly', undefined],
    ['does not know the instructions', { validate: (): boolean => false }],
    [
      'refuses it by policy',
      {
        validate: (): boolean => true,
        Memory: WebAssembly.Memory,
        Module: class {
          constructor() {
            throw new WebAssembly.CompileError('unsafe-eval');
          }
        },
      },
    ],
  ])('that %s computes the same in JavaScript, and says so', async (_, host) => {
    vi.stubGlobal('WebAssembly', host);
    const native = await import('./index.ts');
    const loops = native.createAggregationKernels();
    expect(loops.kind).toBe('plain');
    const rows = moderateRows(5, 300, 4);
    expectSameBits(loops.squaredDistances(rows), kernels.squaredDistances(rows));
    const weights = [2, 3, 5, 7, 11];
    const sum = native.weightedAccumulator(300);
    for (const [r, row] of rows.entries()) sum.add(row, weights[r]!);
    expectSameBits(
      resultOf(300, (out) => sum.readInto(out)),
      resultOf(300, (out) => plainKernels.weightedSum(rows, weights, out)),
    );
    expectSameBits(
      resultOf(300, (out) => loops.weightedSum(rows, weights, out)),
      resultOf(300, (out) => kernels.weightedSum(rows, weights, out)),
    );
    const out = new Float32Array(300);
    expect(native.placeRows(2, 600_000)).toHaveLength(2);
    rows[2]![7] = Number.NaN;
    for (const run of [
      () => loops.weightedSum(rows, [1, 1, 0, 1, 1], out),
      () => loops.median(rows, out),
      () => loops.trimmedMean(rows, 2, out),
      () => loops.squaredDistances(rows),
    ])
      expect(run).toThrow('not a number');
  });
});
