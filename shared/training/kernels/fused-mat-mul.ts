import type { KernelConfig, KernelFunc, TensorInfo } from '@tensorflow/tfjs-core';
import { MurmurationError } from '../../errors/index.ts';
import { nativeKernels } from '../native/module.ts';
import { multiplyMatrices, type Transposition } from './mat-mul.ts';
import { pointerOf, runnerOf, stockKernel, type WasmBackend } from './wasm-backend.ts';

interface Inputs {
  readonly a: TensorInfo;
  readonly b: TensorInfo;
  readonly bias?: TensorInfo;
  readonly preluActivationWeights?: TensorInfo;
}

interface Attributes extends Transposition {
  readonly activation: string;
  readonly leakyreluAlpha?: number;
}

/** Activations that clamp: done together with the bias, in the pass that adds it. */
const CLAMPS: Readonly<Record<string, readonly [number, number]>> = {
  linear: [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY],
  relu: [0, Number.POSITIVE_INFINITY],
  relu6: [0, 6],
};

/** The others, and the kernel that computes each. */
const KERNELS: Readonly<Record<string, string>> = {
  sigmoid: 'Sigmoid',
  tanh: 'Tanh',
  elu: 'Elu',
  leakyrelu: 'LeakyRelu',
  prelu: 'Prelu',
};

/** activation(op(A)·op(B) + bias). A bias of another shape than [n] is broadcast over the product. */
export function fastFusedMatMul(): KernelConfig {
  const kernelFunc = (({ inputs, backend, attrs }) =>
    multiplyAndActivate(
      inputs as unknown as Inputs,
      attrs as unknown as Attributes,
      backend as unknown as WasmBackend,
    )) as KernelFunc;
  return { kernelName: '_FusedMatMul', backendName: 'wasm', kernelFunc };
}

function multiplyAndActivate(
  { a, b, bias, preluActivationWeights }: Inputs,
  attributes: Attributes,
  wasm: WasmBackend,
): TensorInfo {
  const { activation, leakyreluAlpha } = attributes;
  const kernel = KERNELS[activation];
  const clamp = CLAMPS[activation] ?? CLAMPS.linear!;
  if (kernel === undefined && CLAMPS[activation] === undefined) {
    throw new MurmurationError('training.failed', 'This activation cannot be computed on WASM.', {
      expected: [...Object.keys(CLAMPS), ...Object.keys(KERNELS)].join(', '),
      received: activation,
    });
  }
  let result = multiplyMatrices(a, b, attributes, wasm);
  const width = result.shape.at(-1)!;
  const ownBias = bias !== undefined && bias.shape.length === 1 && bias.shape[0] === width;
  if (bias !== undefined && !ownBias) {
    result = replace(result, runnerOf(stockKernel('Add'))({ a: result, b: bias }, wasm), wasm);
  }
  if (ownBias || activation === 'relu' || activation === 'relu6') {
    const rows = result.shape.slice(0, -1).reduce((product, size) => product * size, 1);
    const biasPointer = ownBias ? pointerOf(bias, wasm) : 0;
    nativeKernels(wasm).addBias(pointerOf(result, wasm), rows, width, biasPointer, ...clamp);
  }
  if (kernel === undefined) return result;
  const activate = runnerOf(stockKernel(kernel));
  const activated =
    activation === 'prelu'
      ? activate({ x: result, alpha: preluActivationWeights! }, wasm)
      : activate({ x: result }, wasm, { alpha: leakyreluAlpha ?? 0 });
  return replace(result, activated, wasm);
}

function replace(old: TensorInfo, next: TensorInfo, wasm: WasmBackend): TensorInfo {
  wasm.disposeData(old.dataId);
  return next;
}
