import type { RingVector } from '../ring.ts';
import type { WordKernels } from './module.ts';

/**
 * Bytes of a vector that are worked on at once: copied to the heap, used for all that is to be done with them, copied back.
 * Two such blocks stay in the first two caches; from 16 to 64 KiB all are as fast (x86-64).
 */
const BLOCK_BYTES = 1 << 15;
const TARGET = 0;
const SOURCE = BLOCK_BYTES;
/** A row is up to 31 words longer than its block of values. */
const SUMS = SOURCE + BLOCK_BYTES + 128;
/** Words of a Toeplitz product. */
const PRODUCTS = 32;

/** As many bytes as the target has, at any offset. */
export interface Term {
  readonly bytes: Uint8Array;
  readonly sign: 1 | -1;
}

/** target += Σ sign · term, in place, modulo the power of two above `mask`. */
export function addTerms(
  kernels: WordKernels,
  target: RingVector,
  terms: readonly Term[],
  mask: number,
): void {
  const { heap, add16, subtract16, add32, subtract32 } = kernels;
  const [add, subtract] = target.BYTES_PER_ELEMENT === 2 ? [add16, subtract16] : [add32, subtract32];
  const whole = bytesOf(target);
  for (let from = 0; from < whole.length; from += BLOCK_BYTES) {
    const block = whole.subarray(from, from + BLOCK_BYTES);
    const { length } = block;
    heap.set(block, TARGET);
    for (const { bytes, sign } of terms) {
      heap.set(bytes.subarray(from, from + length), SOURCE);
      (sign === 1 ? add : subtract)(TARGET, SOURCE, length, mask);
    }
    block.set(heap.subarray(TARGET, TARGET + length));
  }
}

/** out_j = Σ_k row[j + k] · values[k], 0 ≤ j < 32, modulo 2^16 or 2^32 as words are. */
export function toeplitz(kernels: WordKernels, row: RingVector, values: RingVector): RingVector {
  const { heap, toeplitz16, toeplitz32 } = kernels;
  const word = values.BYTES_PER_ELEMENT;
  const [rows, factors] = [bytesOf(row), bytesOf(values)];
  const sums = heap.subarray(SUMS, SUMS + PRODUCTS * word).fill(0);
  for (let from = 0; from < factors.length; from += BLOCK_BYTES) {
    const block = factors.subarray(from, from + BLOCK_BYTES);
    heap.set(block, TARGET);
    heap.set(rows.subarray(from, from + block.length + (PRODUCTS - 1) * word), SOURCE);
    (word === 2 ? toeplitz16 : toeplitz32)(SOURCE, TARGET, block.length / word, SUMS);
  }
  const { buffer } = sums.slice();
  return word === 2 ? new Uint16Array(buffer) : new Uint32Array(buffer);
}

function bytesOf(vector: RingVector): Uint8Array<ArrayBuffer> {
  return new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength);
}
