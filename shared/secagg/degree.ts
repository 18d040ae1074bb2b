import { checkFinite, checkInteger } from '../errors/index.ts';

/** Against what a k-regular graph shall hold. */
export interface DegreeGoals {
  /** Fraction of the cohort that colludes with the server. */
  readonly corrupt: number;
  /** Fraction of the cohort that leaves. */
  readonly dropping: number;
  /** σ: a secret is exposed with probability at most 2^-σ. */
  readonly securityBits: number;
  /** η: the sum of a round cannot be unmasked with probability at most 2^-η. */
  readonly correctnessBits: number;
}

export interface Degree {
  /** Neighbours of each member: even, or n − 1, which is the complete graph. */
  readonly degree: number;
  readonly threshold: number;
}

/**
 * The smallest even degree, and for it the highest threshold, of a Harary graph over n randomly permuted members that is
 * (σ, η)-good in the semi-honest sense of Bell et al. 2020 (CCS, section 3), by exact hypergeometric tails and
 * union bounds. With c = ⌊corrupt · n⌋ corrupt and d = ⌊dropping · n⌋ gone, both drawn without regard to the permutation:
 *
 * - exposed: an honest member has t or more corrupt neighbours, P ≤ n · Pr[Hypergeometric(n−1, c, k) ≥ t];
 *   split: honest survivors do not hang together. That takes two gaps in the circle, each of k/2 successive members who are
 *   corrupt or gone, P ≤ n(n−k−1)/2 · Π_{i<k} (c+d−i)/(n−i). The two together at most 2^-σ.
 * - stuck: a member keeps fewer than t neighbours, P ≤ n · Pr[Hypergeometric(n−1, d, k) ≥ k−t+1] ≤ 2^-η.
 *
 * Where no even k below n − 1 does: the complete graph with ⌈2n/3⌉. Products and quotients only, no transcendental function,
 * so that every device finds the same.
 * @throws `argument.invalid`.
 */
export function degreeFor(n: number, goals: DegreeGoals): Degree {
  checkInteger('n', n, 2, 2 ** 20);
  checkFinite('corrupt', goals.corrupt, 0, 1);
  checkFinite('dropping', goals.dropping, 0, 1);
  checkFinite('securityBits', goals.securityBits, 0, 1000);
  checkFinite('correctnessBits', goals.correctnessBits, 0, 1000);
  for (let degree = 2; degree < n - 1; degree += 2) {
    const threshold = thresholdFor(n, degree, goals);
    if (threshold !== undefined) return { degree, threshold };
  }
  return { degree: n - 1, threshold: Math.ceil((2 * n) / 3) };
}

function thresholdFor(n: number, degree: number, goals: DegreeGoals): number | undefined {
  const corrupt = Math.floor(goals.corrupt * n);
  const gone = Math.floor(goals.dropping * n);
  const split = splitBound(n, degree, corrupt + gone);
  const security = 2 ** -goals.securityBits;
  if (split > security) return undefined;
  const stuck = hypergeometricTails(n - 1, gone, degree);
  let threshold = degree;
  while (threshold > 0 && n * stuck[degree - threshold + 1]! > 2 ** -goals.correctnessBits) threshold--;
  const exposed = hypergeometricTails(n - 1, corrupt, degree);
  return threshold >= 2 && split + n * exposed[threshold]! <= security ? threshold : undefined;
}

function splitBound(n: number, degree: number, removed: number): number {
  let bound = (n * (n - degree - 1)) / 2;
  for (let i = 0; i < degree; i++) bound *= Math.max(0, removed - i) / (n - i);
  return bound;
}

/**
 * Pr[X ≥ x] for x from 0 to draws + 1, where X counts marked among `draws` of `population` without replacement.
 * From the mode outwards by ratios of neighbours, then divided by the sum: what underflows is below 2^-1000 of it.
 */
export function hypergeometricTails(population: number, marked: number, draws: number): Float64Array {
  const lowest = Math.max(0, draws + marked - population);
  const highest = Math.min(draws, marked);
  const mode = Math.min(
    highest,
    Math.max(lowest, Math.floor(((draws + 1) * (marked + 1)) / (population + 2))),
  );
  const tails = new Float64Array(draws + 2);
  /** Pr[X = x + 1] / Pr[X = x]. */
  const ratio = (x: number): number =>
    ((marked - x) * (draws - x)) / ((x + 1) * (population - marked - draws + x + 1));
  tails[mode] = 1;
  for (let x = mode; x < highest; x++) tails[x + 1] = tails[x]! * ratio(x);
  for (let x = mode; x > lowest; x--) tails[x - 1] = tails[x]! / ratio(x - 1);
  for (let x = draws; x >= 0; x--) tails[x]! += tails[x + 1]!;
  const total = tails[0]!;
  return tails.map((tail) => tail / total);
}
