import type { Heap, WasmBackend } from '../kernels/wasm-backend.ts';
import { relaxedSimd, simd } from './binary.generated.ts';
import type { NativeKernels } from './exports.ts';

export type InstructionSet = 'simd' | 'relaxedSimd';

/** A module whose only function is `(x, y, z) => f32x4.relaxed_madd(x, y, z)`: valid where relaxed SIMD is known. */
const RELAXED_SIMD_PROBE = Uint8Array.of(
  ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
  ...[0x01, 0x08, 0x01, 0x60, 0x03, 0x7b, 0x7b, 0x7b, 0x01, 0x7b],
  ...[0x03, 0x02, 0x01, 0x00],
  ...[0x0a, 0x0d, 0x01, 0x0b, 0x00, 0x20, 0x00, 0x20, 0x01, 0x20, 0x02, 0xfd, 0x85, 0x02, 0x0b],
);

interface Module {
  readonly [brand: symbol]: never;
}
/** The part that we use, of what every host has and TypeScript knows only with the types of one. */
const { WebAssembly } = globalThis as unknown as {
  readonly WebAssembly: {
    readonly Module: { new (binary: Uint8Array<ArrayBuffer>): Module };
    readonly Instance: {
      new (
        module: Module,
        imports: { readonly env: { readonly memory: Heap } },
      ): { readonly exports: unknown };
    };
    validate(binary: Uint8Array<ArrayBuffer>): boolean;
  };
};

const instances = new WeakMap<object, NativeKernels>();

/** The best that this engine knows; fixed for its lifetime. */
export function instructionSet(): InstructionSet {
  return WebAssembly.validate(RELAXED_SIMD_PROBE) ? 'relaxedSimd' : 'simd';
}

/**
 * Our kernels on the heap of tfjs's WASM backend, so that they work on its tensors where they lie. Pointers are byte
 * offsets into that heap (see {@link WasmBackend}); nothing is copied.
 */
export function nativeKernels({ wasm }: WasmBackend): NativeKernels {
  const { memory } = wasm.asm;
  const known = instances.get(memory);
  if (known !== undefined) return known;
  const kernels = instantiate(instructionSet(), memory);
  instances.set(memory, kernels);
  return kernels;
}

/** @param memory the heap that pointers point into. */
export function instantiate(set: InstructionSet, memory: Heap): NativeKernels {
  const binary = Uint8Array.from(atob({ simd, relaxedSimd }[set]), (character) => character.charCodeAt(0));
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(binary), { env: { memory } });
  return exports as NativeKernels;
}
