import { z } from 'zod';
import { positiveInt } from './fields.ts';

/** The layers and the loss of a model, as the federation document spells them. */

const activation = z
  .enum(['linear', 'relu', 'relu6', 'leakyRelu', 'elu', 'gelu', 'silu', 'softplus', 'tanh', 'sigmoid'])
  .default('linear');
const padding = z.enum(['same', 'valid']);
/** Lets a later `shared` or `unembedding` layer use the same parameters. */
const layerName = z
  .string()
  .regex(/^[A-Za-z][\w-]{0,39}$/, 'a letter, then letters, digits, hyphens and underscores')
  .optional();
const useBias = z.boolean().default(true);
const epsilon = z.number().positive().max(1).default(1e-5);
const convolution = {
  kernelSize: positiveInt(31),
  strides: positiveInt(8).default(1),
  padding: padding.default('same'),
  activation,
  useBias,
  name: layerName,
};
const pooling = {
  poolSize: positiveInt(16).default(2),
  /** `poolSize` when left out. */
  strides: positiveInt(16).optional(),
  padding: padding.default('valid'),
};

const simpleLayers = [
  z.strictObject({ type: z.literal('flatten') }),
  z.strictObject({
    type: z.literal('dense'),
    units: positiveInt(65_536),
    activation,
    useBias,
    name: layerName,
  }),
  z.strictObject({ type: z.literal('conv2d'), filters: positiveInt(4096), ...convolution }),
  z.strictObject({
    type: z.literal('depthwiseConv2d'),
    /** Filters per input channel. */
    multiplier: positiveInt(64).default(1),
    ...convolution,
  }),
  /** A depthwise convolution and a 1 × 1 convolution after it (Chollet 2017). */
  z.strictObject({
    type: z.literal('separableConv2d'),
    filters: positiveInt(4096),
    multiplier: positiveInt(64).default(1),
    ...convolution,
  }),
  z.strictObject({ type: z.literal('maxPool2d'), ...pooling }),
  z.strictObject({ type: z.literal('averagePool2d'), ...pooling }),
  /** Mean over all positions of an image or a sequence: one number per channel. */
  z.strictObject({ type: z.literal('globalAveragePool') }),
  z.strictObject({ type: z.literal('activation'), activation }),
  /** Over the last axis (Ba et al. 2016). */
  z.strictObject({ type: z.literal('layerNorm'), epsilon }),
  /** Over the positions and each of `groups` groups of channels (Wu and He 2018). */
  z.strictObject({ type: z.literal('groupNorm'), groups: positiveInt(4096), epsilon }),
  /** Over the batch (Ioffe and Szegedy 2015). Refused with record-level privacy: it mixes examples. */
  z.strictObject({
    type: z.literal('batchNorm'),
    momentum: z.number().min(0).lt(1).default(0.99),
    epsilon: z.number().positive().max(1).default(1e-3),
  }),
  z.strictObject({ type: z.literal('dropout'), rate: z.number().min(0).lt(1) }),
  /** Token ids [length] → [length, units]. */
  z.strictObject({
    type: z.literal('embedding'),
    vocabulary: positiveInt(1_000_000),
    units: positiveInt(65_536),
    name: layerName,
  }),
  /** Added to a sequence [length, units]: sines (Vaswani et al. 2017, 3.5), or a table that is trained. */
  z.strictObject({
    type: z.literal('positionalEncoding'),
    kind: z.enum(['sinusoidal', 'learned']).default('sinusoidal'),
  }),
  /** Multi-head self-attention over a sequence [length, units] (Vaswani et al. 2017, 3.2). */
  z.strictObject({
    type: z.literal('attention'),
    heads: positiveInt(256),
    /** Numbers per head; units / heads when left out. */
    keySize: positiveInt(4096).optional(),
    /** True: a position sees itself and those before it. */
    causal: z.boolean().default(false),
    name: layerName,
  }),
  /** The layer of that name once more, with the same parameters. */
  z.strictObject({ type: z.literal('shared'), of: z.string().min(1) }),
  /** Logits over the vocabulary by the transposed table of an embedding (Press and Wolf 2017). */
  z.strictObject({ type: z.literal('unembedding'), of: z.string().min(1) }),
] as const;

type SimpleLayerSpec = z.output<(typeof simpleLayers)[number]>;
type SimpleLayerInput = z.input<(typeof simpleLayers)[number]>;
/** inputs + layers(inputs), or shortcut(inputs) + layers(inputs) where the shapes differ (He et al. 2016). */
export interface ResidualSpec {
  type: 'residual';
  layers: LayerSpec[];
  shortcut: LayerSpec[];
}
interface ResidualInput {
  type: 'residual';
  layers: LayerInput[];
  shortcut?: LayerInput[] | undefined;
}
export type LayerSpec = SimpleLayerSpec | ResidualSpec;
type LayerInput = SimpleLayerInput | ResidualInput;

/** A document that nests without end would exhaust the stack of whoever reads it. */
const MAX_RESIDUAL_DEPTH = 4;
const tooDeep = z
  .object({ type: z.literal('residual'), layers: z.unknown() as z.ZodType<LayerInput[], LayerInput[]> })
  .transform((_, context): never => {
    context.addIssue(`residual blocks may be nested ${MAX_RESIDUAL_DEPTH} deep at most`);
    return z.NEVER;
  });

/** @param depth of residual blocks that it may be made of. */
function layerOf(depth: number): z.ZodType<LayerSpec, LayerInput> {
  if (depth === 0) return z.discriminatedUnion('type', [...simpleLayers, tooDeep]);
  const inner = layerOf(depth - 1);
  return z.discriminatedUnion('type', [
    ...simpleLayers,
    z.strictObject({
      type: z.literal('residual'),
      layers: z.array(inner).min(1).max(64),
      shortcut: z.array(inner).max(16).default([]),
    }),
  ]);
}
const layer = layerOf(MAX_RESIDUAL_DEPTH);

export const modelSchema = z.strictObject({
  layers: z.array(layer).min(1).max(256),
  /**
   * `sigmoidCrossEntropy`: one output for two labels, otherwise one per label, each against the rest.
   * `huber`: squared within `huberDelta` of the target, linear beyond.
   */
  loss: z.enum(['softmaxCrossEntropy', 'sigmoidCrossEntropy', 'meanSquaredError', 'huber']),
  /** In units of the standardized target. */
  huberDelta: z.number().positive().default(1),
  /** Names the stream of initial weights; the same seed gives the same bits on every device. */
  seed: z.string().min(1).max(120).default('murmuration'),
});

export type Activation = z.output<typeof activation>;
