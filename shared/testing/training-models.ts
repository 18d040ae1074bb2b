import { type Federation, type FederationInput, parseFederation } from '../federation/index.ts';

/** The models that training is measured and checked on. */
export const TRAINING_MODELS = ['mlp', 'mcmahan-cnn', 'small-cnn', 'depthwise-cnn', 'transformer'] as const;
export type TrainingModel = (typeof TRAINING_MODELS)[number];

type Layers = FederationInput['model']['layers'];

const digits: FederationInput['data'] = {
  kind: 'image',
  width: 28,
  height: 28,
  channels: 1,
  labels: [...'0123456789'],
};

/** Bytes of text, sorted into ten classes. */
const tokens: FederationInput['data'] = {
  kind: 'tokens',
  length: 32,
  vocabulary: 256,
  target: { type: 'class', name: 'class', labels: [...'0123456789'] },
};

/** Self-attention and a perceptron, each with the norm before it (Xiong et al. 2020, figure 1b). */
const transformerBlock: Layers = [
  { type: 'residual', layers: [{ type: 'layerNorm' }, { type: 'attention', heads: 4 }] },
  {
    type: 'residual',
    layers: [
      { type: 'layerNorm' },
      { type: 'dense', units: 256, activation: 'gelu' },
      { type: 'dense', units: 64 },
    ],
  },
];

const MODELS: Record<TrainingModel, { data: FederationInput['data']; layers: Layers }> = {
  /** The 2NN of McMahan et al. 2017, section 3: 199,210 parameters. */
  mlp: {
    data: digits,
    layers: [
      { type: 'flatten' },
      { type: 'dense', units: 200, activation: 'relu' },
      { type: 'dense', units: 200, activation: 'relu' },
      { type: 'dense', units: 10 },
    ],
  },
  /** The CNN of McMahan et al. 2017, section 3: 1,663,370 parameters. */
  'mcmahan-cnn': {
    data: digits,
    layers: [
      { type: 'conv2d', filters: 32, kernelSize: 5, activation: 'relu' },
      { type: 'maxPool2d' },
      { type: 'conv2d', filters: 64, kernelSize: 5, activation: 'relu' },
      { type: 'maxPool2d' },
      { type: 'flatten' },
      { type: 'dense', units: 512, activation: 'relu' },
      { type: 'dense', units: 10 },
    ],
  },
  /** 20,490 parameters. */
  'small-cnn': {
    data: digits,
    layers: [
      { type: 'conv2d', filters: 16, kernelSize: 3, activation: 'relu' },
      { type: 'maxPool2d' },
      { type: 'conv2d', filters: 32, kernelSize: 3, activation: 'relu' },
      { type: 'maxPool2d' },
      { type: 'flatten' },
      { type: 'dense', units: 10 },
    ],
  },
  /** In the manner of MobileNet (Howard et al. 2017), with group instead of batch normalization. */
  'depthwise-cnn': {
    data: digits,
    layers: [
      { type: 'conv2d', filters: 16, kernelSize: 3, activation: 'relu' },
      { type: 'maxPool2d' },
      { type: 'depthwiseConv2d', kernelSize: 3 },
      { type: 'conv2d', filters: 32, kernelSize: 1 },
      { type: 'groupNorm', groups: 8 },
      { type: 'activation', activation: 'relu' },
      { type: 'maxPool2d' },
      { type: 'separableConv2d', filters: 64, kernelSize: 3 },
      { type: 'groupNorm', groups: 8 },
      { type: 'activation', activation: 'relu' },
      { type: 'globalAveragePool' },
      { type: 'dense', units: 10 },
    ],
  },
  /** Length 32, width 64, two blocks of four heads. */
  transformer: {
    data: tokens,
    layers: [
      { type: 'embedding', vocabulary: 256, units: 64 },
      { type: 'positionalEncoding' },
      ...transformerBlock,
      ...transformerBlock,
      { type: 'layerNorm' },
      { type: 'globalAveragePool' },
      { type: 'dense', units: 10 },
    ],
  },
};

/** @param overrides what the document says beside data and model. */
export function trainingFederation(
  name: TrainingModel,
  overrides: Pick<FederationInput, 'training' | 'privacy'> = {},
): Federation {
  const { data, layers } = MODELS[name];
  return parseFederation({
    format: 'murmuration/federation',
    formatVersion: 1,
    id: name,
    name,
    data,
    model: { layers, loss: 'softmaxCrossEntropy' },
    ...overrides,
  });
}
