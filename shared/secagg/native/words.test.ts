import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { toeplitzPlainly } from '../check-words.ts';
import { addTermsPlainly, type RingVector } from '../ring.ts';
import { wordKernels } from './module.ts';
import { addTerms, type Term, toeplitz } from './words.ts';

/** Reproducible, and with every bit in use. */
const bytesOf = (length: number, from: number): Uint8Array<ArrayBuffer> =>
  Uint8Array.from({ length }, (_, i) => Math.imul(from + i + 1, 0x9e3779b1) >>> 13);

/** `length` words that begin `skip` words into their buffer. */
function vectorOf(bits: 16 | 32, length: number, from: number, skip: number): RingVector {
  const { buffer } = bytesOf(((skip + length) * bits) / 8, from);
  return (bits === 16 ? new Uint16Array(buffer) : new Uint32Array(buffer)).subarray(skip) as RingVector;
}

// Tails of a 16-byte vector, and one block, one word less and more, and three.
const LENGTHS = [0, 1, 7, 8, 9, 31, 4096, 8191, 8192, 8193, 16_383, 16_384, 16_385, 40_001];

describe.each([
  { bits: 16, mask: 0xff },
  { bits: 16, mask: 0xfff },
  { bits: 16, mask: -1 },
  { bits: 32, mask: 0xffffff },
  { bits: 32, mask: -1 },
] as const)('$bits bits, mask $mask', ({ bits, mask }) => {
  test.each(LENGTHS)('sums of %d words are those of the plain loop', (length) => {
    const kernels = wordKernels()!;
    const size = (length * bits) / 8;
    // Terms at every offset from an aligned address; the target within a larger vector, whose other words stay.
    const terms = [0, 1, 2, 3, 5].map(
      (offset, i): Term => ({
        bytes: bytesOf(size + offset, 1000 * i).subarray(offset),
        sign: i % 2 === 0 ? 1 : -1,
      }),
    );
    const [fast, plain] = [0, 1].map(() => vectorOf(bits, length + 9, 7, 1));
    addTerms(kernels, fast!.subarray(3, 3 + length) as RingVector, terms, mask);
    addTermsPlainly(plain!.subarray(3, 3 + length) as RingVector, terms, mask);
    expect(fast).toEqual(plain);
    if (length > 0) expect(fast).not.toEqual(vectorOf(bits, length + 9, 7, 1));
  });
});

describe.each([16, 32] as const)('%d bits', (bits) => {
  test.each(LENGTHS)('Toeplitz products of %d values are those of the plain loop', (length) => {
    for (const skip of [0, 1, 3]) {
      const row = vectorOf(bits, length + 31, 0, skip);
      const values = vectorOf(bits, length, 77, 3 - skip);
      expect(toeplitz(wordKernels()!, row, values)).toEqual(toeplitzPlainly(row, values));
    }
  });
});

test('nothing of one product is left in the next', () => {
  const row = vectorOf(16, 131, 0, 0);
  const values = vectorOf(16, 100, 5, 0);
  const first = toeplitz(wordKernels()!, row, values);
  expect(toeplitz(wordKernels()!, row, values)).toEqual(first);
  expect([...toeplitz(wordKernels()!, row, new Uint16Array(100))]).toEqual(new Array(32).fill(0));
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
  ])('that %s computes in JavaScript', async (_, host) => {
    vi.stubGlobal('WebAssembly', host);
    const { wordKernels: missing } = await import('./module.ts');
    const { addVector } = await import('../ring.ts');
    const { toeplitzWords } = await import('../check-words.ts');
    expect(missing()).toBeUndefined();
    const target = Uint16Array.of(65_535, 1, 2);
    addVector(target, Uint16Array.of(2, 3, 4), { bits: 16 });
    expect([...target]).toEqual([1, 4, 6]);
    // Row 1, 2, 3, … and values 1, 10, 100: (1 + 20 + 300, 2 + 30 + 400, …).
    const row = Uint32Array.from({ length: 34 }, (_, i) => i + 1);
    const words = toeplitzWords(row, Uint32Array.of(1, 10, 100), { bits: 24 });
    expect([...words].slice(0, 3)).toEqual([321, 432, 543]);
  });
});
