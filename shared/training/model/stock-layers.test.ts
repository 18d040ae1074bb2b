import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import type { LayerSpec, ModelSpec } from '../../federation/index.ts';
import { seededRandom } from '../../random/index.ts';
import { useBackend } from '../testing.ts';
import { type CompiledModel, compileModel } from './compile.ts';
import { type CaseData, caseData, REFERENCE_CASES } from './reference/cases.ts';
import { relativeDifference } from './reference/compare.ts';

const EXAMPLES = 3;

/** Those whose every layer tfjs has too. */
const cases = Object.entries(REFERENCE_CASES).flatMap(([name, { data, model }]) => {
  const layers = stockLayers(model.layers);
  return layers === undefined ? [] : [{ name, data, model, layers }];
});

describe('stock layers and losses of tfjs', () => {
  beforeAll(() => useBackend('cpu'));

  it('are compared for all types that tfjs has', () => {
    const types = cases.flatMap(({ model }) => model.layers.map(({ type }) => type));
    expect([...new Set(types)].sort()).toEqual([
      'activation',
      'averagePool2d',
      'batchNorm',
      'conv2d',
      'dense',
      'depthwiseConv2d',
      'embedding',
      'flatten',
      'globalAveragePool',
      'layerNorm',
      'maxPool2d',
      'separableConv2d',
    ]);
  });

  it.each(cases)('agree on $name', ({ data: schema, model, layers }) => {
    const compiled = compileModel({ data: schema, model });
    const data = caseData(compiled, EXAMPLES);
    const ours = runOurs(compiled, data);
    const theirs = runTheirs(compiled, data, model, layers);
    expect(relativeDifference(ours.losses, theirs.losses)).toBeLessThan(1e-5);
    expect(ours.gradients.length).toBe(theirs.gradients.length);
    const largest = Math.max(...theirs.gradients.flat().map(Math.abs));
    theirs.gradients.forEach((gradient, i) => {
      expect(relativeDifference(ours.gradients[i]!, gradient, 0.01 * largest)).toBeLessThan(1e-5);
    });
  });
});

interface Result {
  /** Their sum over the examples. */
  readonly losses: readonly number[];
  readonly gradients: readonly (readonly number[])[];
}

function runOurs(compiled: CompiledModel, data: CaseData): Result {
  return tf.tidy(() => {
    const { inputs, targets } = tensorsOf(compiled, data);
    const weights = compiled.layout.parameters.map(({ name }) => weightOf(data, name));
    const pass = compiled.pass(weights, inputs, targets, { training: true, random: seededRandom('') });
    return {
      losses: [...tf.sum(pass.losses).div(compiled.targetsPerExample).dataSync()],
      gradients: pass
        .gradients()
        .flatMap((result) => ('next' in result ? [] : [[...result.sum().dataSync()]])),
    };
  });
}

function runTheirs(
  compiled: CompiledModel,
  data: CaseData,
  spec: ModelSpec,
  makeLayers: (inputShape: readonly number[]) => tf.layers.Layer[],
): Result {
  const model = tf.sequential({ layers: makeLayers(compiled.inputShape) });
  const result = tf.tidy(() => {
    const weights = compiled.layout.parameters.map(({ name }) => weightOf(data, name));
    for (const layer of model.layers) layer.setWeights(weights.splice(0, layer.weights.length));
    const { inputs, targets } = tensorsOf(compiled, data);
    const variables = model.trainableWeights.map((weight) => weight.read() as tf.Variable);
    const { value, grads } = tf.variableGrads(() => {
      const outputs = model.apply(inputs, { training: true }) as tf.Tensor;
      return stockLoss(spec, outputs, targets).div(compiled.targetsPerExample);
    }, variables);
    return {
      losses: [...value.dataSync()],
      gradients: variables.map((variable) => [...grads[variable.name]!.dataSync()]),
    };
  });
  model.dispose();
  return result;
}

function tensorsOf({ inputShape, inputKind, target }: CompiledModel, { inputs, targets }: CaseData) {
  return {
    inputs: tf.tensor(
      [...inputs.data],
      [EXAMPLES, ...inputShape],
      inputKind === 'numbers' ? 'float32' : 'int32',
    ),
    targets: tf.tensor1d([...targets], target === 'class' ? 'int32' : 'float32'),
  };
}

function weightOf(data: CaseData, name: string): tf.Tensor {
  const { shape, data: values } = data.weights.get(name)!;
  return tf.tensor([...values], [...shape]);
}

/** Summed over the targets, as our engine does. */
function stockLoss({ loss, huberDelta }: ModelSpec, outputs: tf.Tensor, targets: tf.Tensor1D): tf.Scalar {
  const { SUM } = tf.Reduction;
  const width = outputs.shape.at(-1)!;
  const rows = outputs.reshape([-1, width]);
  const classes = () =>
    width === 1 ? targets.reshape([-1, 1]).toFloat() : tf.oneHot(targets, width).toFloat();
  switch (loss) {
    case 'softmaxCrossEntropy':
      return tf.losses.softmaxCrossEntropy(classes(), rows, undefined, undefined, SUM);
    case 'sigmoidCrossEntropy':
      return tf.losses.sigmoidCrossEntropy(classes(), rows, undefined, undefined, SUM);
    case 'meanSquaredError':
      return tf.losses.meanSquaredError(targets.reshape([-1, 1]), rows, undefined, SUM);
    case 'huber':
      return tf.losses.huberLoss(targets.reshape([-1, 1]), rows, undefined, huberDelta, SUM);
  }
}

/** Makes new stock layers for a model; undefined where tfjs lacks one of them. */
function stockLayers(
  specs: readonly LayerSpec[],
): ((inputShape: readonly number[]) => tf.layers.Layer[]) | undefined {
  const sequence = specs[0]?.type === 'embedding';
  const makers = specs.map((spec) => stockLayer(spec, sequence));
  if (makers.includes(undefined)) return undefined;
  return (inputShape) => makers.map((make, i) => make!(i === 0 ? { inputShape: [...inputShape] } : {}));
}

type Maker = (first: { inputShape?: number[] }) => tf.layers.Layer;

function stockLayer(spec: LayerSpec, sequence: boolean): Maker | undefined {
  const activation = 'activation' in spec ? stockActivation(spec.activation) : undefined;
  if ('activation' in spec && activation === undefined) return undefined;
  switch (spec.type) {
    case 'flatten':
      return (first) => tf.layers.flatten(first);
    case 'dense': {
      const { units, useBias } = spec;
      return (first) => tf.layers.dense({ ...first, units, useBias, activation: activation! });
    }
    case 'conv2d':
    case 'depthwiseConv2d':
    case 'separableConv2d': {
      const { kernelSize, strides, padding, useBias } = spec;
      const options = { kernelSize, strides, padding, useBias, activation: activation! };
      if (spec.type === 'conv2d')
        return (first) => tf.layers.conv2d({ ...first, ...options, filters: spec.filters });
      const depthMultiplier = spec.multiplier;
      if (spec.type === 'depthwiseConv2d') {
        return (first) => tf.layers.depthwiseConv2d({ ...first, ...options, depthMultiplier });
      }
      return (first) =>
        tf.layers.separableConv2d({ ...first, ...options, depthMultiplier, filters: spec.filters });
    }
    case 'maxPool2d':
    case 'averagePool2d': {
      const { poolSize, strides = poolSize, padding } = spec;
      // Its gradient divides by the whole window also where that reaches into the padding (tfjs 4.22).
      if (spec.type === 'averagePool2d' && padding === 'same') return undefined;
      const make = spec.type === 'maxPool2d' ? tf.layers.maxPooling2d : tf.layers.averagePooling2d;
      return (first) => make({ ...first, poolSize, strides, padding });
    }
    case 'globalAveragePool':
      return sequence
        ? () => tf.layers.globalAveragePooling1d()
        : (first) => tf.layers.globalAveragePooling2d(first);
    case 'activation':
      return (first) => tf.layers.activation({ ...first, activation: activation! });
    case 'layerNorm':
      return (first) => tf.layers.layerNormalization({ ...first, epsilon: spec.epsilon });
    case 'batchNorm': {
      const { momentum, epsilon } = spec;
      return (first) => tf.layers.batchNormalization({ ...first, momentum, epsilon });
    }
    case 'embedding': {
      const { vocabulary, units } = spec;
      return ({ inputShape = [] }) =>
        tf.layers.embedding({ inputShape, inputDim: vocabulary, outputDim: units });
    }
    default:
      return undefined;
  }
}

type StockActivation = NonNullable<Parameters<typeof tf.layers.activation>[0]>['activation'];

/** tfjs has leakyRelu as a layer only, with another name for its slope. */
function stockActivation(name: string): StockActivation | undefined {
  if (name === 'leakyRelu') return undefined;
  return (name === 'silu' ? 'swish' : name) as StockActivation;
}
