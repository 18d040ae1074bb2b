import {
  type Activation,
  type DataSchema,
  type LayerSpec,
  type ModelInput,
  type ModelSpec,
  modelSchema,
} from '../../federation/index.ts';

/**
 * Small models that together use every layer, activation and loss. A new layer needs a line here and, from
 * `UPDATE_PROBES=1 npx vitest run shared/training/backend/conformance.test.ts` and `npm run format`, its stored results;
 * that test fails while either is missing.
 */
export interface Probe {
  /** What it is for: a layer type, an activation or a loss. */
  readonly of: string;
  readonly data: DataSchema;
  readonly model: ModelSpec;
}

type Layers = ModelInput['layers'];

const CLASSES = ['a', 'b', 'c'];

const ACTIVATIONS: readonly Activation[] = [
  'linear',
  'relu',
  'relu6',
  'leakyRelu',
  'elu',
  'gelu',
  'silu',
  'softplus',
  'tanh',
  'sigmoid',
];

export const PROBES: readonly Probe[] = [
  features('dense', [
    { type: 'dense', units: 3, useBias: false },
    { type: 'dense', units: 3 },
  ]),
  image('flatten', []),
  image('conv2d', [
    { type: 'conv2d', filters: 3, kernelSize: 3 },
    { type: 'conv2d', filters: 2, kernelSize: 2, strides: 2, padding: 'valid', useBias: false },
  ]),
  image('depthwiseConv2d', [
    { type: 'depthwiseConv2d', kernelSize: 3 },
    { type: 'depthwiseConv2d', multiplier: 2, kernelSize: 2, strides: 2, padding: 'valid' },
  ]),
  image('separableConv2d', [{ type: 'separableConv2d', filters: 3, kernelSize: 3 }]),
  image('maxPool2d', [pointwise(), { type: 'maxPool2d' }]),
  image('averagePool2d', [pointwise(), { type: 'averagePool2d', poolSize: 3, strides: 2, padding: 'same' }]),
  image('globalAveragePool', [pointwise(), { type: 'globalAveragePool' }]),
  image('groupNorm', [pointwise(4), { type: 'groupNorm', groups: 2 }]),
  image('batchNorm', [pointwise(), { type: 'batchNorm' }]),
  features('layerNorm', [{ type: 'dense', units: 5 }, { type: 'layerNorm' }]),
  features('dropout', [
    { type: 'dense', units: 8 },
    { type: 'dropout', rate: 0.5 },
  ]),
  features('activation', [
    { type: 'dense', units: 5 },
    { type: 'activation', activation: 'tanh' },
  ]),
  features('residual', [
    {
      type: 'residual',
      layers: [{ type: 'dense', units: 5, activation: 'tanh' }],
      shortcut: [{ type: 'dense', units: 5 }],
    },
  ]),
  features('shared', [
    { type: 'dense', units: 4, activation: 'tanh', name: 'twice' },
    { type: 'shared', of: 'twice' },
  ]),
  tokens('embedding', []),
  tokens('positionalEncoding', [
    { type: 'positionalEncoding' },
    { type: 'positionalEncoding', kind: 'learned' },
  ]),
  tokens('attention', [
    { type: 'attention', heads: 2 },
    { type: 'attention', heads: 1, keySize: 3, causal: true },
  ]),
  nextToken('unembedding', [{ type: 'unembedding', of: 'table' }]),
  ...ACTIVATIONS.map((activation) => features(activation, [{ type: 'dense', units: 6, activation }])),
  features('softmaxCrossEntropy', [{ type: 'dense', units: 3 }]),
  labels('sigmoidCrossEntropy', ['no', 'yes'], 1, 'sigmoidCrossEntropy'),
  labels('sigmoidCrossEntropy of many', ['a', 'b', 'c'], 3, 'sigmoidCrossEntropy'),
  value('meanSquaredError'),
  value('huber'),
];

/** Those that a model's layers, activations and loss ask for; the same for two models of the same parts. */
export function probesFor(model: ModelSpec): readonly Probe[] {
  const parts = partsOf(model);
  return PROBES.filter(({ of }) => parts.has(of.split(' ')[0]!));
}

/** Layer types, activations and loss. */
export function partsOf({ layers, loss }: ModelSpec): ReadonlySet<string> {
  const parts = new Set<string>([loss]);
  const visit = (layer: LayerSpec): void => {
    parts.add(layer.type);
    if ('activation' in layer) parts.add(layer.activation);
    if (layer.type === 'residual') [...layer.layers, ...layer.shortcut].forEach(visit);
  };
  layers.forEach(visit);
  return parts;
}

function pointwise(filters = 2): Layers[number] {
  return { type: 'conv2d', filters, kernelSize: 1 };
}

function probe(of: string, data: DataSchema, layers: Layers, loss: ModelSpec['loss']): Probe {
  return { of, data, model: modelSchema.parse({ layers, loss }) };
}

function image(of: string, layers: Layers): Probe {
  const data: DataSchema = { kind: 'image', width: 6, height: 5, channels: 3, labels: CLASSES };
  const pooled = of === 'globalAveragePool';
  const head: Layers = [...(pooled ? [] : ([{ type: 'flatten' }] as const)), { type: 'dense', units: 3 }];
  return probe(of, data, [...layers, ...head], 'softmaxCrossEntropy');
}

function features(of: string, layers: Layers): Probe {
  return probe(of, records(CLASSES), [...layers, { type: 'dense', units: 3 }], 'softmaxCrossEntropy');
}

function labels(of: string, names: string[], units: number, loss: ModelSpec['loss']): Probe {
  return probe(of, records(names), [{ type: 'dense', units }], loss);
}

function value(loss: 'meanSquaredError' | 'huber'): Probe {
  const data: DataSchema = {
    kind: 'records',
    features: 4,
    target: { name: 'label', type: 'value', mean: 0, scale: 1 },
  };
  return probe(loss, data, [{ type: 'dense', units: 1 }], loss);
}

function records(names: string[]): DataSchema {
  return { kind: 'records', features: 4, target: { name: 'label', type: 'class', labels: names } };
}

function tokens(of: string, layers: Layers): Probe {
  const data: DataSchema = {
    kind: 'tokens',
    length: 5,
    vocabulary: 7,
    target: { name: 'label', type: 'class', labels: CLASSES },
  };
  const pool: Layers = [{ type: 'globalAveragePool' }, { type: 'dense', units: 3 }];
  return probe(of, data, [embedding(), ...layers, ...pool], 'softmaxCrossEntropy');
}

function nextToken(of: string, layers: Layers): Probe {
  const data: DataSchema = { kind: 'tokens', length: 5, vocabulary: 7, target: { type: 'next' } };
  return probe(of, data, [embedding(), ...layers], 'softmaxCrossEntropy');
}

function embedding(): Layers[number] {
  return { type: 'embedding', vocabulary: 7, units: 4, name: 'table' };
}
