import type { KernelConfig, KernelFunc, TensorInfo } from '@tensorflow/tfjs-core';
import { nativeKernels } from '../native/module.ts';
import { activate, BOUNDS, checkBias, type FusedAttributes, type FusedInputs } from './conv2d.ts';
import { type Bounds, type Convolution, convolveBlocks, type Kind, paddedTo8 } from './conv2d-convolve.ts';
import { framing } from './conv2d-frames.ts';
import {
  backwardPhases,
  type ConvAttributes,
  convGeometry,
  forwardAxes,
  type Shape4D,
} from './conv2d-geometry.ts';
import { checkGradientShape } from './conv2d-gradient-shape.ts';
import { type ChannelMap, copyChannelsIntoFrames, everyNth, isPlain, repeated } from './depthwise-frames.ts';
import { pointerOf, type WasmBackend } from './wasm-backend.ts';

/** Every channel convolved by itself: a filter [height, width, in, multiplier] gives in · multiplier channels. */
export function nativeDepthwiseConv2d(): KernelConfig {
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
  return { kernelName: 'DepthwiseConv2dNative', backendName: 'wasm', kernelFunc };
}

export function nativeFusedDepthwiseConv2d(): KernelConfig {
  const kernelFunc = (({ inputs, backend, attrs }) => {
    const wasm = backend as unknown as WasmBackend;
    const { x, filter, bias, preluActivationWeights } = inputs as unknown as FusedInputs;
    const { activation, leakyreluAlpha, ...attributes } = attrs as unknown as FusedAttributes;
    const y = convolve(x, filter, attributes, bias, BOUNDS[activation] ?? {}, wasm);
    return activate(y, activation, preluActivationWeights, leakyreluAlpha, wasm);
  }) as KernelFunc;
  return { kernelName: 'FusedDepthwiseConv2D', backendName: 'wasm', kernelFunc };
}

/** Gradient with respect to the input. */
export function nativeDepthwiseConv2dBackpropInput(): KernelConfig {
  const kernelFunc = (({ inputs, backend, attrs }) => {
    const { dy, filter } = inputs as { dy: TensorInfo; filter: TensorInfo };
    const { inputShape, ...attributes } = attrs as unknown as ConvAttributes & { inputShape: Shape4D };
    return inputGradient(dy, filter, inputShape, attributes, backend as unknown as WasmBackend);
  }) as KernelFunc;
  return { kernelName: 'DepthwiseConv2dNativeBackpropInput', backendName: 'wasm', kernelFunc };
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
  const { images, height, width, channels, filterWidth, outHeight, outWidth } = geometry;
  const map = repeated(channels, filter.shape[3]!);
  const outputs = map.count;
  checkBias(bias, outputs);
  const { rows, columns } = forwardAxes(geometry);
  const y = backend.makeOutput([images, outHeight, outWidth, outputs], 'float32');
  const source = { pointer: pointerOf(x, backend), images, height, width, channels: paddedTo8(outputs) };
  const convolution = {
    framing: framing(source, [rows], [columns]),
    rows: [rows],
    columns: [columns],
    outputs,
    bias: bias === undefined ? null : pointerOf(bias, backend),
    result: { pointer: pointerOf(y, backend), height: outHeight, width: outWidth },
  };
  const taps = {
    pointer: pointerOf(filter, backend),
    width: filterWidth,
    turned: false,
    map: repeated(outputs, 1),
  };
  convolveBlocks(
    convolution,
    depthwiseKind(convolution, map, taps, { bounds, add: false }, backend),
    backend,
  );
  return y;
}

function inputGradient(
  dy: TensorInfo,
  filter: TensorInfo,
  inputShape: Shape4D,
  attributes: ConvAttributes,
  backend: WasmBackend,
): TensorInfo {
  const geometry = convGeometry(inputShape, filter.shape as Shape4D, attributes);
  const { images, height, width, channels, filterHeight, filterWidth, outHeight, outWidth } = geometry;
  const multiplier = filter.shape[3]!;
  checkGradientShape(dy, [images, outHeight, outWidth, channels * multiplier]);
  const rows = backwardPhases(height, filterHeight, geometry.strideHeight, geometry.top);
  const columns = backwardPhases(width, filterWidth, geometry.strideWidth, geometry.left);
  const dx = backend.makeOutput([...inputShape], 'float32');
  const source = {
    pointer: pointerOf(dy, backend),
    images,
    height: outHeight,
    width: outWidth,
    channels: paddedTo8(channels),
  };
  const convolution = {
    framing: framing(source, rows, columns),
    rows,
    columns,
    outputs: channels,
    bias: null,
    result: { pointer: pointerOf(dx, backend), height, width },
  };
  // The outputs of one input channel lie `multiplier` apart from those of the next: one pass for each.
  for (let shift = 0; shift < multiplier; shift++) {
    const map = everyNth(channels, multiplier, shift);
    const taps = { pointer: pointerOf(filter, backend), width: filterWidth, turned: true, map };
    const kind = depthwiseKind(convolution, map, taps, { bounds: {}, add: shift > 0 }, backend);
    convolveBlocks(convolution, kind, backend);
  }
  return dx;
}

interface Taps {
  readonly pointer: number;
  readonly width: number;
  readonly turned: boolean;
  readonly map: ChannelMap;
}

function depthwiseKind(
  { framing, outputs }: Convolution,
  map: ChannelMap,
  taps: Taps,
  { bounds: { least = -Infinity, most = Infinity }, add }: { bounds: Bounds; add: boolean },
  backend: WasmBackend,
): Kind {
  const native = nativeKernels(backend);
  const { channels: padded } = framing.source;
  return {
    packed: (rows, columns) => rows.taps * columns.taps * padded,
    pack: (rows, columns, packed) =>
      native.packDepthwise(
        taps.pointer,
        taps.width,
        taps.map.channels,
        rows.firstTap,
        rows.tapStep,
        rows.taps,
        columns.firstTap,
        columns.tapStep,
        columns.taps,
        taps.turned,
        taps.map.times,
        taps.map.shift,
        taps.map.count,
        padded,
        packed,
      ),
    frame:
      framing.inside && isPlain(map)
        ? null
        : (block, to) => copyChannelsIntoFrames(framing, block, map, to, native),
    compute: ({ x, pitch, table, tiles, rowTaps, columnTaps, filter, bias, y }) =>
      native.depthwise(
        x,
        pitch,
        table,
        tiles,
        rowTaps,
        columnTaps,
        filter,
        padded,
        outputs,
        bias,
        least,
        most,
        add,
        y,
      ),
  };
}
