import { check } from '../errors/index.ts';
import { wordKernels } from './native/module.ts';
import { toeplitz } from './native/words.ts';
import { checkWords, type RingVector, reduce } from './ring.ts';
import type { Ring } from './types.ts';

/** Words of a slice's check: a wrong sum passes with probability 2^-32 (docs/decisions/0017). */
export const CHECK_WORDS = 32;

/**
 * The product of a Toeplitz matrix with a vector: out_j = Σ_k row[j + k] · values[k] modulo 2^bits, 0 ≤ j < 32. Linear in
 * `values`, so check words of a sum are the sum of check words.
 * @param row keystream words, values.length + 31 of them.
 * @throws `secagg.wrong-ring` for another length, or words of another ring.
 */
export function toeplitzWords(row: RingVector, values: RingVector, ring: Ring): RingVector {
  checkWords(row, ring);
  checkWords(values, ring);
  check(
    row.length === values.length + CHECK_WORDS - 1,
    'secagg.wrong-ring',
    'The row of a check has another length.',
    {
      expected: `${values.length + CHECK_WORDS - 1} words`,
      received: String(row.length),
    },
  );
  const kernels = wordKernels();
  const sums = kernels === undefined ? toeplitzPlainly(row, values) : toeplitz(kernels, row, values);
  reduce(sums, ring);
  return sums;
}

/** What `toeplitz` of native/words.ts does, in JavaScript: its reference, and its stand-in where there is no SIMD. */
export function toeplitzPlainly(row: RingVector, values: RingVector): RingVector {
  const sums = values instanceof Uint16Array ? new Uint16Array(CHECK_WORDS) : new Uint32Array(CHECK_WORDS);
  for (let j = 0; j < CHECK_WORDS; j++) {
    let sum = 0;
    for (let k = 0; k < values.length; k++) sum = (sum + Math.imul(row[j + k]!, values[k]!)) | 0;
    sums[j] = sum;
  }
  return sums;
}
