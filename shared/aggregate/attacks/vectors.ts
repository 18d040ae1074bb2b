import { check, checkFinite, checkInteger } from '../../errors/index.ts';
import type { SeededRandom } from '../../random/index.ts';
import { mean, type Row } from '../robust/index.ts';

/**
 * What a liar sends who knows everything that honest participants send. For studies and tests of robust rules: nothing in
 * a session calls these.
 *
 * Each takes the honest rows of a round and gives one row, of the same length and precision; several liars send it alike.
 */

/** −scale · mean (Allen-Zhu, Ebrahimianghazani, Li, Alistarh 2021, "Byzantine-Resilient Non-Convex SGD", section 5). */
export function signFlip(honest: readonly Row[], { scale = 1 }: { readonly scale?: number } = {}): Row {
  checkFinite('scale', scale);
  return mean(honest).map((value) => -scale * value) as Row;
}

/**
 * −factor · mean, so that the inner product of aggregate and truth becomes negative (Xie, Koyejo, Gupta 2020, "Fall of
 * Empires", section 4). The paper has the factor small, so that the lie lies among the honest.
 */
export function innerProductManipulation(
  honest: readonly Row[],
  { factor = 2 }: { readonly factor?: number } = {},
): Row {
  return signFlip(honest, { scale: factor });
}

/**
 * mean + factor · standard deviation, coordinate by coordinate (Baruch, Baruch, Goldberg 2019, "A Little Is Enough", algorithm
 * 3). The deviation is the sample's, over n − 1; ByzFL adds where the paper subtracts.
 * @throws `argument.invalid` for fewer than two honest rows.
 */
export function littleIsEnough(
  honest: readonly Row[],
  { factor = 1.5 }: { readonly factor?: number } = {},
): Row {
  checkFinite('factor', factor);
  check(honest.length >= 2, 'argument.invalid', 'One row has no deviation.', {
    expected: 'at least two rows',
  });
  const centre = mean(honest);
  return centre.map((value, i) => {
    const squares = honest.reduce((sum, row) => sum + (row[i]! - value) ** 2, 0);
    return value + factor * Math.sqrt(squares / (honest.length - 1));
  }) as Row;
}

/**
 * The factor of Baruch et al. 2019, equation 3: as far as the liars' friends among the honest are on one side of them.
 * @param n all participants, @param liars of them.
 */
export function littleFactor(n: number, liars: number): number {
  checkInteger('n', n, 2, 1e6);
  checkInteger('liars', liars, 1, n - 1);
  const supporters = Math.floor(n / 2 + 1) - liars;
  return normalQuantile(Math.min(1 - 1e-6, Math.max(0.5, (n - liars - supporters) / (n - liars))));
}

/** What one of the honest sends, so that it counts more often (Karimireddy, He, Jaggi 2022, "Byzantine-Robust Learning ... via Bucketing", section 3.2). */
export function mimic(honest: readonly Row[], { whom = 0 }: { readonly whom?: number } = {}): Row {
  checkInteger('whom', whom, 0, honest.length - 1);
  return honest[whom]!.slice();
}

/** Independent normal coordinates. @param standardDeviation of each. */
export function gaussian(
  honest: readonly Row[],
  {
    mean: centre = 0,
    standardDeviation = 1,
    random,
  }: { readonly mean?: number; readonly standardDeviation?: number; readonly random: SeededRandom },
): Row {
  checkFinite('standardDeviation', standardDeviation, 0);
  checkFinite('mean', centre);
  check(honest.length > 0, 'argument.invalid', 'Nobody is honest, so that there is no length.');
  return honest[0]!.map(() => centre + standardDeviation * normal(random)) as Row;
}

/** Infinity in every coordinate, which has to be refused. */
export function infinite(honest: readonly Row[]): Row {
  check(honest.length > 0, 'argument.invalid', 'Nobody is honest, so that there is no length.');
  return honest[0]!.map(() => Number.POSITIVE_INFINITY) as Row;
}

/** Box and Muller 1958, one of the two. */
function normal(random: SeededRandom): number {
  return Math.sqrt(-2 * Math.log(1 - random.uniform())) * Math.cos(2 * Math.PI * random.uniform());
}

/** Of the standard normal, by bisection of its distribution function (Abramowitz and Stegun 26.2.17, error below 1e-7). */
function normalQuantile(p: number): number {
  let [low, high] = [0, 6];
  for (let step = 0; step < 60; step++) {
    const middle = (low + high) / 2;
    if (normalBelow(middle) < p) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** For x ≥ 0. */
function normalBelow(x: number): number {
  const t = 1 / (1 + 0.2316419 * x);
  const series = [0.31938153, -0.356563782, 1.781477937, -1.821255978, 1.330274429];
  const sum = series.reduceRight((rest, coefficient) => t * (coefficient + rest), 0);
  return 1 - (Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI)) * sum;
}
