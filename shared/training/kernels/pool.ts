import { backend_util, type KernelConfig, type KernelFunc, type TensorInfo } from '@tensorflow/tfjs-core';
import { check } from '../../errors/index.ts';
import { nativeKernels } from '../native/module.ts';
import type { Shape4D } from './conv2d-geometry.ts';
import { checkGradientShape } from './conv2d-gradient-shape.ts';
import { pointerOf, type WasmBackend } from './wasm-backend.ts';

/** Attributes that the pooling kernels of tfjs share. */
export interface PoolAttributes {
  readonly filterSize: number | [number, number];
  readonly strides: number | [number, number];
  readonly pad: Parameters<typeof backend_util.computeConv2DInfo>[4];
  readonly dimRoundingMode?: 'floor' | 'round' | 'ceil';
}

/** The largest input of each window, a NaN if there is one. */
export function nativeMaxPool(): KernelConfig {
  return { kernelName: 'MaxPool', backendName: 'wasm', kernelFunc: poolFunc(false) };
}

/** The mean of those inputs of each window that lie on the image: padding does not count. */
export function nativeAvgPool(): KernelConfig {
  return { kernelName: 'AvgPool', backendName: 'wasm', kernelFunc: poolFunc(true) };
}

/**
 * Gradient of max pooling: each dy goes to the first largest input of its window. The stock kernel loses the
 * gradient of every window without a positive input (tfjs-backend-wasm 4.22).
 */
export function nativeMaxPoolGrad(): KernelConfig {
  const kernelFunc = (({ inputs, backend, attrs }) => {
    const wasm = backend as unknown as WasmBackend;
    const { dy, input } = inputs as { dy: TensorInfo; input: TensorInfo };
    const windows = windowsOf(input.shape as Shape4D, attrs as unknown as PoolAttributes);
    checkGradientShape(dy, windows.outShape);
    const dx = wasm.makeOutput(input.shape, 'float32');
    nativeKernels(wasm).maxPoolGradient(
      pointerOf(dy, wasm),
      pointerOf(input, wasm),
      ...windows.sizes,
      pointerOf(dx, wasm),
    );
    return dx;
  }) as KernelFunc;
  return { kernelName: 'MaxPoolGrad', backendName: 'wasm', kernelFunc };
}

/**
 * Gradient of {@link nativeAvgPool}: what of a window lies on the image shares its dy. The stock kernels, cpu's too,
 * divide by the size of the whole window also where it reaches into padding, which their forward does not.
 */
export function nativeAvgPoolGrad(): KernelConfig {
  const kernelFunc = (({ inputs, backend, attrs }) => {
    const wasm = backend as unknown as WasmBackend;
    const { dy, input } = inputs as { dy: TensorInfo; input: TensorInfo };
    const windows = windowsOf(input.shape as Shape4D, attrs as unknown as PoolAttributes);
    checkGradientShape(dy, windows.outShape);
    const dx = wasm.makeOutput(input.shape, 'float32');
    nativeKernels(wasm).avgPoolGradient(pointerOf(dy, wasm), ...windows.sizes, pointerOf(dx, wasm));
    return dx;
  }) as KernelFunc;
  return { kernelName: 'AvgPoolGrad', backendName: 'wasm', kernelFunc };
}

function poolFunc(average: boolean): KernelFunc {
  return (({ inputs, backend, attrs }) => {
    const wasm = backend as unknown as WasmBackend;
    const { x } = inputs as { x: TensorInfo };
    const { sizes, outShape } = windowsOf(x.shape as Shape4D, attrs as unknown as PoolAttributes);
    const y = wasm.makeOutput(outShape, 'float32');
    nativeKernels(wasm).pool(pointerOf(x, wasm), ...sizes, average, pointerOf(y, wasm));
    return y;
  }) as KernelFunc;
}

/** The arguments that every pooling function of the module takes, in its order. */
type Sizes = [
  images: number,
  height: number,
  width: number,
  channels: number,
  windowHeight: number,
  windowWidth: number,
  strideHeight: number,
  strideWidth: number,
  top: number,
  left: number,
  outHeight: number,
  outWidth: number,
];

/** @throws `argument.invalid` when the window is larger than the padded image. */
function windowsOf(
  shape: Shape4D,
  { filterSize, strides, pad, dimRoundingMode }: PoolAttributes,
): { sizes: Sizes; outShape: number[] } {
  const info = backend_util.computePool2DInfo(shape, filterSize, strides, 1, pad, dimRoundingMode);
  const { outHeight, outWidth, padInfo, filterHeight, filterWidth } = info;
  check(outHeight >= 1 && outWidth >= 1, 'argument.invalid', 'The pool is larger than the image.', {
    expected: `at most ${shape[1]} × ${shape[2]}`,
    received: `${filterHeight} × ${filterWidth}`,
  });
  return {
    sizes: [
      ...shape,
      filterHeight,
      filterWidth,
      info.strideHeight,
      info.strideWidth,
      padInfo.top,
      padInfo.left,
      outHeight,
      outWidth,
    ],
    outShape: [shape[0], outHeight, outWidth, shape[3]],
  };
}
