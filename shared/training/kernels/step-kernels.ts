import type { KernelConfig, KernelFunc, TensorInfo } from '@tensorflow/tfjs-core';
import { MurmurationError } from '../../errors/index.ts';
import { nativeKernels } from '../native/module.ts';
import { pointerOf, type WasmBackend } from './wasm-backend.ts';

type Inputs = Readonly<Record<string, TensorInfo>>;
type Run<Attributes> = (
  inputs: Inputs,
  attributes: Attributes,
  wasm: WasmBackend,
) => TensorInfo | TensorInfo[];

/** Plain SGD in place; with a velocity, momentum. Names as in assembly/optimizer.ts. */
export interface SgdAttributes {
  readonly rate: number;
  readonly scale: number;
  readonly decay: number;
  readonly momentum: number;
  readonly nesterov: boolean;
}

export interface AdamAttributes {
  readonly rate: number;
  readonly scale: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly correction1: number;
  readonly correction2: number;
  readonly epsilon: number;
  readonly decay: number;
}

/** As NoiseStream in ../ops/gaussian.ts. */
export interface GaussianAttributes {
  readonly key: Uint8Array;
  readonly nonce: number;
  readonly standardDeviation: number;
}

/**
 * What a training step does outside the layers, under names of our own: the functions in ../ops and ../optimizer.ts
 * compose the same from stock kernels on other backends.
 */
export function stepKernels(): KernelConfig[] {
  return [
    kernel('RowSquaredNorms', ({ x }, _, wasm) => {
      const [rows, width] = x!.shape as [number, number];
      const norms = wasm.makeOutput([rows], 'float32');
      nativeKernels(wasm).rowSquaredNorms(at(x, wasm), rows, width, at(norms, wasm), false);
      return norms;
    }),
    kernel('ScaleRows', ({ x, weights }, _, wasm) => {
      const [rows, width] = x!.shape as [number, number];
      const scaled = wasm.makeOutput(x!.shape, 'float32');
      nativeKernels(wasm).scaleRows(at(x, wasm), rows, width, at(weights, wasm), at(scaled, wasm));
      return scaled;
    }),
    kernel('WeightedRowSum', ({ x, weights }, _, wasm) => {
      const [rows, width] = x!.shape as [number, number];
      const total = wasm.makeOutput([width], 'float32');
      nativeKernels(wasm).weightedSumOfRows(
        at(x, wasm),
        rows,
        width,
        at(weights, wasm),
        at(total, wasm),
        false,
      );
      return total;
    }),
    kernel('ColumnSums', ({ x }, _, wasm) => {
      const [rows, width] = x!.shape as [number, number];
      const sums = wasm.makeOutput([width], 'float32');
      nativeKernels(wasm).columnSums(at(x, wasm), rows, width, at(sums, wasm), false);
      return sums;
    }),
    kernel('ReluSlope', ({ slope, outputs }, _, wasm) => {
      const result = wasm.makeOutput(slope!.shape, 'float32');
      nativeKernels(wasm).reluGradient(at(slope, wasm), at(outputs, wasm), sizeOf(slope!), at(result, wasm));
      return result;
    }),
    kernel('SoftmaxCrossEntropy', ({ logits, classes }, _, wasm) => {
      const [rows, width] = logits!.shape as [number, number];
      const losses = wasm.makeOutput([rows], 'float32');
      const slope = wasm.makeOutput([rows, width], 'float32');
      nativeKernels(wasm).softmaxCrossEntropy(
        at(logits, wasm),
        at(classes, wasm),
        rows,
        width,
        at(losses, wasm),
        at(slope, wasm),
      );
      return [losses, slope];
    }),
    kernel<SgdAttributes>('SgdStep', ({ parameter, gradient, velocity }, attributes, wasm) => {
      const { rate, scale, decay, momentum, nesterov } = attributes;
      const [w, g, n] = [at(parameter, wasm), at(gradient, wasm), sizeOf(parameter!)];
      const kernels = nativeKernels(wasm);
      if (velocity === undefined) kernels.sgdStep(w, g, n, rate, scale, decay);
      else kernels.momentumStep(w, g, at(velocity, wasm), n, rate, scale, decay, momentum, nesterov);
      return [];
    }),
    kernel<AdamAttributes>('AdamStep', ({ parameter, gradient, mean, variance }, attributes, wasm) => {
      const { rate, scale, beta1, beta2, correction1, correction2, epsilon, decay } = attributes;
      nativeKernels(wasm).adamStep(
        at(parameter, wasm),
        at(gradient, wasm),
        at(mean, wasm),
        at(variance, wasm),
        sizeOf(parameter!),
        rate,
        scale,
        beta1,
        beta2,
        correction1,
        correction2,
        epsilon,
        decay,
      );
      return [];
    }),
    kernel<GaussianAttributes>('AddGaussian', ({ x }, { key, nonce, standardDeviation }, wasm) => {
      const kernels = nativeKernels(wasm);
      const bytes = kernels.gaussianStateBytes();
      const state = allocate(bytes, wasm);
      wasm.wasm.HEAPU8.set(key, state);
      kernels.addGaussian(at(x, wasm), sizeOf(x!), standardDeviation, state, nonce);
      // The key and what is left of its keystream would tell the noise.
      wasm.wasm.HEAPU8.fill(0, state, state + bytes);
      wasm.wasm._free(state);
      return [];
    }),
  ];
}

function kernel<Attributes>(kernelName: string, run: Run<Attributes>): KernelConfig {
  const kernelFunc = (({ inputs, attrs, backend }) =>
    run(inputs as Inputs, attrs as Attributes, backend as unknown as WasmBackend)) as KernelFunc;
  return { kernelName, backendName: 'wasm', kernelFunc };
}

function at(tensor: TensorInfo | undefined, wasm: WasmBackend): number {
  return pointerOf(tensor!, wasm);
}

function sizeOf({ shape }: TensorInfo): number {
  return shape.reduce((product, size) => product * size, 1);
}

function allocate(bytes: number, wasm: WasmBackend): number {
  // Above 2 GB the pointer comes as a negative number.
  const pointer = wasm.wasm._malloc(bytes) >>> 0;
  if (pointer !== 0) return pointer;
  throw new MurmurationError('training.failed', 'No memory is left for the noise.', {
    expected: `${bytes} free bytes`,
    remedy: 'Close other pages, or use a smaller model.',
  });
}
