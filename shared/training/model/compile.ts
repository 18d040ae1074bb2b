import { type Scalar, type Tensor, type Tensor1D, type Tensor2D, tidy } from '@tensorflow/tfjs-core';
import { inputShape, outputSize, targetLabels } from '../../dataset/examples.ts';
import { check, unreachable } from '../../errors/index.ts';
import type { Federation, LayerSpec } from '../../federation/index.ts';
import { type Layout, layoutOf } from '../../update/index.ts';
import '../gradients.ts';
import { conv2d } from './conv2d.ts';
import { dense } from './dense.ts';
import { flatten } from './flatten.ts';
import { initializeWeights } from './initialize.ts';
import type { CompiledLayer } from './layer.ts';
import { meanSquaredError, softmaxCrossEntropy } from './loss.ts';
import { maxPool2d } from './max-pool2d.ts';

/** 200 MB of float32: what a phone can hold a few times over (weights, gradients, momentum, base). */
export const MAX_PARAMETERS = 50_000_000;
/** Numbers that one example may take in any one layer: 12 MB of float32, 400 MB for a batch of 32. */
const MAX_ACTIVATIONS = 3_000_000;

/** A federation's model with its shapes worked out. Holds no tensors: it works on any backend, at any time. */
export interface CompiledModel {
  readonly layout: Layout;
  /** Of one example, without the batch axis. */
  readonly inputShape: readonly number[];
  /** Numbers in one example. */
  readonly inputSize: number;
  /** Numbers the model puts out for one example: one per class, or 1. */
  readonly outputSize: number;
  readonly target: 'class' | 'value';
  /** Most numbers that one example takes in any layer, the input included; for choosing a batch size. */
  readonly largestLayer: number;
  /** The seeded version-0 weights: the same bits on every device. */
  initialWeights(): Float32Array<ArrayBuffer>;
  /**
   * Differentiable.
   * @param parameters one tensor per parameter of the layout, in its order.
   * @param inputs [batch, ...inputShape].
   * @returns [batch, outputSize]: logits for classes, or the standardized value.
   */
  forward(parameters: readonly Tensor[], inputs: Tensor): Tensor2D;
  /** Mean over the batch. Differentiable. @param targets [batch]: int32 classes or float32 values. */
  loss(outputs: Tensor2D, targets: Tensor1D): Scalar;
}

/**
 * Checks a model against its data and works out every shape.
 * @throws `model.invalid` with the path of the layer at fault and what it expected.
 */
export function compileModel({ data, model }: Pick<Federation, 'data' | 'model'>): CompiledModel {
  const shape = inputShape(data);
  const target = targetLabels(data) === undefined ? 'value' : 'class';
  const expectedLoss = target === 'class' ? 'softmaxCrossEntropy' : 'meanSquaredError';
  check(model.loss === expectedLoss, 'model.invalid', `The loss does not fit a ${target} target.`, {
    path: 'model.loss',
    expected: expectedLoss,
    received: model.loss,
  });

  const layers: CompiledLayer[] = [];
  let current = shape;
  let largestLayer = sizeOf(shape);
  model.layers.forEach((spec, i) => {
    const path = `model.layers[${i}]`;
    const layer = compileLayer(spec, current, path);
    const activations = sizeOf(layer.outputShape);
    largestLayer = Math.max(largestLayer, activations);
    check(activations <= MAX_ACTIVATIONS, 'model.invalid', 'The layer puts out too many numbers.', {
      path,
      expected: `at most ${MAX_ACTIVATIONS} per example`,
      received: `[${layer.outputShape.join(', ')}]`,
      remedy: 'Use fewer filters or units, or smaller images.',
    });
    layers.push(layer);
    current = layer.outputShape;
  });

  const lastPath = `model.layers[${model.layers.length - 1}]`;
  const outputs = outputSize(data);
  check(
    current.length === 1 && current[0] === outputs,
    'model.invalid',
    'The last layer does not fit the target.',
    {
      path: lastPath,
      expected: target === 'class' ? `${outputs} outputs, one per label` : 'a single output, the value',
      received: `[${current.join(', ')}]`,
      remedy: `End the model with a dense layer of ${outputs} ${outputs === 1 ? 'unit' : 'units'}.`,
    },
  );
  const lastSpec = model.layers.at(-1)!;
  check(
    target === 'value' || lastSpec.type !== 'dense' || lastSpec.activation === 'linear',
    'model.invalid',
    'The last layer must put out logits: the loss applies the softmax.',
    {
      path: `${lastPath}.activation`,
      expected: 'linear',
      received: lastSpec.type === 'dense' ? lastSpec.activation : lastSpec.type,
    },
  );

  const parameters = layers.flatMap((layer, i) =>
    layer.parameters.map((parameter) => ({
      ...parameter,
      name: `${i}.${model.layers[i]!.type}/${parameter.name}`,
    })),
  );
  const layout = layoutOf(parameters.map(({ name, shape }) => ({ name, shape })));
  check(layout.length <= MAX_PARAMETERS, 'model.invalid', 'The model is too large to train in a browser.', {
    path: 'model.layers',
    expected: `at most ${MAX_PARAMETERS} parameters`,
    received: String(layout.length),
    remedy: 'Use fewer units, or pool before flattening.',
  });

  return {
    layout,
    inputShape: shape,
    inputSize: sizeOf(shape),
    outputSize: outputs,
    target,
    largestLayer,
    initialWeights: () =>
      initializeWeights(
        layout,
        parameters.map(({ initializer }) => initializer),
        model.seed,
      ),
    forward: (tensors, inputs) =>
      tidy(() => {
        let next = 0;
        return layers.reduce((activations, layer) => {
          const own = tensors.slice(next, next + layer.parameters.length);
          next += own.length;
          return layer.apply(activations, own);
        }, inputs) as Tensor2D;
      }),
    loss: target === 'class' ? softmaxCrossEntropy : meanSquaredError,
  };
}

function compileLayer(spec: LayerSpec, shape: readonly number[], path: string): CompiledLayer {
  switch (spec.type) {
    case 'flatten':
      return flatten(shape);
    case 'dense':
      return dense(spec, shape, path);
    case 'conv2d':
      return conv2d(spec, shape, path);
    case 'maxPool2d':
      return maxPool2d(spec, shape, path);
    default:
      return unreachable(spec);
  }
}

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}
