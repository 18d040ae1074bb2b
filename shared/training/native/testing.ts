import { seededRandom } from '../../random/index.ts';
import type { Heap } from '../kernels/wasm-backend.ts';
import type { NativeKernels } from './exports.ts';
import { type InstructionSet, instantiate } from './module.ts';

/** The part that we use, of what TypeScript knows only with the types of a host. */
const { WebAssembly } = globalThis as unknown as {
  readonly WebAssembly: { readonly Memory: { new (size: { initial: number }): Heap } };
};

const CANARY = -12345.675;
const GUARD_NUMBERS = 16;

/** Sizes that fill no tile, that fill one, and that leave a rest after some. */
export const AWKWARD_SIZES = [1, 2, 3, 5, 7, 16, 17, 31, 33];

export interface TestHeap {
  readonly kernels: NativeKernels;
  /** Places numbers on the heap, between guards. Returns where. */
  place(numbers: ArrayLike<number>, type?: 'float32' | 'int32' | 'uint32'): number;
  /** Places n numbers that are to be written, NaN until then. */
  reserve(n: number): number;
  read(pointer: number, n: number): Float32Array;
  /** Index of the first number between what was placed that has been written; -1 when there is none. */
  firstBrokenGuard(): number;
}

/** Kernels on a heap of their own, for a test. */
export function testHeap(set: InstructionSet, megabytes = 8): TestHeap {
  const memory = new WebAssembly.Memory({ initial: megabytes * 16 });
  const floats = new Float32Array(memory.buffer).fill(CANARY);
  const guarded = new Uint8Array(floats.length).fill(1);
  const canary = floats[0]!;
  let next = GUARD_NUMBERS;
  const take = (n: number): number => {
    const at = next;
    next += n + GUARD_NUMBERS;
    if (next > floats.length) throw new Error('The heap of this test is too small.');
    guarded.fill(0, at, at + n);
    return at * 4;
  };
  return {
    kernels: instantiate(set, memory),
    place: (numbers, type = 'float32') => {
      const pointer = take(numbers.length);
      const View = { float32: Float32Array, int32: Int32Array, uint32: Uint32Array }[type];
      new View(memory.buffer, pointer, numbers.length).set(numbers);
      return pointer;
    },
    reserve: (n) => {
      const pointer = take(n);
      floats.fill(Number.NaN, pointer / 4, pointer / 4 + n);
      return pointer;
    },
    read: (pointer, n) => floats.slice(pointer / 4, pointer / 4 + n),
    firstBrokenGuard: () => floats.findIndex((value, i) => guarded[i] === 1 && value !== canary),
  };
}

/** Reproducible numbers over [-1, 1), already rounded to float32. */
export function uniformNumbers(seed: string, n: number): Float32Array {
  const random = seededRandom(seed);
  return Float32Array.from({ length: n }, () => 2 * random.uniform() - 1);
}

/** Largest difference, relative to the largest number expected. Infinite for NaN and for another length. */
export function worstError(received: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (received.length !== expected.length) return Number.POSITIVE_INFINITY;
  let worst = 0;
  let scale = Number.MIN_VALUE;
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs(received[i]! - expected[i]!);
    if (Number.isNaN(difference)) return Number.POSITIVE_INFINITY;
    worst = Math.max(worst, difference);
    scale = Math.max(scale, Math.abs(expected[i]!));
  }
  return worst / scale;
}
