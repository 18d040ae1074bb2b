import { setFlagsFromString } from 'node:v8';
import { chacha12 } from '@noble/ciphers/chacha.js';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../random/index.ts';
import { gaussianNumbers } from '../ops/gaussian.ts';
import { AWKWARD_SIZES, type TestHeap, testHeap, uniformNumbers, worstError } from './testing.ts';

// Node 20 knows relaxed SIMD only by this flag.
setFlagsFromString('--experimental-wasm-relaxed-simd');

const key = keyOf('gaussian');

describe.each(['simd', 'relaxedSimd'] as const)('gaussian, %s', (set) => {
  it.each([
    [0, 0],
    [5, 7],
    [2 ** 31, 2 ** 31 + 3],
    [2 ** 32 - 8, 2 ** 32 - 1],
  ])('draws on ChaCha12, from block %i with nonce %i', (counter, nonce) => {
    const heap = testHeap(set);
    const out = heap.reserve(64);
    heap.kernels.fourBlocks(heap.place(wordsOf(key), 'uint32'), counter, nonce, out);
    const received = wordsOf(new Uint8Array(heap.read(out, 64).buffer));
    const nonceBytes = new Uint8Array(12);
    new DataView(nonceBytes.buffer).setUint32(0, nonce, true);
    const expected = wordsOf(chacha12(key, nonceBytes, new Uint8Array(256), undefined, counter));
    // Word by word instead of block by block.
    expect(received).toEqual(received.map((_, i) => expected[(i % 4) * 16 + (i >> 2)]!));
    expect(heap.firstBrokenGuard()).toBe(-1);
  });

  it('agrees with Box and Muller in double precision to 1e-6 of each radius, also in the far tail', () => {
    // 2^21 radii: 64 of them small enough to take 32 bits more.
    const n = 2 ** 22;
    const received = numbersOf(testHeap(set, 20), n);
    const expected = gaussianNumbers({ key, nonce: 3 }, n, 1);
    let worst = 0;
    for (let start = 0; start < n; start += 8) {
      for (let i = start; i < start + 4; i++) {
        const radius = Math.hypot(expected[i]!, expected[i + 4]!);
        const difference = Math.hypot(received[i]! - expected[i]!, received[i + 4]! - expected[i + 4]!);
        worst = Math.max(worst, difference / radius);
      }
    }
    expect(worst).toBeLessThanOrEqual(1e-6);
  });

  it('adds to any number of places, and to nothing beyond', () => {
    for (const n of [...AWKWARD_SIZES, 0, 8, 15, 63, 64, 65, 127, 200]) {
      const heap = testHeap(set);
      const before = uniformNumbers('target', n);
      const noise = gaussianNumbers({ key, nonce: 3 }, n, 0.25);
      const received = numbersOf(heap, n, before, 0.25);
      const expected = Array.from(before, (x, i) => x + noise[i]!);
      expect(worstError(received, expected)).toBeLessThanOrEqual(1e-6);
      expect(heap.firstBrokenGuard()).toBe(-1);
    }
  });
});

/** @returns what was there plus noise of nonce 3. */
function numbersOf(
  heap: TestHeap,
  n: number,
  before: Float32Array = new Float32Array(n),
  deviation = 1,
): Float32Array {
  const bytes = new Uint8Array(heap.kernels.gaussianStateBytes());
  bytes.set(key);
  const state = heap.place(wordsOf(bytes), 'uint32');
  const target = heap.place(before);
  heap.kernels.addGaussian(target, n, deviation, state, 3);
  return heap.read(target, n);
}

function keyOf(seed: string): Uint8Array<ArrayBuffer> {
  const random = seededRandom(seed);
  return Uint8Array.from({ length: 32 }, () => random.below(256));
}

function wordsOf(bytes: Uint8Array): Uint32Array {
  return new Uint32Array(bytes.slice().buffer);
}
