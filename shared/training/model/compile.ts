import { mul, reshape, type Tensor, type Tensor1D, type Tensor2D, tidy } from '@tensorflow/tfjs-core';
import { classCount, inputShape, targetsPerExample } from '../../dataset/examples.ts';
import { check } from '../../errors/index.ts';
import type { Federation, LayerSpec } from '../../federation/index.ts';
import { seededRandom } from '../../random/index.ts';
import { type Layout, layoutOf } from '../../update/index.ts';
import { compileSequence, type ParameterTable } from './compile-nodes.ts';
import { checkTokenLayers } from './embedding.ts';
import { initializeWeights } from './initialize.ts';
import { type ParameterResult, type Pass, sizeOf } from './layer.ts';
import { lossOf } from './loss.ts';
import { sharedGradient } from './parameter-gradient.ts';

/** 200 MB of float32: what a phone can hold a few times over (weights, gradients, momentum, base). */
export const MAX_PARAMETERS = 50_000_000;

/** A federation's model with its shapes worked out. Holds no tensors: it works on any backend, at any time. */
export interface CompiledModel {
  readonly layout: Layout;
  /** Per parameter of the layout: whether it is trained by its gradient, or is a statistic of the batches. */
  readonly trainable: readonly boolean[];
  /** Of one example, without the batch axis. */
  readonly inputShape: readonly number[];
  /** Numbers in one example. */
  readonly inputSize: number;
  /** What the inputs are: numbers, of which bytes stand for byte / 255; or token ids below `vocabulary`. */
  readonly inputKind: 'numbers' | { readonly vocabulary: number };
  /** Numbers the model puts out for one target: one per class, or 1. */
  readonly outputSize: number;
  readonly target: 'class' | 'value';
  /** Classes of a class target; 0 for a value target. */
  readonly classes: number;
  readonly targetsPerExample: number;
  readonly loss: Federation['model']['loss'];
  readonly huberDelta: number;
  /** Most numbers that one example takes in any layer, the input included; for choosing a batch size. */
  readonly largestLayer: number;
  /** Numbers of the largest parameter: what one example's own gradient of it takes. */
  readonly largestParameter: number;
  /** Multiply-adds of the forward pass for one example, in products of matrices and convolutions. */
  readonly multiplyAdds: number;
  /** The seeded version-0 weights: the same bits on every device. */
  initialWeights(): Float32Array<ArrayBuffer>;
  /**
   * What the model puts out, without training anything.
   * @param parameters one tensor per parameter of the layout, in its order.
   * @param inputs [batch, ...inputShape].
   * @returns [batch × targetsPerExample, outputSize]: logits for classes, or the standardized value.
   */
  forward(parameters: readonly Tensor[], inputs: Tensor): Tensor2D;
  /**
   * A forward pass for training. Its tensors, and those of what it returns, belong to the caller's tidy.
   * @param targets [batch × targetsPerExample]: int32 classes or float32 values.
   */
  pass(parameters: readonly Tensor[], inputs: Tensor, targets: Tensor1D, pass: Pass): TrainingPass;
}

export interface TrainingPass {
  /** One per target, [batch × targetsPerExample]. */
  readonly losses: Tensor1D;
  /**
   * The gradient of each parameter, in the layout's order. An example's loss is the mean over its targets, and the
   * batch's is the sum over its examples.
   */
  gradients(): readonly ParameterResult[];
}

/**
 * Checks a model against its data and works out every shape.
 * @throws `model.invalid` with the path of the layer at fault and what it expected.
 */
export function compileModel(
  federation: Pick<Federation, 'data' | 'model'> & Partial<Pick<Federation, 'privacy'>>,
): CompiledModel {
  const { data, model } = federation;
  const shape = inputShape(data);
  const classes = classCount(data) ?? 0;
  const target = classes > 0 ? 'class' : 'value';
  checkLoss(model.loss, target);
  checkTokenLayers(data, model.layers);
  if (federation.privacy?.record !== undefined) refuseBatchNorm(model.layers, 'model.layers');

  const table: ParameterTable = { parameters: [], named: new Map() };
  const root = compileSequence(model.layers, shape, table, '', 'model.layers');
  const targets = targetsPerExample(data);
  const outputSize = outputSizeOf(model.loss, classes);
  const expected = targets === 1 ? [outputSize] : [targets, outputSize];
  checkOutputs(root.outputShape, expected, target, model.layers, table);

  const layout = layoutOf(table.parameters.map(({ name, shape }) => ({ name, shape })));
  check(layout.length <= MAX_PARAMETERS, 'model.invalid', 'The model is too large to train in a browser.', {
    path: 'model.layers',
    expected: `at most ${MAX_PARAMETERS} parameters`,
    received: String(layout.length),
    remedy: 'Use fewer units, or pool before flattening.',
  });
  const loss = lossOf(model);
  const inference: Pass = { training: false, random: seededRandom('') };
  return {
    layout,
    trainable: table.parameters.map(({ kind }) => kind !== 'statistic'),
    inputShape: shape,
    inputSize: sizeOf(shape),
    inputKind: data.kind === 'tokens' ? { vocabulary: data.vocabulary } : 'numbers',
    outputSize,
    target,
    classes,
    targetsPerExample: targets,
    loss: model.loss,
    huberDelta: model.huberDelta,
    largestLayer: Math.max(sizeOf(shape), root.largestLayer),
    largestParameter: Math.max(...layout.parameters.map(({ length }) => length)),
    multiplyAdds: root.multiplyAdds,
    initialWeights: () =>
      initializeWeights(
        layout,
        table.parameters.map(({ initializer }) => initializer),
        model.seed,
      ),
    forward: (parameters, inputs) =>
      tidy(() => reshape(root.forward(inputs, parameters, inference).outputs, [-1, outputSize]) as Tensor2D),
    pass(parameters, inputs, targetTensor, pass) {
      const { outputs, backward } = root.forward(inputs, parameters, pass);
      const { losses, slope } = loss(reshape(outputs, [-1, outputSize]) as Tensor2D, targetTensor);
      return {
        losses,
        gradients() {
          const scaled = targets === 1 ? slope : mul(slope, 1 / targets);
          const back = backward(reshape(scaled, outputs.shape), false);
          return collect(back.parameters, parameters.length);
        },
      };
    },
  };
}

/** One result per parameter; those of a shared one are added up. */
function collect(
  found: readonly { readonly index: number; readonly result: ParameterResult }[],
  count: number,
): ParameterResult[] {
  return Array.from({ length: count }, (_, index) => {
    const results = found.filter((entry) => entry.index === index).map(({ result }) => result);
    const statistic = results.find((result) => 'next' in result);
    return statistic ?? sharedGradient(results.flatMap((result) => ('next' in result ? [] : [result])));
  });
}

function checkLoss(loss: Federation['model']['loss'], target: 'class' | 'value'): void {
  const fitting: readonly Federation['model']['loss'][] =
    target === 'class' ? ['softmaxCrossEntropy', 'sigmoidCrossEntropy'] : ['meanSquaredError', 'huber'];
  check(fitting.includes(loss), 'model.invalid', `The loss does not fit a ${target} target.`, {
    path: 'model.loss',
    expected: fitting.join(' or '),
    received: loss,
  });
}

function outputSizeOf(loss: Federation['model']['loss'], classes: number): number {
  if (classes === 0) return 1;
  return loss === 'sigmoidCrossEntropy' && classes === 2 ? 1 : classes;
}

function checkOutputs(
  received: readonly number[],
  expected: readonly number[],
  target: 'class' | 'value',
  layers: readonly LayerSpec[],
  table: ParameterTable,
): void {
  const path = `model.layers[${layers.length - 1}]`;
  const units = expected.at(-1)!;
  check(received.join() === expected.join(), 'model.invalid', 'The last layer does not fit the target.', {
    path,
    expected:
      expected.length > 1
        ? `[${expected.join(', ')}], one output per token at each position`
        : target === 'value'
          ? 'a single output, the value'
          : units === 1
            ? 'a single output, for two labels'
            : `${units} outputs, one per label`,
    received: `[${received.join(', ')}]`,
    remedy: `End the model with a dense layer of ${units} ${units === 1 ? 'unit' : 'units'}.`,
  });
  const end = layers.at(-1)!;
  const last = end.type === 'shared' ? table.named.get(end.of)!.spec : end;
  const activation = 'activation' in last ? last.activation : 'linear';
  check(
    target === 'value' || activation === 'linear',
    'model.invalid',
    'The last layer must put out logits: the loss applies the softmax or sigmoid.',
    { path: `${path}.activation`, expected: 'linear', received: activation },
  );
}

/** Its averages mix the examples of a batch: no example's influence on the gradient could be bounded by clipping. */
function refuseBatchNorm(layers: readonly LayerSpec[], path: string): void {
  layers.forEach((layer, i) => {
    const layerPath = `${path}[${i}]`;
    check(
      layer.type !== 'batchNorm',
      'model.invalid',
      'Batch normalization cannot be trained with record-level privacy: it mixes the examples of a batch, so that no clipping bounds what one of them does.',
      {
        path: layerPath,
        expected: 'groupNorm or layerNorm',
        received: 'batchNorm',
        remedy: 'Use group normalization, which looks at one example at a time.',
      },
    );
    if (layer.type === 'residual') {
      refuseBatchNorm(layer.layers, `${layerPath}.layers`);
      refuseBatchNorm(layer.shortcut, `${layerPath}.shortcut`);
    }
  });
}
