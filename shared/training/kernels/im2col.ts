import type { KernelConfig, KernelFunc, TensorInfo } from '@tensorflow/tfjs-core';
import { nativeKernels } from '../native/module.ts';
import { copyIntoFrames, frameBytes, framesInPlace, framing } from './conv2d-frames.ts';
import { type ConvAttributes, convGeometry, forwardAxes, type Shape4D } from './conv2d-geometry.ts';
import { withScratch } from './conv2d-scratch.ts';
import { pointerOf, type WasmBackend } from './wasm-backend.ts';

interface Attributes extends ConvAttributes {
  readonly filterSize: [number, number];
}

/**
 * Patches of an image, [batch, outHeight · outWidth, filterHeight · filterWidth · channels], so that a convolution is
 * their product with the filter: input x, attributes those of Conv2D and filterSize. Not a kernel of tfjs. Ours need
 * no patches; who wants products between them, as ghost norms do, does.
 */
export function nativeIm2Col(): KernelConfig {
  const kernelFunc = (({ inputs, backend, attrs }) => {
    const { x } = inputs as { x: TensorInfo };
    return patchesOf(x, attrs as unknown as Attributes, backend as unknown as WasmBackend);
  }) as KernelFunc;
  return { kernelName: 'Im2Col', backendName: 'wasm', kernelFunc };
}

function patchesOf(
  x: TensorInfo,
  { filterSize, ...attributes }: Attributes,
  backend: WasmBackend,
): TensorInfo {
  const shape = x.shape as Shape4D;
  const geometry = convGeometry(shape, [...filterSize, shape[3], 1], attributes);
  const { images, height, width, channels, filterHeight, filterWidth, outHeight, outWidth } = geometry;
  const { rows, columns } = forwardAxes(geometry);
  const native = nativeKernels(backend);
  const run = filterWidth * channels;
  const patches = backend.makeOutput([images, outHeight * outWidth, filterHeight * run], 'float32');
  const frames = framing(
    { pointer: pointerOf(x, backend), images, height, width, channels },
    [rows],
    [columns],
  );
  const bytes = { frames: frames.inside ? 0 : frameBytes(frames) };
  withScratch(backend, bytes, (scratch) => {
    native.clear(scratch.frames, bytes.frames);
    for (const block of frames.blocks) {
      const { pointer, bytesPerImage, pitch } = frames.inside
        ? framesInPlace(frames, block)
        : copyIntoFrames(frames, block, scratch.frames, native);
      const firstPosition = (block.firstImage * outHeight + block.firstRow) * outWidth;
      native.im2col(
        pointer,
        block.images,
        bytesPerImage,
        pitch,
        block.rows,
        outWidth,
        rows.step * pitch,
        columns.step * channels * 4,
        filterHeight,
        run,
        pointerOf(patches, backend) + firstPosition * filterHeight * run * 4,
      );
    }
  });
  return patches;
}
