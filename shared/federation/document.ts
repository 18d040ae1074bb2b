import { z } from 'zod';
import { check, MurmurationError } from '../errors/index.ts';

/**
 * The federation document: what a group trains, on what, how, and under which limits. Versioned JSON, passed
 * around by link, validated whole at every boundary. `formatVersion` is the shape; `revision` is the content:
 * a participant consents to one revision, and a changed one asks again.
 */

const name = z.string().trim().min(1).max(120);
const positiveInt = (max: number) => z.int().min(1).max(max);
const durationMs = (min: number) => z.int().min(min).max(3_600_000);

const numberColumn = z.strictObject({
  name,
  type: z.literal('number'),
  /** Inclusive range of accepted values, in the column's own unit. */
  min: z.number().optional(),
  max: z.number().optional(),
  /** Fixed by the federation, never computed from anyone's data: x is fed as (x − mean) / scale. */
  mean: z.number().default(0),
  scale: z.number().positive().default(1),
  /** Fed in place of a missing cell; without it a missing cell is an error. */
  missing: z.number().optional(),
});
const categoryColumn = z.strictObject({
  name,
  type: z.literal('category'),
  values: z.array(z.string().min(1)).min(2).max(1000),
  /** True: a missing cell is fed as all zeros; otherwise it is an error. */
  optional: z.boolean().default(false),
});
const column = z.discriminatedUnion('type', [numberColumn, categoryColumn]);

const target = z.discriminatedUnion('type', [
  z.strictObject({ name, type: z.literal('class'), labels: z.array(z.string().min(1)).min(2).max(1000) }),
  z.strictObject({
    name,
    type: z.literal('value'),
    mean: z.number().default(0),
    scale: z.number().positive().default(1),
  }),
]);

const dataSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('tabular'), columns: z.array(column).min(1).max(4096), target }),
  z.strictObject({
    kind: z.literal('image'),
    width: positiveInt(512),
    height: positiveInt(512),
    channels: z.union([z.literal(1), z.literal(3)]),
    labels: z.array(z.string().min(1)).min(2).max(1000),
    /** Which sample data the page may offer for this schema. */
    sample: z.enum(['digits']).optional(),
  }),
  /** JSON records `{"features": [...], "label": ...}`. */
  z.strictObject({
    kind: z.literal('records'),
    features: positiveInt(65_536),
    mean: z.array(z.number()).optional(),
    scale: z.array(z.number().positive()).optional(),
    target: target.default({ name: 'label', type: 'value', mean: 0, scale: 1 }),
  }),
]);

const activation = z.enum(['linear', 'relu', 'tanh', 'sigmoid']).default('linear');
const layer = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('flatten') }),
  z.strictObject({ type: z.literal('dense'), units: positiveInt(65_536), activation }),
  z.strictObject({
    type: z.literal('conv2d'),
    filters: positiveInt(4096),
    kernelSize: positiveInt(31),
    strides: positiveInt(8).default(1),
    padding: z.enum(['same', 'valid']).default('same'),
    activation,
  }),
  z.strictObject({ type: z.literal('maxPool2d'), poolSize: positiveInt(16).default(2) }),
]);

const model = z.strictObject({
  layers: z.array(layer).min(1).max(256),
  loss: z.enum(['softmaxCrossEntropy', 'meanSquaredError']),
  /** Names the stream of initial weights; the same seed gives the same bits on every device. */
  seed: z.string().min(1).max(120).default('murmuration'),
});

const training = z.strictObject({
  optimizer: z
    .strictObject({
      type: z.literal('sgd'),
      learningRate: z.number().positive().max(100),
      momentum: z.number().min(0).lt(1).default(0),
    })
    .prefault({ type: 'sgd', learningRate: 0.1 }),
  batchSize: positiveInt(65_536).default(32),
  /** Passes over the local examples per round. */
  epochs: positiveInt(1000).default(1),
});

const strategy = z.strictObject({
  type: z.literal('fedavg'),
  serverLearningRate: z.number().positive().max(10).default(1),
  /** `examples`: weighted by the number of local examples, capped at maxExamples; `uniform`: everyone counts 1. */
  weighting: z.enum(['examples', 'uniform']).default('examples'),
  maxExamples: positiveInt(1_000_000).default(10_000),
  /**
   * L2 norm that an update is scaled down to when it is longer. It bounds every coordinate, and so fixes how
   * many fractional bits fit the 32-bit sums; see shared/compress/fixed-point.ts.
   */
  clipNorm: z.number().positive().max(1e6).default(20),
});

const privacy = z.strictObject({
  /** `none`: no noise. Epsilon is infinite, and the page says so. */
  trustModel: z.enum(['none']).default('none'),
  /** `none`: owners of a slice see that slice of every update. */
  secureAggregation: z.enum(['none']).default('none'),
});

const cohort = z.strictObject({
  /** Fewest participants that a round starts with, and that must survive it. */
  minParticipants: positiveInt(1000).default(2),
  /** Most participants that sum together. */
  groupSize: z.int().min(2).max(16).default(16),
});

const deadlines = z.strictObject({
  /** From invitation to a finished local update. */
  trainMs: durationMs(100).default(120_000),
  /** From the last finished update to all slices delivered. */
  exchangeMs: durationMs(100).default(60_000),
  /** From the survivor set to everyone holding the new model. */
  applyMs: durationMs(100).default(60_000),
});

const rounds = z.strictObject({
  maximum: positiveInt(100_000).default(100),
  /** Stop once the evaluation reaches this accuracy (0 to 1). */
  targetAccuracy: z.number().min(0).max(1).optional(),
  /** The server keeps the model of every so-many-th round, and of the last. */
  checkpointEvery: positiveInt(1000).default(1),
});

const paths = z
  .array(z.enum(['direct', 'relay', 'server']))
  .min(1)
  .refine((list) => new Set(list).size === list.length, 'each path may be named once')
  .default(['direct', 'relay', 'server']);

const evaluation = z.enum(['none', 'sample', 'local']).default('none');

export const federationSchema = z.strictObject({
  format: z.literal('murmuration/federation'),
  formatVersion: z.literal(1),
  id: z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'lower-case letters, digits and hyphens, at most 63'),
  revision: positiveInt(1_000_000).default(1),
  name,
  description: z.string().max(4000).default(''),
  data: dataSchema,
  model,
  training: training.prefault({}),
  strategy: strategy.prefault({ type: 'fedavg' }),
  privacy: privacy.prefault({}),
  cohort: cohort.prefault({}),
  rounds: rounds.prefault({}),
  deadlines: deadlines.prefault({}),
  /** Ways that data may go between two participants, best first. */
  paths,
  /**
   * Where the accuracy of each round comes from. `sample`: participants share out the public test set of the
   * sample data. `local`: each reports metrics on its own held-out tenth, an event in its ledger. `none`.
   */
  evaluation,
});

export type Federation = z.output<typeof federationSchema>;
export type FederationInput = z.input<typeof federationSchema>;
export type DataSchema = Federation['data'];
export type TabularSchema = Extract<DataSchema, { kind: 'tabular' }>;
export type ImageSchema = Extract<DataSchema, { kind: 'image' }>;
export type RecordsSchema = Extract<DataSchema, { kind: 'records' }>;
export type Column = TabularSchema['columns'][number];
export type Target = TabularSchema['target'];
export type ModelSpec = Federation['model'];
export type LayerSpec = ModelSpec['layers'][number];
export type Activation = z.output<typeof activation>;
export type TrainingSpec = Federation['training'];

/**
 * Validates a federation document.
 * @throws `federation.invalid` naming the first offending field by its path, and how many others there are.
 */
export function parseFederation(input: unknown): Federation {
  const result = federationSchema.safeParse(input);
  if (!result.success) {
    const [first, ...others] = result.error.issues;
    const more =
      others.length === 0
        ? ''
        : ` (${others.length} more: ${others.map((issue) => formatPath(issue.path)).join(', ')})`;
    throw new MurmurationError(
      'federation.invalid',
      `The federation document does not validate: ${first!.message}${more}.`,
      {
        path: formatPath(first!.path) || 'document',
        remedy: 'Correct the field and load the document again.',
      },
    );
  }
  const federation = result.data;
  check(
    federation.cohort.minParticipants <= federation.cohort.groupSize,
    'federation.invalid',
    'More participants are required than fit one group.',
    {
      path: 'cohort.minParticipants',
      expected: `at most cohort.groupSize, ${federation.cohort.groupSize}`,
      received: String(federation.cohort.minParticipants),
    },
  );
  return federation;
}

/** `model.layers[2].units`, the way a person would write it. */
export function formatPath(path: readonly PropertyKey[]): string {
  return path
    .map((key, i) => (typeof key === 'number' ? `[${key}]` : `${i === 0 ? '' : '.'}${String(key)}`))
    .join('');
}
