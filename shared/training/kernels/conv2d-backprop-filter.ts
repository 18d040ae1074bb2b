import type { KernelConfig, KernelFunc, TensorInfo } from '@tensorflow/tfjs-core';
import { nativeKernels } from '../native/module.ts';
import { paddedTo8 } from './conv2d-convolve.ts';
import { copyIntoFrames, frameBytes, framing } from './conv2d-frames.ts';
import { type ConvAttributes, convGeometry, forwardAxes, type Shape4D } from './conv2d-geometry.ts';
import { checkGradientShape } from './conv2d-gradient-shape.ts';
import { withScratch } from './conv2d-scratch.ts';
import { pointerOf, type WasmBackend } from './wasm-backend.ts';

/** The last tile of a filter row may read, and not use, so many bytes beyond the frames. */
const OVERRUN_BYTES = 64;

interface Attributes extends ConvAttributes {
  readonly filterShape: Shape4D;
}

/** Gradient of a convolution with respect to its filter, summed over the batch. */
export function nativeConv2dBackpropFilter(): KernelConfig {
  return { kernelName: 'Conv2DBackpropFilter', backendName: 'wasm', kernelFunc: kernelFunc(false) };
}

/**
 * The same for every example by itself, at the same number of operations: inputs x and dy, attributes those of
 * Conv2DBackpropFilter, result [batch, filterHeight, filterWidth, in, out]. Not a kernel of tfjs.
 */
export function nativeConv2dPerExampleFilterGradient(): KernelConfig {
  return {
    kernelName: 'Conv2DPerExampleFilterGradient',
    backendName: 'wasm',
    kernelFunc: kernelFunc(true),
  };
}

function kernelFunc(perExample: boolean): KernelFunc {
  return (({ inputs, backend, attrs }) => {
    const { x, dy } = inputs as { x: TensorInfo; dy: TensorInfo };
    return gradient(x, dy, attrs as unknown as Attributes, perExample, backend as unknown as WasmBackend);
  }) as KernelFunc;
}

function gradient(
  x: TensorInfo,
  dy: TensorInfo,
  { filterShape, ...attributes }: Attributes,
  perExample: boolean,
  backend: WasmBackend,
): TensorInfo {
  const geometry = convGeometry(x.shape as Shape4D, filterShape, attributes);
  const { images, height, width, channels, outHeight, outWidth } = geometry;
  const [filterHeight, filterWidth, , outputs] = filterShape;
  checkGradientShape(dy, [images, outHeight, outWidth, outputs]);
  const native = nativeKernels(backend);
  const { rows, columns } = forwardAxes(geometry);
  const result = backend.makeOutput(perExample ? [images, ...filterShape] : [...filterShape], 'float32');
  // A sum over no examples is zero.
  if (images === 0) native.clear(pointerOf(result, backend), perExample ? 0 : numberOf(filterShape) * 4);
  const source = { pointer: pointerOf(x, backend), images, height, width, channels };
  const frames = framing(source, [rows], [columns], perExample ? 1 : Infinity);
  const lineBytes = outWidth * outputs * 4;
  const filterBytes = numberOf(filterShape) * 4;
  const maxPositions = Math.max(0, ...frames.blocks.map((block) => block.images * block.rows * outWidth));
  const bytes = {
    frames: frameBytes(frames) + OVERRUN_BYTES,
    panels: paddedTo8(outputs) * maxPositions * 4,
  };
  withScratch(backend, bytes, (scratch) => {
    native.clear(scratch.frames, bytes.frames);
    for (const block of frames.blocks) {
      const { pointer, bytesPerImage, pitch } = copyIntoFrames(frames, block, scratch.frames, native);
      const firstLine = block.firstImage * outHeight + block.firstRow;
      native.packPanels(
        pointerOf(dy, backend) + firstLine * lineBytes,
        block.images * block.rows * outWidth,
        outputs,
        scratch.panels,
      );
      const isFirst = block.firstRow === 0 && (perExample || block.firstImage === 0);
      native.filterGradient(
        pointer,
        block.images,
        bytesPerImage,
        pitch,
        block.rows,
        outWidth,
        rows.step * pitch,
        columns.step * channels * 4,
        filterHeight,
        filterWidth * channels,
        scratch.panels,
        outputs,
        !isFirst,
        pointerOf(result, backend) + (perExample ? block.firstImage * filterBytes : 0),
      );
    }
  });
  return result;
}

function numberOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}
