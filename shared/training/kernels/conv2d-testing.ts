import {
  backend,
  engine,
  env,
  findBackendFactory,
  type NamedAttrMap,
  registerBackend,
  removeBackend,
  type Tensor,
  tensor,
  tidy,
} from '@tensorflow/tfjs-core';
import { seededRandom } from '../../random/index.ts';
import { type InstructionSet, nativeKernels } from '../native/module.ts';
import { useBackend } from '../testing.ts';
import type { ConvAttributes, Shape4D } from './conv2d-geometry.ts';
import type { WasmBackend } from './wasm-backend.ts';

/** The part that we replace, of what TypeScript knows only with the types of a host. */
const { WebAssembly } = globalThis as unknown as { WebAssembly: { validate: () => boolean } };

/** A fresh WASM backend whose kernels are those of one instruction set, and that notices writes out of bounds. */
export async function useInstructionSet(set: InstructionSet): Promise<Guards> {
  await useBackend('wasm');
  await env().getAsync('WASM_HAS_SIMD_SUPPORT');
  const factory = findBackendFactory('wasm');
  removeBackend('wasm');
  registerBackend('wasm', factory);
  await useBackend('wasm');
  const fresh = backend() as unknown as WasmBackend;
  const { validate } = WebAssembly;
  try {
    WebAssembly.validate = () => set === 'relaxedSimd';
    nativeKernels(fresh);
  } finally {
    WebAssembly.validate = validate;
  }
  return guardAllocations(fresh);
}

export interface Guards {
  /** Allocations, living and freed, that something has written before or after. */
  broken(): number;
}

const GUARD_BYTES = 64;
const GUARD = 0xa5;

/** Lays bytes that must not change around every allocation from now on: results and scratch memory. */
function guardAllocations({ wasm }: WasmBackend): Guards {
  // Emscripten's stubs replace themselves at their first call, and would replace ours.
  wasm._free(wasm._malloc(1));
  const { _malloc: allocate, _free: free } = wasm;
  const sizes = new Map<number, number>();
  let broken = 0;
  const isBroken = (pointer: number, bytes: number): boolean => {
    const before = wasm.HEAPU8.subarray(pointer - GUARD_BYTES, pointer);
    const after = wasm.HEAPU8.subarray(pointer + bytes, pointer + bytes + GUARD_BYTES);
    return [...before, ...after].some((byte) => byte !== GUARD);
  };
  wasm._malloc = (bytes) => {
    const pointer = allocate(bytes + 2 * GUARD_BYTES) + GUARD_BYTES;
    wasm.HEAPU8.fill(GUARD, pointer - GUARD_BYTES, pointer);
    wasm.HEAPU8.fill(GUARD, pointer + bytes, pointer + bytes + GUARD_BYTES);
    sizes.set(pointer, bytes);
    return pointer;
  };
  wasm._free = (pointer) => {
    const bytes = sizes.get(pointer);
    if (bytes === undefined) return free(pointer);
    if (isBroken(pointer, bytes)) broken++;
    sizes.delete(pointer);
    free(pointer - GUARD_BYTES);
  };
  return {
    broken: () => broken + [...sizes].filter(([pointer, bytes]) => isBroken(pointer, bytes)).length,
  };
}

/** Runs a kernel of the present backend on its own. */
export function runKernel(
  name: string,
  inputs: Record<string, Tensor>,
  attributes: Record<string, unknown>,
): Tensor {
  return tidy(() => engine().runKernel(name, inputs, attributes as unknown as NamedAttrMap) as Tensor);
}

/** Largest difference, relative to the largest number expected. */
export function relativeDifference(expected: ArrayLike<number>, received: ArrayLike<number>): number {
  if (expected.length !== received.length) return Infinity;
  let scale = 1e-30;
  let worst = 0;
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs(expected[i]! - received[i]!);
    if (Number.isNaN(difference)) return Infinity;
    scale = Math.max(scale, Math.abs(expected[i]!));
    worst = Math.max(worst, difference);
  }
  return worst / scale;
}

/** Reproducible noise over [-1, 1), on the present backend. */
export function noiseOf(seed: string, shape: readonly number[]): Tensor {
  const random = seededRandom(seed);
  const length = shape.reduce((product, size) => product * size, 1);
  return tensor(
    Float32Array.from({ length }, () => 2 * random.uniform() - 1),
    [...shape],
  );
}

/** Sums [examples, …] over examples. */
export function sumOverExamples(values: Float64Array, examples: number): Float64Array {
  const size = values.length / examples;
  return Float64Array.from({ length: size }, (_, i) => {
    let sum = 0;
    for (let example = 0; example < examples; example++) sum += values[example * size + i]!;
    return sum;
  });
}

/** A small convolution, windows never larger than the image. */
export function randomConvolution(seed: string): ConvAttributes & { x: Shape4D; filter: Shape4D } {
  const random = seededRandom(seed);
  const from = (low: number, high: number) => low + Math.floor(random.uniform() * (high - low + 1));
  const [filterHeight, filterWidth] = [from(1, 5), from(1, 5)];
  const channels = from(1, 9);
  return {
    x: [from(1, 4), from(filterHeight, 12), from(filterWidth, 12), channels],
    filter: [filterHeight, filterWidth, channels, from(1, 19)],
    strides: [from(1, 3), from(1, 3)],
    pad: random.uniform() < 0.5 ? 'same' : 'valid',
  };
}
