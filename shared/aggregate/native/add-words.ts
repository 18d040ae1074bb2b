import { type NativeKernels, nativeKernels } from './module.ts';

/** Integers that are worked on at once: they and what is added to them stay in the first two caches. */
const BLOCK = 1 << 14;

/** target += source, modulo 2^32, in place: of as many integers as both have. */
export function addWords(target: Int32Array, source: Int32Array): void {
  const kernels = nativeKernels();
  if (kernels === undefined) addWordsPlainly(target, source);
  else addInBlocks(kernels, target, source);
}

export function addWordsPlainly(target: Int32Array, source: Int32Array): void {
  for (let i = 0; i < target.length; i++) target[i]! += source[i]!;
}

function addInBlocks(kernels: NativeKernels, target: Int32Array, source: Int32Array): void {
  const heap = new Int32Array(kernels.heapOf(8 * BLOCK), 0, 2 * BLOCK);
  for (let from = 0; from < target.length; from += BLOCK) {
    const block = target.subarray(from, from + BLOCK);
    heap.set(block);
    heap.set(source.subarray(from, from + block.length), BLOCK);
    kernels.addWords(0, 4 * BLOCK, 4 * block.length);
    block.set(heap.subarray(0, block.length));
  }
}
