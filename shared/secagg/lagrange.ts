import { check } from '../errors/index.ts';
import type { Field } from './field.ts';

/** Horner's rule: Σ coefficients[i] · x^i. */
export function evaluatePolynomial<T>(field: Field<T>, coefficients: readonly T[], x: T): T {
  return coefficients.reduceRight((sum, c) => field.add(field.multiply(sum, x), c), field.zero);
}

/**
 * The weights w with f(at) = Σ w_j · f(xs_j) for every polynomial f of degree below xs.length:
 * w_j = Π_{m≠j} (at − x_m) / (x_j − x_m).
 * @throws `argument.invalid` when two of the xs are equal.
 */
export function lagrangeWeights<T>(field: Field<T>, xs: readonly T[], at: T): T[] {
  return xs.map((x, j) => {
    let numerator = field.one;
    let denominator = field.one;
    xs.forEach((other, m) => {
      if (m === j) return;
      numerator = field.multiply(numerator, field.subtract(at, other));
      denominator = field.multiply(denominator, field.subtract(x, other));
    });
    check(!field.isZero(denominator), 'argument.invalid', 'Two points of an interpolation are the same.', {
      expected: 'distinct points',
    });
    return field.multiply(numerator, field.inverse(denominator));
  });
}

/** The value at `at` of the polynomial of degree below xs.length through (xs_j, ys_j). */
export function interpolate<T>(field: Field<T>, xs: readonly T[], ys: readonly T[], at: T): T {
  check(xs.length === ys.length, 'argument.invalid', 'Every point of an interpolation has one value.', {
    expected: `${xs.length} values`,
    received: String(ys.length),
  });
  const weights = lagrangeWeights(field, xs, at);
  return weights.reduce((sum, w, j) => field.add(sum, field.multiply(w, ys[j]!)), field.zero);
}
