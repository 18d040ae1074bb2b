import { describe, expect, test } from 'vitest';
import { evaluatePolynomial, interpolate, lagrangeWeights } from './lagrange.ts';
import { primeField } from './prime-field.ts';

const seven = primeField(7n);

test('the field of seven', () => {
  expect(seven.add(5n, 4n)).toBe(2n);
  expect(seven.subtract(2n, 5n)).toBe(4n);
  expect(seven.multiply(3n, 5n)).toBe(1n);
  expect(seven.inverse(3n)).toBe(5n);
  expect(seven.reduce(-15n)).toBe(6n);
  for (let a = 1n; a < 7n; a++) expect(seven.multiply(a, seven.inverse(a))).toBe(1n);
});

test('the field of two inverts its one', () => {
  expect(primeField(2n).inverse(1n)).toBe(1n);
});

test('a prime of 127 bits', () => {
  const p = 2n ** 127n - 1n;
  const field = primeField(p);
  expect(field.multiply(12345678901234567890n, field.inverse(12345678901234567890n))).toBe(1n);
});

test('zero has no inverse, and one is no modulus', () => {
  expect(() => seven.inverse(0n)).toThrow(expect.objectContaining({ code: 'argument.invalid' }));
  expect(() => primeField(1n)).toThrow(expect.objectContaining({ code: 'argument.invalid' }));
});

describe('polynomials', () => {
  test('2 + 3x + x² at 5 is 42, and 0 modulo 7', () => {
    expect(evaluatePolynomial(primeField(101n), [2n, 3n, 1n], 5n)).toBe(42n);
    expect(evaluatePolynomial(seven, [2n, 3n, 1n], 5n)).toBe(0n);
    expect(evaluatePolynomial(seven, [], 5n)).toBe(0n);
  });

  test('three points determine a parabola everywhere', () => {
    const field = primeField(101n);
    const f = (x: bigint) => evaluatePolynomial(field, [2n, 3n, 1n], x);
    for (let at = 0n; at < 101n; at++)
      expect(interpolate(field, [1n, 4n, 9n], [1n, 4n, 9n].map(f), at)).toBe(f(at));
  });

  // FedML-AI/FedML, core/mpc/lightsecagg.py, gen_Lagrange_coeffs with p = 32,749: rows 1 and 5.
  test.each([
    [1n, [21n, 32_714n, 15n]],
    [5n, [3n, 32_746n, 1n]],
  ])('weights at %s', (at, weights) => {
    expect(lagrangeWeights(primeField(32_749n), [6n, 7n, 8n], at)).toEqual(weights);
  });

  test('at one of its own points a weight is one and the others are zero', () => {
    expect(lagrangeWeights(seven, [1n, 2n, 3n], 2n)).toEqual([0n, 1n, 0n]);
  });

  test('the same point twice, or a value missing, is refused', () => {
    const refusal = expect.objectContaining({ code: 'argument.invalid' });
    expect(() => lagrangeWeights(seven, [1n, 2n, 1n], 0n)).toThrow(refusal);
    expect(() => interpolate(seven, [1n, 2n], [1n], 0n)).toThrow(refusal);
  });
});
