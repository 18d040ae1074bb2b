import { check } from '../errors/index.ts';
import type { Field } from './field.ts';

/**
 * Integers modulo a prime, of any size. Elements are in [0, p); `reduce` brings other integers there.
 * Plain big integers, with branches on their values: for public numbers and checks, not for secrets.
 */
export function primeField(p: bigint): Field<bigint> & { reduce(x: bigint): bigint } {
  check(p >= 2n, 'argument.invalid', 'A prime field needs a prime.', {
    expected: 'a prime',
    received: String(p),
  });
  const reduce = (x: bigint): bigint => ((x % p) + p) % p;
  const multiply = (a: bigint, b: bigint): bigint => (a * b) % p;
  return {
    zero: 0n,
    one: 1n,
    reduce,
    add: (a, b) => (a + b) % p,
    subtract: (a, b) => reduce(a - b),
    multiply,
    inverse(a) {
      check(a !== 0n, 'argument.invalid', 'Zero has no inverse.');
      // Fermat: a^(p−2).
      let result = 1n % p;
      for (let base = a, exponent = p - 2n; exponent > 0n; exponent >>= 1n, base = multiply(base, base)) {
        if (exponent & 1n) result = multiply(result, base);
      }
      return result;
    },
    isZero: (a) => a === 0n,
  };
}
