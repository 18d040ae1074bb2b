import { type Federation, type FederationInput, parseFederation } from '../../../federation/index.ts';
import { type SeededRandom, seededRandom } from '../../../random/index.ts';
import type { CompiledModel } from '../compile.ts';
import type { Values } from './values.ts';

type Data = FederationInput['data'];
type Layers = FederationInput['model']['layers'];
type Layer = Layers[number];
type Loss = Omit<FederationInput['model'], 'layers'>;

const image: Data = { kind: 'image', width: 4, height: 3, channels: 3, labels: ['a', 'b', 'c'] };
const vector: Data = { kind: 'records', features: 4 };
const labelled = (...labels: string[]): Data => ({
  kind: 'records',
  features: 4,
  target: { type: 'class', name: 'class', labels },
});
const tokens = (length: number, vocabulary: number): Data => ({
  kind: 'tokens',
  length,
  vocabulary,
  target: { type: 'class', name: 'class', labels: ['a', 'b', 'c'] },
});
const sentence: Data = { kind: 'tokens', length: 5, vocabulary: 4, target: { type: 'next' } };

const flatten: Layer = { type: 'flatten' };
const dense = (units: number): Layer => ({ type: 'dense', units });
const onImage = (...layers: Layers) => modelOn(image, [...layers, flatten, dense(3)]);
/** On six positions of four units, each with a slope that its layer has to pass on. */
const onSequence = (...layers: Layers) =>
  modelOn(tokens(6, 5), [{ type: 'embedding', vocabulary: 5, units: 4 }, ...layers, flatten, dense(3)]);
const onPhrase = (...layers: Layers) =>
  modelOn(tokens(3, 5), [{ type: 'embedding', vocabulary: 5, units: 4 }, ...layers, flatten, dense(3)]);
const onVector = (...layers: Layers) => modelOn(vector, [...layers, dense(1)]);
const conv = (options: object = {}): Layer => ({ type: 'conv2d', filters: 2, kernelSize: 2, ...options });

const ACTIVATIONS = [
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
] as const;
const NORMS: readonly Layer[] = [
  { type: 'layerNorm', epsilon: 0.01 },
  { type: 'groupNorm', groups: 2 },
  { type: 'batchNorm', momentum: 0.75 },
];

function activationCases(): [string, Federation][] {
  return ACTIVATIONS.flatMap((activation) => [
    [`dense, ${activation}`, onVector({ type: 'dense', units: 5, activation })],
    [`activation, ${activation}`, onVector(dense(8), { type: 'activation', activation })],
    [`conv2d, ${activation}`, onImage(conv({ activation, strides: 2 }))],
    [
      `depthwiseConv2d, ${activation}`,
      onImage({ type: 'depthwiseConv2d', kernelSize: 2, activation, strides: 2 }),
    ],
  ]);
}

function convolutionCases(): [string, Federation][] {
  const options: [string, object][] = [
    ['same', { kernelSize: 3 }],
    ['valid', { kernelSize: 3, padding: 'valid' }],
    ['same, strides 2', { kernelSize: 3, strides: 2 }],
    ['valid, strides 2', { kernelSize: 2, strides: 2, padding: 'valid' }],
    ['same, strides 3 with a smaller kernel', { kernelSize: 2, strides: 3 }],
    ['even kernel, no bias', { kernelSize: 4, useBias: false }],
    ['1 × 1', { kernelSize: 1 }],
  ];
  return options.flatMap(([name, option]) => [
    [`conv2d, ${name}`, onImage(conv(), { ...conv(), ...option } as Layer)],
    [`depthwiseConv2d, ${name}`, onImage(conv(), { type: 'depthwiseConv2d', ...option } as Layer)],
    [
      `depthwiseConv2d, multiplier 2, ${name}`,
      onImage(conv(), { type: 'depthwiseConv2d', multiplier: 2, ...option } as Layer),
    ],
    [
      `separableConv2d, multiplier 2, ${name}`,
      onImage(conv(), {
        type: 'separableConv2d',
        filters: 3,
        multiplier: 2,
        activation: 'tanh',
        ...option,
      } as Layer),
    ],
  ]);
}

function poolCases(): [string, Federation][] {
  const options: [string, object][] = [
    ['default', {}],
    ['same', { padding: 'same' }],
    ['overlapping', { poolSize: 3, strides: 1 }],
    ['same, overlapping', { poolSize: 3, strides: 2, padding: 'same' }],
    ['with gaps', { poolSize: 1, strides: 2 }],
  ];
  return options.flatMap(([name, option]) =>
    (['maxPool2d', 'averagePool2d'] as const).map((type) => [
      `${type}, ${name}`,
      onImage(conv(), { type, ...option } as Layer),
    ]),
  );
}

function normCases(): [string, Federation][] {
  return NORMS.flatMap((norm) => [
    [`${norm.type} on an image`, onImage(conv({ filters: 4 }), norm)],
    [`${norm.type} on a sequence`, onSequence(norm)],
    [`${norm.type} on a vector`, onVector(dense(6), norm)],
  ]);
}

/** Small models that have, all together, every layer, option, activation and loss of the schema. */
export const REFERENCE_CASES: Readonly<Record<string, Federation>> = Object.fromEntries([
  ...activationCases(),
  ...convolutionCases(),
  ...poolCases(),
  ...normCases(),
  ['dense without bias', onVector({ type: 'dense', units: 3, useBias: false })],
  // At few positions norms come from products of positions, at many from each example's own gradient.
  ['dense at few positions', onPhrase(dense(7))],
  ['attention at few positions', onPhrase({ type: 'attention', heads: 2 })],
  [
    'dense at many positions',
    modelOn(tokens(20, 5), [
      { type: 'embedding', vocabulary: 5, units: 2 },
      dense(2),
      { type: 'globalAveragePool' },
      dense(3),
    ]),
  ],
  ['globalAveragePool on an image', modelOn(image, [conv(), { type: 'globalAveragePool' }, dense(3)])],
  ['dropout', onImage(conv(), { type: 'dropout', rate: 0.4 })],
  ['dropout of nothing', onVector(dense(3), { type: 'dropout', rate: 0 })],
  ['positionalEncoding, sinusoidal', onSequence({ type: 'positionalEncoding' }, dense(3))],
  ['positionalEncoding, learned', onSequence({ type: 'positionalEncoding', kind: 'learned' })],
  ['attention', onSequence({ type: 'attention', heads: 2 })],
  ['attention, causal', onSequence({ type: 'attention', heads: 2, causal: true })],
  ['attention, keySize', onSequence({ type: 'attention', heads: 3, keySize: 2 })],
  ['attention, shared', onSequence({ type: 'attention', heads: 2, name: 'a' }, { type: 'shared', of: 'a' })],
  [
    'unembedding, tied, next token',
    modelOn(sentence, [
      { type: 'embedding', vocabulary: 4, units: 3, name: 'words' },
      { type: 'attention', heads: 1, causal: true },
      { type: 'unembedding', of: 'words' },
    ]),
  ],
  [
    'unembedding of one vector',
    modelOn({ ...tokens(3, 3) }, [
      { type: 'embedding', vocabulary: 3, units: 2, name: 'words' },
      flatten,
      dense(2),
      { type: 'unembedding', of: 'words' },
    ]),
  ],
  ['next token', modelOn(sentence, [{ type: 'embedding', vocabulary: 4, units: 3 }, dense(4)])],
  [
    'shared dense',
    onVector(
      { type: 'dense', units: 4, activation: 'tanh', name: 'twice' },
      { type: 'shared', of: 'twice' },
      { type: 'residual', layers: [{ type: 'shared', of: 'twice' }] },
    ),
  ],
  ['shared conv2d', onImage(conv(), conv({ name: 'again' }), { type: 'shared', of: 'again' })],
  ['residual', onVector({ type: 'residual', layers: [{ type: 'dense', units: 4, activation: 'tanh' }] })],
  [
    'residual in a residual, with a shortcut',
    onImage({
      type: 'residual',
      layers: [
        conv({ filters: 3 }),
        { type: 'residual', layers: [{ type: 'layerNorm' }, { type: 'depthwiseConv2d', kernelSize: 3 }] },
        conv({ strides: 2 }),
      ],
      shortcut: [conv({ kernelSize: 1, strides: 2, useBias: false })],
    }),
  ],
  ['softmaxCrossEntropy', modelOn(labelled('a', 'b', 'c'), [dense(3)])],
  [
    'sigmoidCrossEntropy, two labels',
    modelOn(labelled('a', 'b'), [dense(1)], { loss: 'sigmoidCrossEntropy' }),
  ],
  [
    'sigmoidCrossEntropy, three labels',
    modelOn(labelled('a', 'b', 'c'), [dense(3)], { loss: 'sigmoidCrossEntropy' }),
  ],
  ['meanSquaredError', modelOn(vector, [dense(1)])],
  ['huber', modelOn(vector, [dense(1)], { loss: 'huber', huberDelta: 0.5 })],
  ['huber, narrow', modelOn(vector, [dense(1)], { loss: 'huber', huberDelta: 0.05 })],
] satisfies [string, Federation][]);

/** Loss by the target where none is given. */
function modelOn(data: Data, layers: Layers, loss?: Loss): Federation {
  const isValue = data.kind === 'records' && data.target === undefined;
  return parseFederation({
    format: 'murmuration/federation',
    formatVersion: 1,
    id: 'reference',
    name: 'Reference',
    data,
    model: { layers, ...(loss ?? { loss: isValue ? 'meanSquaredError' : 'softmaxCrossEntropy' }) },
  });
}

export interface CaseData {
  readonly weights: ReadonlyMap<string, Values>;
  readonly inputs: Values;
  readonly targets: readonly number[];
}

/** Weights, none of them zero, and examples; all of them float32 numbers. */
export function caseData(compiled: CompiledModel, examples: number): CaseData {
  const random = seededRandom('reference case');
  const uniform = (least: number, most: number) => Math.fround(least + (most - least) * random.uniform());
  const draw = (count: number, next: () => number) => Array.from({ length: count }, next);
  const weights = compiled.layout.parameters.map(({ name, shape, length }): [string, Values] => {
    const positive = /gamma|movingVariance/.test(name);
    return [name, { shape, data: draw(length, () => (positive ? uniform(0.5, 1.5) : uniform(-0.9, 0.9))) }];
  });
  const { inputKind, inputShape, inputSize, classes, targetsPerExample } = compiled;
  const input = inputKind === 'numbers' ? () => uniform(-1.5, 1.5) : () => random.below(inputKind.vocabulary);
  const target = classes > 0 ? () => random.below(classes) : () => uniform(-1, 1);
  return {
    weights: new Map(weights),
    inputs: { shape: [examples, ...inputShape], data: draw(examples * inputSize, input) },
    targets: draw(examples * targetsPerExample, target),
  };
}

/** As `random`, from its draw number `skipped` on. */
export function skippedAhead(random: SeededRandom, skipped: number): SeededRandom {
  for (let i = 0; i < skipped; i++) random.uniform();
  return random;
}
