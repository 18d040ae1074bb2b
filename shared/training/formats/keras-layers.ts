import type { Activation, LayerSpec } from '../../federation/index.ts';
import type { JsonObject } from './json.ts';
import { sizeOf } from './json.ts';
import type { LayerConfig } from './keras-config.ts';
import type { PlainLayer } from './keras-shapes.ts';

/** Each layer as Keras spells it, in both directions. Names of classes and settings are those of Keras 2. */

/** Slope of a leaky ReLU below zero; shared/training/model/activation.ts computes with the same. */
const LEAK = 0.2;
/** What leaves a model as probabilities: not an activation here, where the loss applies it. */
export type OutputActivation = 'softmax' | 'sigmoid' | 'linear';

/** Ours → Keras; a leaky ReLU is a layer there, never a setting. */
const TO_KERAS: Readonly<Record<Exclude<Activation, 'leakyRelu'>, string>> = {
  linear: 'linear',
  relu: 'relu',
  relu6: 'relu6',
  elu: 'elu',
  gelu: 'gelu',
  silu: 'swish',
  softplus: 'softplus',
  tanh: 'tanh',
  sigmoid: 'sigmoid',
};
const FROM_KERAS: ReadonlyMap<string, Activation> = new Map([
  ...Object.entries(TO_KERAS).map(([ours, keras]) => [keras, ours as Activation] as const),
  ['silu', 'silu'],
]);

export interface KerasLayer {
  readonly className: string;
  readonly config: JsonObject;
}

/** One layer, or a layer and the leaky ReLU after it. @param input its shape without the batch axis. */
export function toKeras(
  spec: PlainLayer,
  input: readonly number[],
): { readonly layer: KerasLayer; readonly leaky?: KerasLayer } {
  switch (spec.type) {
    case 'flatten':
      // Keras flattens nothing that is flat already.
      return input.length > 1 ? of('Flatten', {}) : of('Reshape', { target_shape: [sizeOf(input)] });
    case 'dense':
      return withActivation('Dense', { units: spec.units, use_bias: spec.useBias }, spec.activation);
    case 'conv2d':
      return withActivation('Conv2D', { filters: spec.filters, ...convolution(spec) }, spec.activation);
    case 'depthwiseConv2d':
      return withActivation(
        'DepthwiseConv2D',
        { depth_multiplier: spec.multiplier, ...convolution(spec) },
        spec.activation,
      );
    case 'separableConv2d':
      return withActivation(
        'SeparableConv2D',
        { filters: spec.filters, depth_multiplier: spec.multiplier, ...convolution(spec) },
        spec.activation,
      );
    case 'maxPool2d':
      return of('MaxPooling2D', pooling(spec));
    case 'averagePool2d':
      return of('AveragePooling2D', pooling(spec));
    case 'globalAveragePool':
      return input.length === 3
        ? of('GlobalAveragePooling2D', { data_format: 'channels_last' })
        : of('GlobalAveragePooling1D', {});
    case 'activation':
      return spec.activation === 'leakyRelu'
        ? of('LeakyReLU', { alpha: LEAK })
        : of('Activation', { activation: TO_KERAS[spec.activation] });
    case 'layerNorm':
      return of('LayerNormalization', {
        axis: [input.length],
        epsilon: spec.epsilon,
        center: true,
        scale: true,
      });
    case 'batchNorm':
      return of('BatchNormalization', {
        axis: -1,
        momentum: spec.momentum,
        epsilon: spec.epsilon,
        center: true,
        scale: true,
      });
    case 'dropout':
      return of('Dropout', { rate: spec.rate, noise_shape: null, seed: null });
    case 'embedding':
      return of('Embedding', {
        input_dim: spec.vocabulary,
        output_dim: spec.units,
        mask_zero: false,
        input_length: input[0],
      });
  }
}

/**
 * @param input shape that the layer is given, without the batch axis.
 * @throws `model.unsupported` naming the layer and the setting that has no counterpart; `model.corrupt`.
 */
export function fromKeras(config: LayerConfig, input: readonly number[]): PlainLayer {
  switch (config.className) {
    case 'Dense':
      return {
        type: 'dense',
        units: config.integer('units'),
        activation: activationOf(config),
        useBias: config.flag('use_bias', true),
      };
    case 'Conv2D':
      return { type: 'conv2d', filters: config.integer('filters'), ...convolutionOf(config) };
    case 'DepthwiseConv2D':
      return {
        type: 'depthwiseConv2d',
        multiplier: config.integer('depth_multiplier', 1),
        ...convolutionOf(config),
      };
    case 'SeparableConv2D':
      return {
        type: 'separableConv2d',
        filters: config.integer('filters'),
        multiplier: config.integer('depth_multiplier', 1),
        ...convolutionOf(config),
      };
    case 'MaxPooling2D':
      return { type: 'maxPool2d', ...poolingOf(config) };
    case 'AveragePooling2D':
      return { type: 'averagePool2d', ...poolingOf(config) };
    case 'GlobalAveragePooling1D':
    case 'GlobalAveragePooling2D':
      config.only('data_format', 'channels_last');
      config.only('keepdims', false);
      return { type: 'globalAveragePool' };
    case 'Flatten':
      config.only('data_format', 'channels_last');
      return { type: 'flatten' };
    case 'Reshape': {
      const target = config.value('target_shape');
      if (!Array.isArray(target) || target.length !== 1)
        throw config.unsupported('target_shape', 'one axis, which flattens', 'several');
      return { type: 'flatten' };
    }
    case 'Dropout':
      config.only('noise_shape');
      return { type: 'dropout', rate: config.number('rate', 0) };
    case 'Activation':
      return { type: 'activation', activation: activationOf(config) };
    case 'ReLU':
      config.only('max_value', 6);
      config.only('negative_slope', 0);
      config.only('threshold', 0);
      return { type: 'activation', activation: config.value('max_value') === 6 ? 'relu6' : 'relu' };
    case 'LeakyReLU': {
      // Keras 3 calls it negative_slope. Left out, it is 0.3.
      const key = config.value('negative_slope') === undefined ? 'alpha' : 'negative_slope';
      if (Math.fround(config.number(key, 0.3)) !== Math.fround(LEAK))
        throw config.unsupported(key, String(LEAK), String(config.number(key, 0.3)));
      return { type: 'activation', activation: 'leakyRelu' };
    }
    case 'ELU':
      config.only('alpha', 1);
      return { type: 'activation', activation: 'elu' };
    case 'LayerNormalization':
      config.only('axis', -1, input.length);
      config.only('rms_scaling', false);
      return { type: 'layerNorm', epsilon: config.number('epsilon', 1e-3) };
    case 'BatchNormalization':
      config.only('axis', -1, input.length);
      return {
        type: 'batchNorm',
        momentum: config.number('momentum', 0.99),
        epsilon: config.number('epsilon', 1e-3),
      };
    case 'Embedding':
      config.only('mask_zero', false);
      return {
        type: 'embedding',
        vocabulary: config.integer('input_dim'),
        units: config.integer('output_dim'),
      };
    default:
      throw config.unsupported(undefined, 'a layer that models here have');
  }
}

/** Softmax and sigmoid at the end of a model; undefined: the layer does something else. */
export function outputActivation(config: LayerConfig): OutputActivation | undefined {
  if (config.className === 'Softmax') {
    // Outputs are [batch, units]: the first axis after the batch is the last.
    config.only('axis', -1, 1);
    return 'softmax';
  }
  if (config.className !== 'Activation') return undefined;
  const activation = config.value('activation');
  return activation === 'softmax' || activation === 'sigmoid' ? activation : undefined;
}

function of(className: string, config: JsonObject): { layer: KerasLayer } {
  return { layer: { className, config } };
}

function withActivation(
  className: string,
  config: JsonObject,
  activation: Activation,
): { layer: KerasLayer; leaky?: KerasLayer } {
  if (activation !== 'leakyRelu') return of(className, { ...config, activation: TO_KERAS[activation] });
  return {
    ...of(className, { ...config, activation: 'linear' }),
    leaky: { className: 'LeakyReLU', config: { alpha: LEAK } },
  };
}

type Convolution = Pick<
  Extract<LayerSpec, { type: 'conv2d' }>,
  'kernelSize' | 'strides' | 'padding' | 'activation' | 'useBias'
>;

function convolution({ kernelSize, strides, padding, useBias }: Omit<Convolution, 'activation'>): JsonObject {
  return {
    kernel_size: [kernelSize, kernelSize],
    strides: [strides, strides],
    padding,
    data_format: 'channels_last',
    dilation_rate: [1, 1],
    use_bias: useBias,
  };
}

function convolutionOf(config: LayerConfig): Convolution {
  config.only('data_format', 'channels_last');
  config.only('dilation_rate', 1);
  config.only('groups', 1);
  return {
    kernelSize: config.square('kernel_size'),
    strides: config.square('strides', 1),
    padding: paddingOf(config),
    activation: activationOf(config),
    useBias: config.flag('use_bias', true),
  };
}

type Pooling = Pick<Extract<LayerSpec, { type: 'maxPool2d' }>, 'poolSize' | 'strides' | 'padding'>;

function pooling({ poolSize, strides = poolSize, padding }: Pooling): JsonObject {
  return {
    pool_size: [poolSize, poolSize],
    strides: [strides, strides],
    padding,
    data_format: 'channels_last',
  };
}

function poolingOf(config: LayerConfig): Pooling {
  config.only('data_format', 'channels_last');
  const poolSize = config.square('pool_size', 2);
  const strides = config.square('strides', poolSize);
  return { poolSize, ...(strides === poolSize ? {} : { strides }), padding: paddingOf(config) };
}

function paddingOf(config: LayerConfig): 'same' | 'valid' {
  const padding = config.text('padding', 'valid');
  if (padding === 'same' || padding === 'valid') return padding;
  throw config.unsupported('padding', 'same or valid', padding.slice(0, 20));
}

function activationOf(config: LayerConfig): Activation {
  const name = config.text('activation', 'linear');
  const activation = FROM_KERAS.get(name);
  if (activation !== undefined) return activation;
  const atTheEnd = name === 'softmax' ? '; softmax only at the end of the model' : '';
  throw config.unsupported(
    'activation',
    `one of ${[...FROM_KERAS.keys()].join(', ')}${atTheEnd}`,
    name.slice(0, 40),
  );
}
