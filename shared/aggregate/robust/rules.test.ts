import { expect, test } from 'vitest';
import { seededRandom, shuffle } from '../../random/index.ts';
import { createAggregationKernels } from '../native/index.ts';
import {
  type AggregationKernels,
  boundNorms,
  bulyan,
  centredClipping,
  clipLongest,
  coordinateMedian,
  geometricMedian,
  krum,
  mean,
  meanAroundMedian,
  meanNearest,
  minimumDiameterMean,
  mixNearest,
  multiKrum,
  nearestToOwn,
  type Row,
  rankByKrum,
  trimmedMean,
  weightedMean,
} from './index.ts';

const rows = (...lists: readonly (readonly number[])[]): Row[] =>
  lists.map((list) => Float64Array.from(list));
const code = (name: string) => expect.objectContaining({ code: name });

test('a mean, and one with weights', () => {
  expect([...mean(rows([1, 2], [3, 6]))]).toEqual([2, 4]);
  expect([...weightedMean(rows([1, 2], [3, 6]), [3, 1])]).toEqual([1.5, 3]);
});

test.each([
  ['negative', [1, -1]],
  ['no number', [1, Number.NaN]],
  ['infinite', [1, Number.POSITIVE_INFINITY]],
  ['absurd', [1, 2 ** 31]],
  ['zero in all', [0, 0]],
  ['too few', [1]],
])('a weight that is %s is refused', (_, weights) => {
  expect(() => weightedMean(rows([1], [2]), weights)).toThrow(code('aggregate.bad-weight'));
});

test('the middle of each coordinate, and of an even number the mean of the two in the middle', () => {
  expect([...coordinateMedian(rows([1, 9], [2, 8], [30, 7]))]).toEqual([2, 8]);
  expect([...coordinateMedian(rows([1], [2], [4], [100]))]).toEqual([3]);
  expect([...coordinateMedian(rows([5]))]).toEqual([5]);
});

test('a trimmed mean leaves out the largest and the smallest', () => {
  expect([...trimmedMean(rows([-100], [1], [2], [6], [100]), 1)]).toEqual([3]);
  expect([...trimmedMean(rows([-100], [1], [2], [6], [100]), 2)]).toEqual([2]);
  expect([...trimmedMean(rows([1], [3]), 0)]).toEqual([2]);
});

test('nearest to a reference: of two as near the smaller', () => {
  expect([...meanNearest(rows([1], [3], [10]), Float64Array.of(2), 1)]).toEqual([1]);
  expect([...meanNearest(rows([1], [3], [10]), Float64Array.of(2), 2)]).toEqual([2]);
  expect([...meanNearest(rows([1], [3], [10]), Float64Array.of(9), 2)]).toEqual([6.5]);
  expect([...meanAroundMedian(rows([1], [2], [4], [50], [3]), 1)]).toEqual([2.5]);
});

/** The Fermat point of a triangle sees its sides at 120°: of this one it is (½, 1/(2√3)), by symmetry its centre. */
test('the geometric median of an equilateral triangle is its centre, and of a square with a point in it that point', () => {
  const height = Math.sqrt(3) / 2;
  const [x, y] = geometricMedian(rows([0, 0], [1, 0], [0.5, height]));
  expect(x).toBeCloseTo(0.5, 6);
  expect(y).toBeCloseTo(height / 3, 6);
  const inside = geometricMedian(rows([0, 0], [4, 0], [0, 4], [4, 4], [2, 2]));
  expect([...inside].map((value) => Math.round(value * 1e5) / 1e5)).toEqual([2, 2]);
});

test('of points on a line it is the middle one, wherever a liar stands', () => {
  for (const lie of [10, 1e3, 1e6]) {
    const [x] = geometricMedian(rows([0], [1], [2], [3], [lie]));
    expect(x).toBeCloseTo(2, 4);
  }
});

test('where more than half are alike, they are the geometric median', () => {
  expect([...geometricMedian(rows([1, 2], [1, 2], [1, 2], [9, 9], [-9, 0]))]).toEqual([1, 2]);
});

/** From zero, one step weighs by 1 / distance: (1/1 + 2/2 + 4/4) / (1/1 + 1/2 + 1/4) = 3 / 1.75. */
test('a given number of steps from a given start is no more than that', () => {
  const options = { start: new Float64Array(1), iterations: 1, smoothing: 0.1 };
  expect(geometricMedian(rows([1], [2], [4]), options)[0]).toBeCloseTo(3 / 1.75, 12);
});

/** n = 5, f = 1: two neighbours. Scores: 0 → 1 + 4, 1 → 1 + 1, 2 → 1 + 1, 3 → 1 + 4, 100 → 97² + 98². */
test('Krum takes the row that is nearest to its n − f − 2 nearest, of two alike the earlier', () => {
  const line = rows([0], [1], [2], [3], [100]);
  expect([...krum(line, 1)]).toEqual([1]);
  expect(rankByKrum(line, 2)).toEqual([1, 2, 0, 3, 4]);
  expect([...multiKrum(line, 1, 2)]).toEqual([1.5]);
  expect([...multiKrum(line, 1)]).toEqual([1.5]);
});

test('what Krum returns is a copy', () => {
  const line = rows([0], [1], [2]);
  krum(line, 0)[0] = 77;
  expect(line.map((row) => row[0])).toEqual([0, 1, 2]);
});

/** n = 7, f = 1: five of seven by Krum leave out the two far ones; then the three nearest the median 3 are 2, 3 and 4. */
test('Bulyan leaves out by Krum and then trims around the median', () => {
  expect([...bulyan(rows([1], [2], [3], [4], [5], [1000], [-1000]), 1)]).toEqual([3]);
});

/** From 0 with radius 1: (1 + 1 + 1)/3 = 1; from 1: (0 + 1 + 1)/3 more. */
test('centred clipping pulls in what is further than the radius', () => {
  const start = Float64Array.of(0);
  const line = rows([1], [3], [100]);
  expect([...centredClipping(line, { radius: 1, iterations: 1, start })]).toEqual([1]);
  expect(centredClipping(line, { radius: 1, iterations: 2, start })[0]).toBeCloseTo(5 / 3, 12);
  expect([...centredClipping(line, { iterations: 0 })]).toEqual([3]);
});

test('each is mixed with its nearest', () => {
  expect(mixNearest(rows([0], [2], [4], [100], [1]), 2).map((row) => row[0])).toEqual([
    1,
    1,
    7 / 3,
    106 / 3,
    1,
  ]);
  expect([...nearestToOwn(rows([0], [2], [100]), 1, 1)]).toEqual([1]);
});

test('the smallest diameter, and of two alike the first', () => {
  expect([...minimumDiameterMean(rows([0], [100], [1], [2], [50]), 2)]).toEqual([1]);
  expect([...minimumDiameterMean(rows([0], [1], [2]), 1)]).toEqual([0.5]);
  const many = rows(...Array.from({ length: 40 }, (_, i) => [i]));
  expect(() => minimumDiameterMean(many, 19)).toThrow(/C\(40, 19\)/);
});

test('too long rows are scaled to the bound, the 3-4-5 triangle to 1', () => {
  const [short, long] = boundNorms(rows([0.3, 0.4], [3, 4]), 1);
  expect([...short!]).toEqual([0.3, 0.4]);
  expect(long![0]).toBeCloseTo(0.6, 12);
  expect(long![1]).toBeCloseTo(0.8, 12);
  expect(boundNorms(rows([1], [2], [-30]), 'median').map((row) => row[0])).toEqual([1, 2, -2]);
});

/** n = 4, f = 1: ⌊2/4 · 3⌋ = 1 is clipped, to the third norm. */
test('adaptive clipping shortens the longest to the next', () => {
  expect(clipLongest(rows([1], [2], [3], [-40]), 1).map((row) => row[0])).toEqual([1, 2, 3, -3]);
  expect(clipLongest(rows([1], [9]), 0).map((row) => row[0])).toEqual([1, 9]);
});

test.each<[string, number, RegExp, (r: Row[]) => unknown]>([
  ['Krum', 4, /n ≥ 2f \+ 3 = 5, received n = 4/, (r) => krum(r, 1)],
  ['Multi-Krum', 4, /n ≥ 2f \+ 3 = 5, received n = 4/, (r) => multiKrum(r, 1)],
  ['selecting', 5, /n ≥ select = 6, received n = 5/, (r) => multiKrum(r, 1, 6)],
  ['Bulyan', 6, /n ≥ 4f \+ 3 = 7, received n = 6/, (r) => bulyan(r, 1)],
  ['a trimmed mean', 2, /n ≥ 2f \+ 1 = 3, received n = 2/, (r) => trimmedMean(r, 1)],
  ['mixing', 2, /n ≥ 2f \+ 1 = 3, received n = 2/, (r) => mixNearest(r, 1)],
  ['the smallest diameter', 4, /n ≥ 2f \+ 1 = 5/, (r) => minimumDiameterMean(r, 2)],
  ['MoNNA', 1, /n ≥ 2f \+ 1 = 3, received n = 1/, (r) => nearestToOwn(r, 1, 0)],
  ['adaptive clipping', 2, /n ≥ 2f \+ 1 = 3/, (r) => clipLongest(r, 1)],
  ['a median', 0, /n ≥ 1, received n = 0/, (r) => coordinateMedian(r)],
])('%s refuses %d with the arithmetic', (_, count, message, rule) => {
  const given = rows(...Array.from({ length: count }, (__, i) => [i]));
  expect(() => rule(given)).toThrow(code('aggregate.too-few'));
  expect(() => rule(given)).toThrow(message);
});

type Rule = (r: readonly Row[], kernels?: AggregationKernels) => Row;
const RULES: readonly [string, Rule][] = [
  ['mean', (r, k) => mean(r, k)],
  ['median', (r, k) => coordinateMedian(r, k)],
  ['trimmed mean', (r, k) => trimmedMean(r, 2, k)],
  ['geometric median', (r, k) => geometricMedian(r, {}, k)],
  ['krum', (r, k) => krum(r, 2, k)],
  ['multi-krum', (r, k) => multiKrum(r, 2, undefined, k)],
  ['bulyan', (r, k) => bulyan(r, 2, k)],
  ['centred clipping', (r, k) => centredClipping(r, {}, k)],
  ['smallest diameter', (r, k) => minimumDiameterMean(r, 2, k)],
  ['mixing, trimmed', (r, k) => trimmedMean(mixNearest(r, 2, k), 2, k)],
];

test.each(RULES)('%s refuses what is not finite, and different lengths', (_, rule) => {
  const good = Array.from({ length: 11 }, (__, i) => [i, -i]);
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])
    expect(() => rule(rows(...good, [0, bad]))).toThrow(code('update.non-finite'));
  expect(() => rule(rows(...good, [0]))).toThrow(code('update.wrong-length'));
});

const checking = createAggregationKernels();

test.each([
  ...RULES,
  ['weighted mean', (r, k) => weightedMean(r, [...r.keys()], k)],
  ['around the median', (r, k) => meanAroundMedian(r, 2, k)],
  ['nearest to the last', (r, k) => nearestToOwn(r, 2, r.length - 1, k)],
  ['clipping from a start', (r, k) => centredClipping(r, { start: r[0]!, iterations: 0 }, k)],
] satisfies [string, Rule][])(
  '%s refuses both by the same names where kernels look at numbers',
  (_, rule) => {
    const good = Array.from({ length: 11 }, (__, i) => [i, -i]);
    for (const precision of [Float32Array, Float64Array]) {
      const given = (last: readonly number[]): Row[] => [last, ...good].map((list) => precision.from(list));
      for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])
        expect(() => rule(given([0, bad]), checking)).toThrow(code('update.non-finite'));
      expect(() => rule(given([0]), checking)).toThrow(code('update.wrong-length'));
      expect(rule(given([0, 1]), checking)).toHaveLength(2);
    }
  },
);

const random = seededRandom('rules');
const cloud = (count: number, length: number): Row[] =>
  Array.from({ length: count }, () => Float64Array.from({ length }, () => random.uniform() - 0.5));

/** Two that are each other's nearest score alike, and many sets have the same diameter: then the earlier counts. */
const BY_INDEX = ['bulyan', 'smallest diameter'];

test.each(RULES.filter(([name]) => !BY_INDEX.includes(name)))(
  '%s does not depend on the order that rows came in',
  (_, rule) => {
    const some = cloud(11, 7);
    const result = rule(some);
    for (let times = 0; times < 5; times++) {
      const other = rule(shuffle([...some], random) as Row[]);
      for (const [i, value] of other.entries()) expect(value).toBeCloseTo(result[i]!, 12);
    }
  },
);

/** With f = 2 of 11 anywhere: what comes out stays where the honest are, which a mean does not. */
test.each(RULES)('%s under lies however large', (name, rule) => {
  const honest = cloud(9, 5);
  for (const size of [1e1, 1e4, 1e8]) {
    const lie = new Float64Array(5).fill(size);
    const furthest = Math.max(...rule([...honest, lie, lie]).map(Math.abs));
    if (name === 'mean') expect(furthest).toBeGreaterThan(1);
    else expect(furthest).toBeLessThan(1);
  }
});

test.each(RULES)('%s in single precision is that of double but for rounding', (_, rule) => {
  const some = cloud(11, 9);
  const single = some.map((row) => Float32Array.from(row));
  const exact = rule(single.map((row) => Float64Array.from(row)));
  const rounded = rule(single);
  expect(rounded).toBeInstanceOf(Float32Array);
  for (const [i, value] of rounded.entries()) expect(value).toBeCloseTo(exact[i]!, 5);
});
