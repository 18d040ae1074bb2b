import type { KernelConfig, KernelFunc, TensorInfo } from '@tensorflow/tfjs-core';
import { nativeKernels } from '../native/module.ts';
import { paddedTo8 } from './conv2d-convolve.ts';
import { frameBytes, framing } from './conv2d-frames.ts';
import { type ConvAttributes, convGeometry, forwardAxes, type Shape4D } from './conv2d-geometry.ts';
import { checkGradientShape } from './conv2d-gradient-shape.ts';
import { withScratch } from './conv2d-scratch.ts';
import { copyChannelsIntoFrames, repeated } from './depthwise-frames.ts';
import { pointerOf, type WasmBackend } from './wasm-backend.ts';

interface Attributes extends ConvAttributes {
  readonly filterShape: Shape4D;
}

/** Gradient of a depthwise convolution with respect to its filter, summed over the batch. */
export function nativeDepthwiseConv2dBackpropFilter(): KernelConfig {
  return {
    kernelName: 'DepthwiseConv2dNativeBackpropFilter',
    backendName: 'wasm',
    kernelFunc: kernelFunc(false),
  };
}

/**
 * The same for every example by itself: inputs x and dy, attributes those of DepthwiseConv2dNativeBackpropFilter, result
 * [batch, filterHeight, filterWidth, in, multiplier]. Not a kernel of tfjs.
 */
export function nativeDepthwisePerExampleFilterGradient(): KernelConfig {
  return {
    kernelName: 'DepthwisePerExampleFilterGradient',
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
  const { images, height, width, channels, outHeight, outWidth, filterHeight, filterWidth } = geometry;
  const map = repeated(channels, filterShape[3]);
  const outputs = map.count;
  const padded = paddedTo8(outputs);
  checkGradientShape(dy, [images, outHeight, outWidth, outputs]);
  const native = nativeKernels(backend);
  const { rows, columns } = forwardAxes(geometry);
  const result = backend.makeOutput(perExample ? [images, ...filterShape] : [...filterShape], 'float32');
  const source = { pointer: pointerOf(x, backend), images, height, width, channels: padded };
  const frames = framing(source, [rows], [columns], perExample ? 1 : Infinity);
  const filterBytes = filterHeight * filterWidth * outputs * 4;
  // A sum over no examples is zero.
  if (images === 0 && !perExample) native.clear(pointerOf(result, backend), filterBytes);
  const maxPositions = Math.max(0, ...frames.blocks.map((block) => block.images * block.rows * outWidth));
  const bytes = {
    // The last places of a filter row may read, and not use, two pixels beyond the frames.
    frames: frameBytes(frames) + 2 * padded * 4,
    dy: outputs === padded ? 0 : maxPositions * padded * 4,
  };
  withScratch(backend, bytes, (scratch) => {
    native.clear(scratch.frames, bytes.frames);
    for (const block of frames.blocks) {
      const { pointer, bytesPerImage, pitch } = copyChannelsIntoFrames(
        frames,
        block,
        map,
        scratch.frames,
        native,
      );
      const firstPosition = (block.firstImage * outHeight + block.firstRow) * outWidth;
      const dyBlock = pointerOf(dy, backend) + firstPosition * outputs * 4;
      const positions = block.images * block.rows * outWidth;
      if (outputs !== padded) native.padRows(dyBlock, positions, outputs, padded, scratch.dy);
      const isFirst = block.firstRow === 0 && (perExample || block.firstImage === 0);
      native.depthwiseFilterGradient(
        pointer,
        block.images,
        bytesPerImage,
        pitch,
        block.rows,
        outWidth,
        rows.step * pitch,
        columns.step * padded * 4,
        filterHeight,
        filterWidth,
        outputs === padded ? dyBlock : scratch.dy,
        padded,
        outputs,
        !isFirst,
        pointerOf(result, backend) + (perExample ? block.firstImage * filterBytes : 0),
      );
    }
  });
  return result;
}
