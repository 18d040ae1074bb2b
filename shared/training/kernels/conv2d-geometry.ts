import { backend_util } from '@tensorflow/tfjs-core';
import { check } from '../../errors/index.ts';

export type Shape4D = [number, number, number, number];

/** Attributes that the convolution kernels of tfjs share. */
export interface ConvAttributes {
  readonly strides: number | [number, number];
  readonly pad: Parameters<typeof backend_util.computeConv2DInfo>[4];
  readonly dataFormat?: 'NHWC' | 'NCHW';
  readonly dilations?: number | [number, number];
  readonly dimRoundingMode?: 'floor' | 'round' | 'ceil';
}

export interface ConvGeometry {
  readonly images: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly filterHeight: number;
  readonly filterWidth: number;
  readonly strideHeight: number;
  readonly strideWidth: number;
  readonly outHeight: number;
  readonly outWidth: number;
  /** Rows and columns of zeros above and to the left of each image. */
  readonly top: number;
  readonly left: number;
}

/**
 * @param filterShape [height, width, channels, outputs], or multiplier instead of outputs for a depthwise one.
 * @throws `argument.invalid` for what these kernels do not compute: NCHW, dilation, a filter for other images or
 *   larger than the padded image.
 */
export function convGeometry(
  xShape: Shape4D,
  filterShape: Shape4D,
  attributes: ConvAttributes,
): ConvGeometry {
  const { strides, pad, dataFormat = 'NHWC', dilations = 1, dimRoundingMode } = attributes;
  check(dataFormat === 'NHWC', 'argument.invalid', 'This convolution is not computed on WASM.', {
    expected: 'the data format NHWC',
    received: dataFormat,
  });
  const [dilationHeight, dilationWidth] = typeof dilations === 'number' ? [dilations, dilations] : dilations;
  check(
    dilationHeight === 1 && dilationWidth === 1,
    'argument.invalid',
    'This convolution is not computed on WASM.',
    {
      expected: 'no dilation',
      received: `dilations ${dilationHeight} and ${dilationWidth}`,
      remedy: 'Use a larger kernel or a stride instead.',
    },
  );
  check(filterShape[2] === xShape[3], 'argument.invalid', 'The filter is for other images.', {
    expected: `a filter for ${xShape[3]} channels`,
    received: `one for ${filterShape[2]}`,
  });
  const info = backend_util.computeConv2DInfo(xShape, filterShape, strides, 1, pad, dimRoundingMode);
  const { outHeight, outWidth, padInfo } = info;
  check(outHeight >= 1 && outWidth >= 1, 'argument.invalid', 'The filter is larger than the padded image.', {
    expected: `at most ${info.inHeight + padInfo.top + padInfo.bottom} × ${info.inWidth + padInfo.left + padInfo.right}`,
    received: `${info.filterHeight} × ${info.filterWidth}`,
  });
  return {
    images: info.batchSize,
    height: info.inHeight,
    width: info.inWidth,
    channels: info.inChannels,
    filterHeight: info.filterHeight,
    filterWidth: info.filterWidth,
    strideHeight: info.strideHeight,
    strideWidth: info.strideWidth,
    outHeight,
    outWidth,
    top: padInfo.top,
    left: padInfo.left,
  };
}

/**
 * One axis of a convolution: windows of `taps` numbers, the first beginning at `start` (negative in the padding)
 * and each `step` further on; window i gives output outStart + i · outStep.
 */
export interface Axis {
  readonly windows: number;
  readonly taps: number;
  readonly start: number;
  readonly step: number;
  readonly outStart: number;
  readonly outStep: number;
  /** Which taps of the filter these are: firstTap, firstTap + tapStep, … */
  readonly firstTap: number;
  readonly tapStep: number;
}

/** Rows and columns of the convolution itself. */
export function forwardAxes(geometry: ConvGeometry): { rows: Axis; columns: Axis } {
  const { outHeight, outWidth, filterHeight, filterWidth, strideHeight, strideWidth, top, left } = geometry;
  const plain = { outStart: 0, outStep: 1, firstTap: 0, tapStep: 1 };
  return {
    rows: { ...plain, windows: outHeight, taps: filterHeight, start: -top, step: strideHeight },
    columns: { ...plain, windows: outWidth, taps: filterWidth, start: -left, step: strideWidth },
  };
}

/**
 * One axis of the gradient with respect to the input, as convolutions of dy with parts of the turned filter
 * (Dumoulin and Visin 2016, sections 4.2 and 4.6): input i meets only those taps t with i + pad ≡ t modulo the
 * stride, so that the inputs of each remainder are a convolution of stride 1 of their own.
 */
export function backwardPhases(length: number, filter: number, stride: number, pad: number): Axis[] {
  const phases: Axis[] = [];
  for (let firstTap = 0; firstTap < stride; firstTap++) {
    const taps = Math.max(0, Math.ceil((filter - firstTap) / stride));
    const firstOutput = Math.max(0, Math.ceil((pad - firstTap) / stride));
    const outStart = firstOutput * stride + firstTap - pad;
    if (outStart >= length) continue;
    phases.push({
      windows: Math.ceil((length - outStart) / stride),
      taps,
      start: firstOutput - (taps - 1),
      step: 1,
      outStart,
      outStep: stride,
      firstTap,
      tapStep: stride,
    });
  }
  return phases;
}
