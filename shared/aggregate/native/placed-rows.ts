import { checkInteger } from '../../errors/index.ts';
import { type NativeKernels, ownKernels } from './module.ts';
import { PLACED } from './sum-layout.ts';

/** Fewer numbers are in a cache, where copying costs little, and a heap costs more. */
const FEWEST_NUMBERS = 1 << 20;
/** Half of what a heap can have. */
const MOST_BYTES = 2 ** 31;

const homes = new WeakMap<ArrayBuffer, NativeKernels>();

/**
 * Rows of zeros to write updates into: many and long ones lie on a heap of WebAssembly, so that they are added up where they
 * lie. It lives as long as one of them. Where there is no such heap, ordinary arrays.
 */
export function placeRows(count: number, length: number): Float32Array<ArrayBuffer>[] {
  checkInteger('count', count, 1, 2 ** 20);
  checkInteger('length', length, 0, 2 ** 28);
  const stride = Math.ceil(length / 16) * 64 + 64;
  const bytes = PLACED.end + count * stride;
  const heap = count * length >= FEWEST_NUMBERS && bytes <= MOST_BYTES ? heapOf(bytes) : undefined;
  return Array.from({ length: count }, (_, r) =>
    heap === undefined ? new Float32Array(length) : new Float32Array(heap, PLACED.end + r * stride, length),
  );
}

/** The kernels on whose heap all of these rows lie. */
export function homeOf(rows: readonly Float32Array[]): NativeKernels | undefined {
  const buffer = rows[0]!.buffer as ArrayBuffer;
  return rows.every((row) => row.buffer === buffer) ? homes.get(buffer) : undefined;
}

function heapOf(bytes: number): ArrayBuffer | undefined {
  try {
    const kernels = ownKernels();
    const heap = kernels?.heapOf(bytes);
    if (kernels !== undefined && heap !== undefined) homes.set(heap, kernels);
    return heap;
  } catch {
    return undefined; // memory of that size is not to be had in one piece
  }
}
