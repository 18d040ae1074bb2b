import { check } from '../../errors/index.ts';
import type { WasmBackend } from './wasm-backend.ts';

/**
 * What a kernel may take besides its inputs and its result. Nearly all of it is the filter once more, laid out for the
 * kernel, and the largest model that may be trained has 200 MB of parameters.
 */
const MAX_SCRATCH_BYTES = 256 * 2 ** 20;
const ALIGNMENT = 64;

/**
 * Calls `compute` with pointers to parts of the heap, one for each size, and frees them afterwards. Their contents
 * are arbitrary.
 * @throws `training.failed` when that is more than 256 MB, or more than the heap can grow by.
 */
export function withScratch<Name extends string>(
  backend: WasmBackend,
  bytes: Readonly<Record<Name, number>>,
  compute: (pointers: Record<Name, number>) => void,
): void {
  const parts = Object.entries(bytes) as [Name, number][];
  const total = parts.reduce((sum, [, size]) => sum + aligned(size), ALIGNMENT);
  check(total <= MAX_SCRATCH_BYTES, 'training.failed', 'A layer needs too much working memory.', {
    expected: `at most ${MAX_SCRATCH_BYTES} bytes`,
    received: `${total} bytes`,
    remedy: 'Use smaller images or fewer channels.',
  });
  // Above 2 GB the pointer comes as a negative number.
  const allocated = backend.wasm._malloc(total) >>> 0;
  check(allocated !== 0, 'training.failed', 'The memory for training is full.', {
    expected: `${total} bytes of working memory`,
    remedy: 'Use smaller batches.',
  });
  try {
    let next = aligned(allocated);
    const pointers = {} as Record<Name, number>;
    for (const [name, size] of parts) {
      pointers[name] = next;
      next += aligned(size);
    }
    compute(pointers);
  } finally {
    backend.wasm._free(allocated);
  }
}

function aligned(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}
