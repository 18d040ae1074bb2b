import * as tf from '@tensorflow/tfjs';
import type { Federation, LayerSpec } from '../../shared/federation/index.ts';

/** Values of the parameters, taken in the order of the layout; the stock side makes variables of them. */
type Take = (shape: number[]) => tf.Variable;
type Apply = (inputs: tf.Tensor) => tf.Tensor;

interface Built {
  readonly apply: Apply;
  /** Without the batch axis. */
  readonly outputShape: number[];
}

export interface StockModel {
  readonly variables: tf.Variable[];
  /** Logits. Differentiable. */
  forward(inputs: tf.Tensor): tf.Tensor2D;
}

/**
 * The same model as a user of tfjs writes it with tfjs's own operations. LayersModel computes the same by the same
 * kernels, in no less time, and has no layer for attention or group normalization.
 * @throws when the weights are not those of this model.
 */
export function buildStockModel(
  { model }: Federation,
  inputShape: readonly number[],
  weights: Float32Array,
): StockModel {
  const variables: tf.Variable[] = [];
  let offset = 0;
  const take: Take = (shape) => {
    const length = tf.util.sizeFromShape(shape);
    const variable = tf.variable(tf.tensor(weights.slice(offset, offset + length), shape));
    offset += length;
    variables.push(variable);
    return variable;
  };
  const { apply } = sequence(model.layers, [...inputShape], take);
  if (offset !== weights.length)
    throw new Error(`The stock model has ${offset} parameters, ours ${weights.length}.`);
  return { variables, forward: (inputs) => apply(inputs) as tf.Tensor2D };
}

function sequence(specs: readonly LayerSpec[], inputShape: number[], take: Take): Built {
  let outputShape = inputShape;
  const steps = specs.map((spec) => {
    const built = layer(spec, outputShape, take);
    outputShape = built.outputShape;
    return built.apply;
  });
  return { apply: (inputs) => steps.reduce((value, step) => step(value), inputs), outputShape };
}

function layer(spec: LayerSpec, shape: number[], take: Take): Built {
  const [height = 1, width = 1, channels = 1] = shape;
  const units = shape.at(-1)!;
  switch (spec.type) {
    case 'flatten': {
      const size = tf.util.sizeFromShape(shape);
      return { apply: (inputs) => tf.reshape(inputs, [-1, size]), outputShape: [size] };
    }
    case 'dense': {
      const dense = projection([units, spec.units], take);
      return {
        apply: (inputs) => activate(spec.activation, dense(inputs)),
        outputShape: [...shape.slice(0, -1), spec.units],
      };
    }
    case 'conv2d': {
      const { kernelSize, strides, padding, filters } = spec;
      const [kernel, bias] = [take([kernelSize, kernelSize, channels, filters]), take([filters])];
      return {
        apply: (inputs) =>
          activate(
            spec.activation,
            tf.add(
              tf.conv2d(inputs as tf.Tensor4D, kernel as tf.Tensor as tf.Tensor4D, strides, padding),
              bias,
            ),
          ),
        outputShape: [...windows(spec, height, width), filters],
      };
    }
    case 'depthwiseConv2d': {
      const { kernelSize, strides, padding, multiplier } = spec;
      const kernel = take([kernelSize, kernelSize, channels, multiplier]);
      const bias = take([channels * multiplier]);
      return {
        apply: (inputs) =>
          activate(spec.activation, tf.add(depthwise(inputs, kernel, strides, padding), bias)),
        outputShape: [...windows(spec, height, width), channels * multiplier],
      };
    }
    case 'separableConv2d': {
      const { kernelSize, strides, padding, multiplier, filters } = spec;
      const across = take([kernelSize, kernelSize, channels, multiplier]);
      const through = take([1, 1, channels * multiplier, filters]) as tf.Tensor as tf.Tensor4D;
      const bias = take([filters]);
      return {
        apply: (inputs) => {
          const between = depthwise(inputs, across, strides, padding);
          return activate(spec.activation, tf.add(tf.conv2d(between, through, 1, 'same'), bias));
        },
        outputShape: [...windows(spec, height, width), filters],
      };
    }
    case 'maxPool2d': {
      const { poolSize, strides = poolSize, padding } = spec;
      return {
        apply: (inputs) => tf.maxPool(inputs as tf.Tensor4D, poolSize, strides, padding),
        outputShape: [...windows({ kernelSize: poolSize, strides, padding }, height, width), channels],
      };
    }
    case 'globalAveragePool':
      return {
        apply: (inputs) =>
          tf.mean(
            inputs,
            shape.slice(0, -1).map((_, axis) => axis + 1),
          ),
        outputShape: [units],
      };
    case 'activation':
      return { apply: (inputs) => activate(spec.activation, inputs), outputShape: shape };
    case 'layerNorm': {
      const [scale, shift] = [take([units]), take([units])];
      return {
        apply: (inputs) => tf.add(tf.mul(normalize(inputs, [inputs.rank - 1], spec.epsilon), scale), shift),
        outputShape: shape,
      };
    }
    case 'groupNorm': {
      const [scale, shift] = [take([units]), take([units])];
      const grouped = [-1, height * width, spec.groups, channels / spec.groups];
      return {
        apply: (inputs) => {
          const normal = normalize(tf.reshape(inputs, grouped), [1, 3], spec.epsilon);
          return tf.add(tf.mul(tf.reshape(normal, inputs.shape), scale), shift);
        },
        outputShape: shape,
      };
    }
    case 'embedding': {
      const table = take([spec.vocabulary, spec.units]);
      return {
        apply: (inputs) => tf.gather(table, inputs as tf.Tensor2D),
        outputShape: [...shape, spec.units],
      };
    }
    case 'positionalEncoding': {
      const waves = sinusoids(shape[0]!, units);
      return { apply: (inputs) => tf.add(inputs, waves), outputShape: shape };
    }
    case 'attention':
      return attention(spec.heads, shape, take);
    case 'residual': {
      const body = sequence(spec.layers, shape, take);
      return { apply: (inputs) => tf.add(inputs, body.apply(inputs)), outputShape: body.outputShape };
    }
    default:
      throw new Error(`The stock side has no ${spec.type} layer.`);
  }
}

/** [..., from] → [..., to], as one product of matrices. */
function projection([from, to]: [number, number], take: Take): Apply {
  return affine(take([from, to]), take([to]));
}

function affine(kernel: tf.Tensor, bias: tf.Tensor): Apply {
  const [from, to] = kernel.shape as [number, number];
  return (inputs) => {
    const rows = inputs.rank === 2 ? inputs : tf.reshape(inputs, [-1, from]);
    const product = tf.add(tf.matMul(rows, kernel), bias);
    return inputs.rank === 2 ? product : tf.reshape(product, [...inputs.shape.slice(0, -1), to]);
  };
}

function attention(heads: number, shape: number[], take: Take): Built {
  const [length, units] = shape as [number, number];
  const size = units / heads;
  const kernels = [0, 1, 2, 3].map(() => take([units, units]));
  const [query, key, value, output] = kernels.map((kernel) => affine(kernel, take([units]))) as [
    Apply,
    Apply,
    Apply,
    Apply,
  ];
  const split = (inputs: tf.Tensor): tf.Tensor =>
    tf.transpose(tf.reshape(inputs, [-1, length, heads, size]), [0, 2, 1, 3]);
  return {
    outputShape: shape,
    apply(inputs) {
      const scores = tf.matMul(split(query(inputs)), split(key(inputs)), false, true);
      const mixed = tf.matMul(tf.softmax(tf.mul(scores, 1 / Math.sqrt(size))), split(value(inputs)));
      return output(tf.reshape(tf.transpose(mixed, [0, 2, 1, 3]), [-1, length, units]));
    },
  };
}

function depthwise(
  inputs: tf.Tensor,
  kernel: tf.Tensor,
  strides: number,
  padding: 'same' | 'valid',
): tf.Tensor4D {
  return tf.depthwiseConv2d(inputs as tf.Tensor4D, kernel as tf.Tensor4D, strides, padding);
}

function normalize(inputs: tf.Tensor, axes: number[], epsilon: number): tf.Tensor {
  const { mean, variance } = tf.moments(inputs, axes, true);
  return tf.mul(tf.sub(inputs, mean), tf.rsqrt(tf.add(variance, epsilon)));
}

function activate(name: string, inputs: tf.Tensor): tf.Tensor {
  switch (name) {
    case 'linear':
      return inputs;
    case 'relu':
      return tf.relu(inputs);
    case 'gelu':
      return tf.mul(inputs, tf.mul(tf.add(tf.erf(tf.mul(inputs, Math.SQRT1_2)), 1), 0.5));
    default:
      throw new Error(`The stock side has no activation ${name}.`);
  }
}

/** Vaswani et al. 2017, section 3.5. */
function sinusoids(length: number, units: number): tf.Tensor {
  const values = Float32Array.from({ length: length * units }, (_, i) => {
    const [position, column] = [Math.floor(i / units), i % units];
    const angle = position / 10_000 ** ((column - (column % 2)) / units);
    return column % 2 === 0 ? Math.sin(angle) : Math.cos(angle);
  });
  return tf.tensor(values, [length, units]);
}

function windows(
  {
    kernelSize,
    strides,
    padding,
  }: { readonly kernelSize: number; readonly strides: number; readonly padding: 'same' | 'valid' },
  ...sizes: readonly number[]
): number[] {
  return sizes.map((size) => Math.ceil((padding === 'same' ? size : size - kernelSize + 1) / strides));
}
