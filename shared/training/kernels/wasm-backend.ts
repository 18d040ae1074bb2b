import { getKernel, type KernelConfig, type NamedAttrMap, type TensorInfo } from '@tensorflow/tfjs-core';
import { MurmurationError } from '../../errors/index.ts';

/** A heap that grows: its buffer is another one afterwards. */
export interface Heap {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}

/** What these kernels need of tfjs's WASM backend; its own class would pull the whole package in. */
export interface WasmBackend {
  readonly wasm: {
    /** Exports of tfjs's own module. */
    readonly asm: { readonly memory: Heap };
    readonly HEAPU8: Uint8Array<ArrayBuffer>;
    _malloc(bytes: number): number;
    _free(pointer: number): void;
  };
  readonly dataIdMap: { get(dataId: object): { readonly memoryOffset: number } };
  /** Allocates an uninitialized tensor on the WASM heap. */
  makeOutput(shape: readonly number[], dtype: 'float32'): TensorInfo;
  /** A view of a tensor on the heap. Any later allocation may grow the heap and detach it. */
  typedArrayFromHeap(tensor: TensorInfo): Float32Array;
  disposeData(dataId: object): boolean;
}

export type KernelRunner = (
  inputs: Record<string, TensorInfo>,
  backend: WasmBackend,
  attrs?: Record<string, unknown>,
) => TensorInfo;

/** A kernel that the WASM package brings. @throws `training.backend-unavailable` when it was not loaded. */
export function stockKernel(name: string): KernelConfig {
  const kernel = getKernel(name, 'wasm');
  if (kernel === undefined) {
    throw new MurmurationError('training.backend-unavailable', `The WASM backend lacks the kernel ${name}.`, {
      remedy: 'Register the kernels of the WASM package first.',
    });
  }
  return kernel;
}

export function runnerOf({ kernelFunc }: KernelConfig): KernelRunner {
  return (inputs, backend, attrs = {}) =>
    kernelFunc({ inputs, backend, attrs: attrs as unknown as NamedAttrMap }) as TensorInfo;
}

/** Byte offset of a tensor on the heap. It stays valid until the tensor is disposed of, also when the heap grows. */
export function pointerOf(tensor: TensorInfo, backend: WasmBackend): number {
  return backend.dataIdMap.get(tensor.dataId).memoryOffset;
}
