import type { KernelConfig, KernelFunc, TensorInfo } from '@tensorflow/tfjs-core';
import { check } from '../../errors/index.ts';
import { nativeKernels } from '../native/module.ts';
import { type Bounds, convolveBlocks, denseKind, type Kind } from './conv2d-convolve.ts';
import { framing } from './conv2d-frames.ts';
import { type ConvAttributes, convGeometry, forwardAxes, type Shape4D } from './conv2d-geometry.ts';
import { pointerOf, runnerOf, stockKernel, type WasmBackend } from './wasm-backend.ts';

/** Convolution of x, [batch, height, width, in], with a filter, [height, width, in, out]. */
export function nativeConv2d(): KernelConfig {
  const kernelFunc = (({ inputs, backend, attrs }) => {
    const { x, filter } = inputs as { x: TensorInfo; filter: TensorInfo };
    return convolve(
      x,
      filter,
      attrs as unknown as ConvAttributes,
      undefined,
      {},
      backend as unknown as WasmBackend,
    );
  }) as KernelFunc;
  return { kernelName: 'Conv2D', backendName: 'wasm', kernelFunc };
}

/** Convolution, bias and activation; those that are not bounds of the result come after it as kernels of their own. */
export function nativeFusedConv2d(): KernelConfig {
  const kernelFunc = (({ inputs, backend, attrs }) => {
    const wasm = backend as unknown as WasmBackend;
    const { x, filter, bias, preluActivationWeights } = inputs as unknown as FusedInputs;
    const { activation, leakyreluAlpha, ...attributes } = attrs as unknown as FusedAttributes;
    const bounds = BOUNDS[activation] ?? {};
    const y = convolve(x, filter, attributes, bias, bounds, wasm);
    return activate(y, activation, preluActivationWeights, leakyreluAlpha, wasm);
  }) as KernelFunc;
  return { kernelName: 'FusedConv2D', backendName: 'wasm', kernelFunc };
}

export interface FusedInputs {
  readonly x: TensorInfo;
  readonly filter: TensorInfo;
  readonly bias?: TensorInfo;
  readonly preluActivationWeights?: TensorInfo;
}

export interface FusedAttributes extends ConvAttributes {
  readonly activation: string;
  readonly leakyreluAlpha?: number;
}

export const BOUNDS: Readonly<Record<string, Bounds>> = {
  linear: {},
  relu: { least: 0 },
  relu6: { least: 0, most: 6 },
};

const KERNELS: Readonly<Record<string, string>> = {
  elu: 'Elu',
  sigmoid: 'Sigmoid',
  leakyrelu: 'LeakyRelu',
  prelu: 'Prelu',
};

/** The activations that are not in {@link BOUNDS}. Disposes of y when it returns another tensor. */
export function activate(
  y: TensorInfo,
  activation: string,
  alpha: TensorInfo | undefined,
  leakyreluAlpha: number | undefined,
  backend: WasmBackend,
): TensorInfo {
  if (activation in BOUNDS) return y;
  const name = KERNELS[activation];
  check(name !== undefined, 'argument.invalid', 'This activation is not computed on WASM.', {
    expected: [...Object.keys(BOUNDS), ...Object.keys(KERNELS)].join(', '),
    received: activation,
  });
  const inputs: Record<string, TensorInfo> =
    alpha !== undefined && name === 'Prelu' ? { x: y, alpha } : { x: y };
  const activated = runnerOf(stockKernel(name))(inputs, backend, { alpha: leakyreluAlpha ?? 0.2 });
  backend.disposeData(y.dataId);
  return activated;
}

function convolve(
  x: TensorInfo,
  filter: TensorInfo,
  attributes: ConvAttributes,
  bias: TensorInfo | undefined,
  bounds: Bounds,
  backend: WasmBackend,
): TensorInfo {
  const geometry = convGeometry(x.shape as Shape4D, filter.shape as Shape4D, attributes);
  const { images, height, width, channels, filterHeight, filterWidth, outHeight, outWidth } = geometry;
  const outputs = filter.shape[3]!;
  checkBias(bias, outputs);
  const { rows, columns } = forwardAxes(geometry);
  const y = backend.makeOutput([images, outHeight, outWidth, outputs], 'float32');
  const source = { pointer: pointerOf(x, backend), images, height, width, channels };
  const convolution = {
    framing: framing(source, [rows], [columns]),
    rows: [rows],
    columns: [columns],
    outputs,
    bias: bias === undefined ? null : pointerOf(bias, backend),
    result: { pointer: pointerOf(y, backend), height: outHeight, width: outWidth },
  };
  const taps = filterHeight * filterWidth * channels;
  const pack: Kind['pack'] = (_rows, _columns, panels) =>
    nativeKernels(backend).packPanels(pointerOf(filter, backend), taps, outputs, panels);
  convolveBlocks(convolution, denseKind(convolution, pack, bounds, backend), backend);
  return y;
}

/** @throws `argument.invalid` when the bias is not one number per output. */
export function checkBias(bias: TensorInfo | undefined, outputs: number): void {
  check(
    bias === undefined || (bias.shape.length === 1 && bias.shape[0] === outputs),
    'argument.invalid',
    'The bias is for another convolution.',
    { expected: `[${outputs}]`, received: `[${bias?.shape.join(', ')}]` },
  );
}
