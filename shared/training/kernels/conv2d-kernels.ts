import type { KernelConfig } from '@tensorflow/tfjs-core';
import { nativeConv2d, nativeFusedConv2d } from './conv2d.ts';
import {
  nativeConv2dBackpropFilter,
  nativeConv2dPerExampleFilterGradient,
} from './conv2d-backprop-filter.ts';
import { nativeConv2dBackpropInput } from './conv2d-backprop-input.ts';
import {
  nativeDepthwiseConv2d,
  nativeDepthwiseConv2dBackpropInput,
  nativeFusedDepthwiseConv2d,
} from './depthwise-conv2d.ts';
import {
  nativeDepthwiseConv2dBackpropFilter,
  nativeDepthwisePerExampleFilterGradient,
} from './depthwise-conv2d-backprop-filter.ts';
import { nativeAvgPool, nativeAvgPoolGrad, nativeMaxPool, nativeMaxPoolGrad } from './pool.ts';
import { nativeUnsortedSegmentSum } from './segment-sum.ts';

/** Everything that convolutional, pooling and embedding layers need, whether the WASM package has it or not. */
export function convolutionKernels(): KernelConfig[] {
  return [
    nativeConv2d(),
    nativeFusedConv2d(),
    nativeConv2dBackpropInput(),
    nativeConv2dBackpropFilter(),
    nativeConv2dPerExampleFilterGradient(),
    nativeDepthwiseConv2d(),
    nativeFusedDepthwiseConv2d(),
    nativeDepthwiseConv2dBackpropInput(),
    nativeDepthwiseConv2dBackpropFilter(),
    nativeDepthwisePerExampleFilterGradient(),
    nativeMaxPool(),
    nativeMaxPoolGrad(),
    nativeAvgPool(),
    nativeAvgPoolGrad(),
    nativeUnsortedSegmentSum(),
  ];
}
