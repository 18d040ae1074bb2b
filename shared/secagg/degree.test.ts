import { describe, expect, test } from 'vitest';
import { seededRandom, shuffle } from '../random/index.ts';
import { type DegreeGoals, degreeFor, hypergeometricTails } from './degree.ts';

function choose(n: number, k: number): bigint {
  let result = 1n;
  for (let i = 0; i < k; i++) result = (result * BigInt(n - i)) / BigInt(i + 1);
  return result;
}

/** In how many of the C(population, draws) ways at least x of the draws are marked, for x from 0 to draws + 1. */
function waysOfAtLeast(population: number, marked: number, draws: number): bigint[] {
  const ways: bigint[] = new Array(draws + 2).fill(0n);
  const lowest = Math.max(0, draws + marked - population);
  const highest = Math.min(draws, marked);
  let exactly = choose(marked, lowest) * choose(population - marked, draws - lowest);
  for (let x = lowest; x <= highest; x++) {
    ways[x] = exactly;
    exactly =
      (exactly * BigInt((marked - x) * (draws - x))) /
      BigInt((x + 1) * (population - marked - draws + x + 1));
  }
  for (let x = draws; x >= 0; x--) ways[x]! += ways[x + 1]!;
  return ways;
}

/** The definition in the docstring of degreeFor, in integers: the thresholds with which the graph is good. */
function goodThresholds(n: number, degree: number, goals: DegreeGoals): number[] {
  const [corrupt, gone] = [Math.floor(goals.corrupt * n), Math.floor(goals.dropping * n)];
  const exposed = waysOfAtLeast(n - 1, corrupt, degree);
  const stuck = waysOfAtLeast(n - 1, gone, degree);
  const all = exposed[0]!;
  // Gaps of `degree` members in all, each corrupt or gone: C(n − degree, removed − degree) of C(n, removed).
  const removed = corrupt + gone;
  const gaps = BigInt(n) * BigInt(n - degree - 1);
  const split = removed < degree ? 0n : gaps * choose(n - degree, removed - degree);
  const twice = 2n * choose(n, removed);
  const isSecure = (t: number): boolean =>
    (BigInt(n) * exposed[t]! * twice + split * all) * 2n ** BigInt(goals.securityBits) <= all * twice;
  const isCorrect = (t: number): boolean =>
    BigInt(n) * stuck[degree - t + 1]! * 2n ** BigInt(goals.correctnessBits) <= all;
  return Array.from({ length: degree - 1 }, (_, i) => i + 2).filter((t) => isSecure(t) && isCorrect(t));
}

const THIRDS: DegreeGoals = { corrupt: 1 / 3, dropping: 1 / 3, securityBits: 40, correctnessBits: 30 };

describe('hypergeometric tails', () => {
  test('two of five cards, three of them marked', () => {
    // Pr[0] = 1/10, Pr[1] = 6/10, Pr[2] = 3/10.
    expect([...hypergeometricTails(5, 3, 2)]).toEqual([1, 0.9, 0.3, 0].map((p) => expect.closeTo(p, 14)));
  });

  test.each([
    [999, 333, 318],
    [4095, 1365, 446],
    [50, 0, 10],
    [50, 50, 10],
    [20, 15, 10],
    [20, 20, 20],
  ])('of %d with %d marked, %d drawn: exact to twelve digits', (population, marked, draws) => {
    const tails = hypergeometricTails(population, marked, draws);
    const ways = waysOfAtLeast(population, marked, draws);
    expect(ways[0]).toBe(choose(population, draws));
    for (const [x, count] of ways.entries()) {
      const exact = Number((count * 2n ** 1000n) / ways[0]!) / 2 ** 1000;
      expect(Math.abs(tails[x]! - exact)).toBeLessThanOrEqual(1e-12 * exact);
    }
    expect(tails[draws + 1]).toBe(0);
  });
});

describe('degree and threshold', () => {
  // A third corrupt and a third gone, σ = 40, η = 30: what the documentation prints.
  test.each([
    [17, 12, 7],
    [50, 34, 18],
    [100, 68, 35],
    [300, 172, 88],
    [1000, 318, 163],
    [4096, 446, 228],
  ])('of a cohort of %d: %d and %d', (n, degree, threshold) => {
    expect(degreeFor(n, THIRDS)).toEqual({ degree, threshold });
  });

  test.each([17, 30, 100, 200])('among %d no smaller degree and no higher threshold is good', (n) => {
    const { degree, threshold } = degreeFor(n, THIRDS);
    expect(goodThresholds(n, degree, THIRDS).at(-1)).toBe(threshold);
    for (let smaller = 2; smaller < degree; smaller += 2)
      expect(goodThresholds(n, smaller, THIRDS)).toEqual([]);
  });

  test('among a thousand neither two neighbours less nor a higher threshold would do', () => {
    expect(goodThresholds(1000, 318, THIRDS).at(-1)).toBe(163);
    expect(goodThresholds(1000, 316, THIRDS)).toEqual([]);
  });

  // Semi-honest parameters that the authors' own implementation finds for σ = 40, η = 20 (Google federated-compute,
  // fcp/secagg/server/graph_parameter_finder_test.cc). It spends half of σ on each event, takes the lowest threshold and
  // draws neighbours from n instead of n − 1: our degree is at most 2 above and 2.2 % below.
  test.each([
    [1000, 0.45, 0.45, 822, 417],
    [10_000, 0.45, 0.45, 3494, 1771],
    [10, 0.33, 0.33, 8, 4],
    [100, 0.33, 0.33, 68, 34],
    [1000, 0.33, 0.33, 286, 150],
    [10_000, 0.33, 0.33, 422, 221],
    [100_000, 0.33, 0.33, 480, 251],
    [1_000_000, 0.33, 0.33, 518, 270],
    [100, 0.05, 0.33, 28, 6],
    [1000, 0.05, 0.33, 72, 24],
    [1_000_000, 0.05, 0.33, 102, 34],
    [100, 0.33, 0.05, 34, 29],
    [1000, 0.33, 0.05, 78, 60],
    [1_000_000, 0.33, 0.05, 110, 83],
    [10, 0.05, 0.05, 2, 2],
    [100, 0.05, 0.05, 12, 6],
    [1000, 0.05, 0.05, 30, 17],
    [10_000, 0.05, 0.05, 34, 20],
    [100_000, 0.05, 0.05, 36, 21],
    [1_000_000, 0.05, 0.05, 38, 22],
    [1_000_000, 0, 0, 2, 2],
  ])('of %d with %d corrupt and %d gone: close to the published %d and %d', (n, corrupt, dropping, k, t) => {
    const ours = degreeFor(n, { corrupt, dropping, securityBits: 40, correctnessBits: 20 });
    expect(ours.degree).toBeGreaterThanOrEqual(0.978 * k);
    expect(ours.degree).toBeLessThanOrEqual(k + 2);
    expect(Math.abs(ours.threshold - t)).toBeLessThanOrEqual(Math.max(1, 0.03 * t));
  });

  test.each([2, 3, 4, 8])('%d members have no smaller graph than the complete one', (n) => {
    expect(degreeFor(n, { ...THIRDS, corrupt: 0.6 })).toEqual({
      degree: n - 1,
      threshold: Math.ceil((2 * n) / 3),
    });
  });

  test.each([
    [1, {}],
    [2.5, {}],
    [100, { corrupt: -0.1 }],
    [100, { dropping: 1.1 }],
    [100, { corrupt: Number.NaN }],
    [100, { securityBits: -1 }],
    [100, { correctnessBits: Number.POSITIVE_INFINITY }],
  ])('%d with %j is refused', (n, changes) => {
    expect(() => degreeFor(n, { ...THIRDS, ...changes })).toThrow(
      expect.objectContaining({ code: 'argument.invalid' }),
    );
  });
});

test('drawn a thousand times, a small graph fails no more often than its goals allow', () => {
  const n = 40;
  const goals: DegreeGoals = { corrupt: 0.25, dropping: 0.25, securityBits: 5, correctnessBits: 4 };
  const { degree, threshold } = degreeFor(n, goals);
  expect(degree).toBeLessThan(n - 1);
  const random = seededRandom('small graphs');
  const runs = 1000;
  let insecure = 0;
  let stuck = 0;
  for (let run = 0; run < runs; run++) {
    const [ring, order] = [shuffled(n, random), shuffled(n, random)];
    // By member: 10 of 40 corrupt, and another draw of 10 gone; by place on the ring afterwards.
    const corrupt = new Set(ring.slice(0, 10));
    const gone = new Set(order.slice(0, 10));
    const around = (place: number): number[] =>
      Array.from({ length: degree / 2 }, (_, s) => [(place + s + 1) % n, (place - s - 1 + n) % n]).flat();
    const places = Array.from({ length: n }, (_, place) => place);
    const honest = places.filter((place) => !corrupt.has(place));
    const left = honest.filter((place) => !gone.has(place));
    const exposed = honest.some((p) => around(p).filter((q) => corrupt.has(q)).length >= threshold);
    if (exposed || !isConnected(left, around)) insecure++;
    if (places.some((p) => around(p).filter((q) => !gone.has(q)).length < threshold)) stuck++;
  }
  expect(insecure / runs).toBeLessThanOrEqual(2 ** -goals.securityBits);
  expect(stuck / runs).toBeLessThanOrEqual(2 ** -goals.correctnessBits);
  // The bounds are not empty: what they bound does happen.
  expect(stuck).toBeGreaterThan(0);
});

function shuffled(n: number, random: ReturnType<typeof seededRandom>): number[] {
  const order = Array.from({ length: n }, (_, i) => i);
  shuffle(order, random);
  return order;
}

function isConnected(places: readonly number[], around: (place: number) => number[]): boolean {
  const unseen = new Set(places);
  const open = places.slice(0, 1);
  for (let place = open.pop(); place !== undefined; place = open.pop()) {
    if (!unseen.delete(place)) continue;
    open.push(...around(place).filter((other) => unseen.has(other)));
  }
  return unseen.size === 0;
}
