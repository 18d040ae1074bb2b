import type { KernelConfig, KernelFunc, TensorInfo } from '@tensorflow/tfjs-core';
import { MurmurationError } from '../../errors/index.ts';
import { type GridGaussian, type GridKernel, gridKernel } from '../../privacy/index.ts';
import { nativeKernels } from '../native/module.ts';
import { matMulScratch } from './mat-mul.ts';
import { type Heap, pointerOf, type WasmBackend } from './wasm-backend.ts';

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

export interface GridNoiseAttributes {
  /** 32 bytes. */
  readonly key: Uint8Array;
  readonly noise: GridGaussian;
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
    kernel('WeightedProduct', ({ left, right, weights }, _, wasm) => {
      const [rows, features] = left!.shape as [number, number];
      const units = right!.shape[1]!;
      const product = wasm.makeOutput([features, units], 'float32');
      const scratch = matMulScratch(wasm);
      nativeKernels(wasm).matMul(
        ...([1, features, units, rows] as const),
        ...([at(left, wasm), 0, features, true] as const),
        ...([at(right, wasm), 0, units, false] as const),
        ...([at(product, wasm), 0, units, false] as const),
        ...([scratch, at(weights, wasm)] as const),
      );
      return product;
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
    kernel<{ readonly clipNorm: number }>('ClipWeights', (parts, { clipNorm }, wasm) => {
      const norms = Object.values(parts);
      const weights = wasm.makeOutput(norms[0]!.shape, 'float32');
      // Views are taken after the last allocation.
      const output = wasm.typedArrayFromHeap(weights);
      const columns = norms.map((part) => wasm.typedArrayFromHeap(part));
      for (let i = 0; i < output.length; i++) {
        let squaredNorm = 0;
        for (const column of columns) squaredNorm += column[i]!;
        output[i] = Math.min(1, clipNorm / Math.sqrt(Math.max(0, squaredNorm)));
      }
      return weights;
    }),
    kernel('PositionSums', ({ x }, _, wasm) => {
      const [batch, positions, units] = x!.shape as [number, number, number];
      const sums = wasm.makeOutput([batch, units], 'float32');
      const [from, to] = [at(x, wasm), at(sums, wasm)];
      const { columnSums } = nativeKernels(wasm);
      for (let i = 0; i < batch; i++)
        columnSums(from + 4 * i * positions * units, positions, units, to + 4 * i * units, false);
      return sums;
    }),
    kernel('Gelu', ({ x }, _, wasm) => {
      const outputs = wasm.makeOutput(x!.shape, 'float32');
      nativeKernels(wasm).gelu(at(x, wasm), sizeOf(x!), at(outputs, wasm));
      return outputs;
    }),
    kernel('GeluSlope', ({ slope, x }, _, wasm) => {
      const result = wasm.makeOutput(x!.shape, 'float32');
      nativeKernels(wasm).geluGradient(at(slope, wasm), at(x, wasm), sizeOf(x!), at(result, wasm));
      return result;
    }),
    kernel<{ readonly epsilon: number }>('NormalizeRows', ({ x, gamma, beta }, { epsilon }, wasm) => {
      const [rows, width] = x!.shape as [number, number];
      const outputs = wasm.makeOutput([rows, width], 'float32');
      const normalized = wasm.makeOutput([rows, width], 'float32');
      const scales = wasm.makeOutput([rows], 'float32');
      nativeKernels(wasm).normalizeRows(
        at(x, wasm),
        rows,
        width,
        at(gamma, wasm),
        at(beta, wasm),
        epsilon,
        at(outputs, wasm),
        at(normalized, wasm),
        at(scales, wasm),
      );
      return [outputs, normalized, scales];
    }),
    kernel('NormalizeRowsSlope', ({ slope, normalized, scales, gamma }, _, wasm) => {
      const [rows, width] = slope!.shape as [number, number];
      const products = wasm.makeOutput([rows, width], 'float32');
      const inputs = wasm.makeOutput([rows, width], 'float32');
      nativeKernels(wasm).normalizeRowsGradient(
        at(slope, wasm),
        at(normalized, wasm),
        at(scales, wasm),
        at(gamma, wasm),
        rows,
        width,
        at(products, wasm),
        at(inputs, wasm),
      );
      return [products, inputs];
    }),
    kernel<{ readonly groups: number; readonly epsilon: number }>(
      'NormalizeChannels',
      ({ x, gamma, beta }, { groups, epsilon }, wasm) => {
        const shape = x!.shape as [number, number, number];
        const [sets, positions, channels] = shape;
        const perChannel = () => wasm.makeOutput([sets, 1, channels], 'float32');
        const [outputs, centred] = [wasm.makeOutput(shape, 'float32'), wasm.makeOutput(shape, 'float32')];
        const [means, variances, scales] = [perChannel(), perChannel(), perChannel()];
        nativeKernels(wasm).normalizeChannels(
          at(x, wasm),
          sets,
          positions,
          channels,
          groups,
          at(gamma, wasm),
          at(beta, wasm),
          epsilon,
          at(outputs, wasm),
          at(centred, wasm),
          at(means, wasm),
          at(variances, wasm),
          at(scales, wasm),
        );
        return [outputs, centred, means, variances, scales];
      },
    ),
    kernel<{ readonly groups: number }>(
      'NormalizeChannelsSlope',
      ({ slope, centred, scales, gamma }, { groups }, wasm) => {
        const shape = slope!.shape as [number, number, number];
        const [sets, positions, channels] = shape;
        const perChannel = () => wasm.makeOutput([sets, 1, channels], 'float32');
        const [inputs, gammaSums, betaSums] = [wasm.makeOutput(shape, 'float32'), perChannel(), perChannel()];
        const room = wasm.makeOutput([2, channels], 'float32');
        nativeKernels(wasm).normalizeChannelsGradient(
          at(slope, wasm),
          at(centred, wasm),
          at(scales, wasm),
          at(gamma, wasm),
          sets,
          positions,
          channels,
          groups,
          at(room, wasm),
          at(inputs, wasm),
          at(gammaSums, wasm),
          at(betaSums, wasm),
        );
        wasm.disposeData(room.dataId);
        return [inputs, gammaSums, betaSums];
      },
    ),
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
    kernel<GridNoiseAttributes>('AddOnGrid', (tensors, { key, noise }, wasm) => {
      const kernels = gridKernelOf(wasm);
      // Before pointers are taken: it may grow the heap.
      const scratch = allocate(kernels.scratchBytes, wasm);
      const placed = Object.values(tensors).map((x) => ({ pointer: at(x, wasm), size: sizeOf(x) }));
      try {
        kernels.add(placed, noise, key, scratch);
      } finally {
        wasm.wasm._free(scratch);
      }
      return [];
    }),
  ];
}

function kernel<Attributes>(kernelName: string, run: Run<Attributes>): KernelConfig {
  const kernelFunc = (({ inputs, attrs, backend }) =>
    run(inputs as Inputs, attrs as Attributes, backend as unknown as WasmBackend)) as KernelFunc;
  return { kernelName, backendName: 'wasm', kernelFunc };
}

const gridKernels = new WeakMap<Heap, GridKernel>();

function gridKernelOf({ wasm }: WasmBackend): GridKernel {
  const { memory } = wasm.asm;
  const known = gridKernels.get(memory) ?? gridKernel(memory);
  gridKernels.set(memory, known);
  return known;
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
