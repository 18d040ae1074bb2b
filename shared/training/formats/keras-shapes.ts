import { check } from '../../errors/index.ts';
import type { LayerSpec } from '../../federation/index.ts';
import { sizeOf } from './json.ts';

/** The layers that Keras has too, but for residual blocks, which it spells as a graph. */
export type PlainLayer = Exclude<
  LayerSpec,
  { type: 'residual' | 'groupNorm' | 'positionalEncoding' | 'attention' | 'shared' | 'unembedding' }
>;

/** A parameter of a layer: its name and shape here, its name in Keras. */
export interface LayerWeight {
  readonly name: string;
  readonly kerasName: string;
  readonly shape: readonly number[];
  readonly trained: boolean;
}

type Shape = readonly number[];

/** @param path names the layer in an error. @throws `model.invalid` when the layer does not take such an input. */
export function outputShape(spec: PlainLayer, input: Shape, path: string): Shape {
  switch (spec.type) {
    case 'flatten':
      return [sizeOf(input)];
    case 'dense':
      return [...input.slice(0, -1), spec.units];
    case 'conv2d':
    case 'separableConv2d':
      return [...positions(spec, spec.kernelSize, spec.strides, input, path), spec.filters];
    case 'depthwiseConv2d':
      return [
        ...positions(spec, spec.kernelSize, spec.strides, input, path),
        channelsOf(input) * spec.multiplier,
      ];
    case 'maxPool2d':
    case 'averagePool2d':
      return [
        ...positions(spec, spec.poolSize, spec.strides ?? spec.poolSize, input, path),
        channelsOf(input),
      ];
    case 'globalAveragePool':
      checkRank(input, [2, 3], path);
      return [channelsOf(input)];
    case 'embedding':
      checkRank(input, [1], path);
      return [input[0]!, spec.units];
    case 'activation':
    case 'layerNorm':
    case 'batchNorm':
    case 'dropout':
      return input;
  }
}

/** In the order of the layout. */
export function weightsOfLayer(spec: PlainLayer, input: Shape): LayerWeight[] {
  const channels = channelsOf(input);
  switch (spec.type) {
    case 'dense':
      return [weight('kernel', [channels, spec.units]), ...bias(spec, spec.units)];
    case 'conv2d':
      return [
        weight('kernel', [spec.kernelSize, spec.kernelSize, channels, spec.filters]),
        ...bias(spec, spec.filters),
      ];
    case 'depthwiseConv2d':
      return [depthwise(spec, channels), ...bias(spec, channels * spec.multiplier)];
    case 'separableConv2d':
      return [
        depthwise(spec, channels),
        weight('pointwiseKernel', [1, 1, channels * spec.multiplier, spec.filters], 'pointwise_kernel'),
        ...bias(spec, spec.filters),
      ];
    case 'layerNorm':
      return [weight('gamma', [channels]), weight('beta', [channels])];
    case 'batchNorm':
      return [
        weight('gamma', [channels]),
        weight('beta', [channels]),
        { ...weight('movingMean', [channels], 'moving_mean'), trained: false },
        { ...weight('movingVariance', [channels], 'moving_variance'), trained: false },
      ];
    case 'embedding':
      return [weight('table', [spec.vocabulary, spec.units], 'embeddings')];
    default:
      return [];
  }
}

function weight(name: string, shape: Shape, kerasName = name): LayerWeight {
  return { name, kerasName, shape, trained: true };
}

function depthwise(spec: { kernelSize: number; multiplier: number }, channels: number): LayerWeight {
  const shape = [spec.kernelSize, spec.kernelSize, channels, spec.multiplier];
  return weight('depthwiseKernel', shape, 'depthwise_kernel');
}

function bias(spec: { useBias: boolean }, units: number): LayerWeight[] {
  return spec.useBias ? [weight('bias', [units])] : [];
}

function channelsOf(shape: Shape): number {
  return shape.at(-1) ?? 1;
}

/** Height and width that a window leaves. */
function positions(
  { padding }: { padding: 'same' | 'valid' },
  size: number,
  stride: number,
  input: Shape,
  path: string,
): Shape {
  checkRank(input, [3], path);
  return input.slice(0, 2).map((length) => {
    const count = padding === 'same' ? Math.ceil(length / stride) : Math.floor((length - size) / stride) + 1;
    check(count > 0, 'model.invalid', 'The window is larger than the image it slides over.', {
      path,
      expected: `at most ${length}`,
      received: String(size),
    });
    return count;
  });
}

function checkRank(input: Shape, ranks: readonly number[], path: string): void {
  check(ranks.includes(input.length), 'model.invalid', 'The layer does not take such an input.', {
    path,
    expected: `an input of ${ranks.join(' or ')} axes`,
    received: `[${input.join(', ')}]`,
  });
}
