import type { KernelConfig, KernelFunc, TensorInfo } from '@tensorflow/tfjs-core';
import { nativeKernels } from '../native/module.ts';
import { convolveBlocks, denseKind, type Kind } from './conv2d-convolve.ts';
import { framing } from './conv2d-frames.ts';
import { backwardPhases, type ConvAttributes, convGeometry, type Shape4D } from './conv2d-geometry.ts';
import { checkGradientShape } from './conv2d-gradient-shape.ts';
import { pointerOf, type WasmBackend } from './wasm-backend.ts';

interface Attributes extends ConvAttributes {
  readonly inputShape: Shape4D;
}

/** Gradient of a convolution with respect to its input: dy convolved with the turned filter, phase by phase. */
export function nativeConv2dBackpropInput(): KernelConfig {
  const kernelFunc = (({ inputs, backend, attrs }) => {
    const { dy, filter } = inputs as { dy: TensorInfo; filter: TensorInfo };
    return inputGradient(dy, filter, attrs as unknown as Attributes, backend as unknown as WasmBackend);
  }) as KernelFunc;
  return { kernelName: 'Conv2DBackpropInput', backendName: 'wasm', kernelFunc };
}

function inputGradient(
  dy: TensorInfo,
  filter: TensorInfo,
  { inputShape, ...attributes }: Attributes,
  backend: WasmBackend,
): TensorInfo {
  const geometry = convGeometry(inputShape, filter.shape as Shape4D, attributes);
  const { images, height, width, channels, filterHeight, filterWidth, outHeight, outWidth } = geometry;
  const outputs = filter.shape[3]!;
  checkGradientShape(dy, [images, outHeight, outWidth, outputs]);
  const rows = backwardPhases(height, filterHeight, geometry.strideHeight, geometry.top);
  const columns = backwardPhases(width, filterWidth, geometry.strideWidth, geometry.left);
  const dx = backend.makeOutput([...inputShape], 'float32');
  const source = {
    pointer: pointerOf(dy, backend),
    images,
    height: outHeight,
    width: outWidth,
    channels: outputs,
  };
  const convolution = {
    framing: framing(source, rows, columns),
    rows,
    columns,
    outputs: channels,
    bias: null,
    result: { pointer: pointerOf(dx, backend), height, width },
  };
  const pack: Kind['pack'] = (row, column, panels) =>
    nativeKernels(backend).packTurnedPanels(
      pointerOf(filter, backend),
      filterWidth,
      channels,
      outputs,
      row.firstTap,
      row.tapStep,
      row.taps,
      column.firstTap,
      column.tapStep,
      column.taps,
      panels,
    );
  convolveBlocks(convolution, denseKind(convolution, pack, {}, backend), backend);
  return dx;
}
