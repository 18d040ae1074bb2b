import { z } from 'zod';
import { check, MurmurationError } from '../errors/index.ts';
import { checkAsyncRounds } from './async-rules.ts';
import { checkCompression } from './compression-rules.ts';
import { positiveInt } from './fields.ts';
import { MESH_GROUP, mostParticipants, SECURE_MINIMUM } from './group-limits.ts';
import { modelSchema } from './model-schema.ts';
import { checkParticipantPrivacy } from './participant-rules.ts';
import { checkRobustRule, combinesGroups, isPlainMean } from './robust-rules.ts';
import { checkSelection } from './selection-rules.ts';
import { checkStrategy } from './strategy-rules.ts';
import { strategySchema } from './strategy-schema.ts';
import { trainingSchema } from './training-schema.ts';

/**
 * The federation document: what a group trains, on what, how, and under which limits. Versioned JSON, passed
 * around by link, validated whole at every boundary. `formatVersion` is the shape; `revision` is the content:
 * a participant consents to one revision, and a changed one asks again.
 */

const name = z.string().trim().min(1).max(120);
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
  /** Sequences of token ids from 0 to vocabulary − 1, all of one length. */
  z.strictObject({
    kind: z.literal('tokens'),
    length: positiveInt(8192),
    vocabulary: z.int().min(2).max(1_000_000),
    target: z.discriminatedUnion('type', [
      ...target.options,
      /** At each position, the token that comes next. */
      z.strictObject({ type: z.literal('next') }),
    ]),
  }),
]);

/**
 * DP-SGD on the device (Abadi et al. 2016): each example's gradient is clipped to `clipNorm`, and Gaussian noise of
 * standard deviation noiseMultiplier × clipNorm is added to each batch's sum.
 */
const recordPrivacy = z.strictObject({
  clipNorm: z.number().positive().max(1e6).default(1),
  noiseMultiplier: z.number().positive().max(1000),
  /**
   * `poisson`: each example enters each batch by its own coin, of probability batchSize / examples.
   * `fixed`: batches of exactly batchSize, drawn without replacement, which needs another accounting.
   */
  sampling: z.enum(['poisson', 'fixed']).default('poisson'),
});

/**
 * A clipping norm that follows a quantile of the norms of updates (Andrew, Thakkar, McMahan, Ramaswamy 2021, "Differentially
 * Private Learning with Adaptive Clipping"): each update carries one more coordinate, which says under the same noise whether
 * it was within the norm. `strategy.clipNorm` is where it begins; it stays within a thousandth and a thousand times that.
 */
const adaptiveClipping = z.strictObject({
  /** Part of the updates that should be within the norm. */
  targetQuantile: z.number().min(0).max(1).default(0.5),
  /** Size of a step: C becomes C · exp(−learningRate · (part within − targetQuantile)). */
  learningRate: z.number().positive().max(10).default(0.2),
  /**
   * How far apart yes and no are, in norms: the larger, the less noise there is on their count, and the more, by √(1 + w²/4), on
   * everything else.
   */
  indicatorWeight: z.number().min(0.01).max(10).default(0.5),
});

/**
 * Noise on whole updates: what comes out hides whether a participant took part with its data or with none. The update is
 * clipped to `strategy.clipNorm`; the noise on a sum has standard deviation noiseMultiplier × that norm.
 */
const participantPrivacy = z.strictObject({
  /**
   * `distributed`: each adds a share of discrete noise, under secure aggregation; nobody has to be trusted while enough
   * survivors are honest. `local`: each adds all of it; nobody has to be trusted, and single updates may be looked at.
   * `central`: the server adds it to the sum and is trusted to.
   */
  trust: z.enum(['distributed', 'local', 'central']),
  noiseMultiplier: z.number().positive().max(1000),
  /** With `distributed`: how many survivors may put what they know of their own noise together; the rest still suffices. */
  colluding: z.int().min(0).max(4095).default(1),
  /**
   * With `central`: `independent` noise in each round, or the prefix sums of a `tree` (DP-FTRL, Kairouz et al. 2021), for
   * cohorts that cannot be sampled.
   */
  mechanism: z.enum(['independent', 'tree']).default('independent'),
  /**
   * `flat`, as when left out: the update as a whole is clipped. `per-layer`: each of its L parameters by itself, to
   * strategy.clipNorm / √L, so that one with large changes does not push the others down.
   */
  clipping: z.enum(['flat', 'per-layer']).optional(),
  /** Left out, updates of all rounds are clipped to `strategy.clipNorm`. */
  adaptiveClipping: adaptiveClipping.optional(),
});

/** The most that a device may spend on this federation; each refuses a round that would exceed it. */
const privacyBudget = z.strictObject({
  epsilon: z.number().positive().max(1000),
  /** Probability of the guarantee failing; below one over the number of records, or of participants. */
  delta: z.number().positive().lt(1).default(1e-5),
});

/**
 * Who is promised what. Both kinds of noise left out: epsilon is infinite, and the page says so. Both given: both
 * guarantees hold.
 */
const privacy = z.strictObject({
  /** Hides single records from everyone, by noise that each device adds while it trains. */
  record: recordPrivacy.optional(),
  /** Hides whole participants. */
  participant: participantPrivacy.optional(),
  /** Of the participant where `participant` is given, of each record otherwise. */
  budget: privacyBudget.optional(),
  /**
   * `none`: owners of a slice see that slice of every update.
   * `secagg`: they see sums only (Bonawitz et al. 2017, Bell et al. 2020); a round that cannot be made secure is refused.
   */
  secureAggregation: z.enum(['none', 'secagg']).default('none'),
});

const cohort = z.strictObject({
  /** Fewest participants that a round starts with, and that must survive it. */
  minParticipants: positiveInt(4096).default(2),
  /** Most participants that sum together: at most 16 where they own slices, at most 4,096 where the server owns them. */
  groupSize: z.int().min(2).max(4096).default(16),
  /**
   * Most participants of one round; left out, groupSize. More than groupSize are split at random into groups that sum
   * for themselves, and the server combines their sums.
   */
  maxParticipants: z.int().min(2).max(4096).optional(),
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

const evaluation = z.enum(['none', 'sample', 'local', 'server']).default('none');

function withoutTrustModel(input: unknown): unknown {
  if (typeof input !== 'object' || input === null || !('trustModel' in input)) return input;
  const { trustModel, ...rest } = input as Record<string, unknown>;
  const isKnown = trustModel === 'none' || (trustModel === 'record' && rest.record !== undefined);
  return isKnown ? rest : input;
}

export const federationSchema = z.strictObject({
  format: z.literal('murmuration/federation'),
  formatVersion: z.literal(1),
  id: z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'lower-case letters, digits and hyphens, at most 63'),
  revision: positiveInt(1_000_000).default(1),
  name,
  description: z.string().max(4000).default(''),
  data: dataSchema,
  model: modelSchema,
  training: trainingSchema.prefault({}),
  strategy: strategySchema.prefault({ type: 'fedavg' }),
  /** Documents of before named `trustModel`, none or record, what `record` alone says. */
  privacy: z.preprocess(withoutTrustModel, privacy.prefault({})),
  cohort: cohort.prefault({}),
  rounds: rounds.prefault({}),
  deadlines: deadlines.prefault({}),
  /** Ways that data may go between two participants, best first. */
  paths,
  /**
   * Where the accuracy of each round comes from. `sample`: participants share out the public test set of the
   * sample data. `local`: each reports metrics on its own held-out tenth, an event in its ledger; without noise, and
   * so not with record-level privacy. `server`: the server evaluates every version on examples that its operator supplies.
   * `none`.
   */
  evaluation,
});

export type Federation = z.output<typeof federationSchema>;
export type FederationInput = z.input<typeof federationSchema>;
export type DataSchema = Federation['data'];
export type TabularSchema = Extract<DataSchema, { kind: 'tabular' }>;
export type ImageSchema = Extract<DataSchema, { kind: 'image' }>;
export type RecordsSchema = Extract<DataSchema, { kind: 'records' }>;
export type TokensSchema = Extract<DataSchema, { kind: 'tokens' }>;
export type Column = TabularSchema['columns'][number];
export type Target = TabularSchema['target'];
export type ModelSpec = Federation['model'];
export type TrainingSpec = Federation['training'];
export type OptimizerSpec = TrainingSpec['optimizer'];
export type Strategy = Federation['strategy'];
export type ServerOptimizer = NonNullable<Strategy['serverOptimizer']>;
export type RobustSpec = NonNullable<Strategy['robust']>;
export type CompressionSpec = NonNullable<Strategy['compression']>;
export type ParticipantPrivacy = NonNullable<Federation['privacy']['participant']>;
export type PrivacyBudget = NonNullable<Federation['privacy']['budget']>;
export type RecordPrivacy = NonNullable<Federation['privacy']['record']>;
export type ModelInput = FederationInput['model'];

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
  // SPEC F-03: a robust rule over the sums of groups needs so many that there are enough groups.
  const { robust } = federation.strategy;
  const isOverGroups = robust !== undefined && !isPlainMean(robust) && combinesGroups(federation);
  const mostRequired = isOverGroups ? mostParticipants(federation.cohort) : federation.cohort.groupSize;
  check(
    federation.cohort.minParticipants <= mostRequired,
    'federation.invalid',
    isOverGroups
      ? 'More participants are required than take part.'
      : 'More participants are required than fit one group.',
    {
      path: 'cohort.minParticipants',
      expected: `at most cohort.${isOverGroups ? 'maxParticipants' : 'groupSize'}, ${mostRequired}`,
      received: String(federation.cohort.minParticipants),
    },
  );
  // SPEC F-06
  check(
    federation.cohort.groupSize <= MESH_GROUP || federation.paths.every((path) => path === 'server'),
    'federation.invalid',
    'So many participants can only sum together at the server.',
    {
      path: 'cohort.groupSize',
      expected: `at most ${MESH_GROUP}, or paths: ["server"]`,
      received: String(federation.cohort.groupSize),
    },
  );
  // SPEC F-07
  check(
    federation.privacy.secureAggregation === 'none' || federation.cohort.minParticipants >= SECURE_MINIMUM,
    'federation.invalid',
    'Of a sum of two updates each participant could compute the other.',
    {
      path: 'cohort.minParticipants',
      expected: `at least ${SECURE_MINIMUM} with secure aggregation`,
      received: String(federation.cohort.minParticipants),
    },
  );
  const most = mostParticipants(federation.cohort);
  check(
    most >= federation.cohort.groupSize,
    'federation.invalid',
    'A group is larger than the round that it is part of.',
    {
      path: 'cohort.maxParticipants',
      expected: `at least cohort.groupSize, ${federation.cohort.groupSize}`,
      received: String(most),
    },
  );
  // SPEC F-08
  check(
    most === federation.cohort.groupSize || federation.paths.includes('server'),
    'federation.invalid',
    'Only the server can combine the sums of several groups.',
    {
      path: 'cohort.maxParticipants',
      expected: `cohort.groupSize, ${federation.cohort.groupSize}, or paths that include "server"`,
      received: String(most),
    },
  );
  const { shift, rotateDegrees, flipHorizontally } = federation.training.augmentation;
  check(
    federation.data.kind === 'image' || (shift === 0 && rotateDegrees === 0 && !flipHorizontally),
    'federation.invalid',
    'Only images can be shifted, rotated and flipped.',
    { path: 'training.augmentation', expected: 'nothing for data other than images' },
  );
  // SPEC F-05
  check(
    federation.privacy.record === undefined || federation.evaluation !== 'local',
    'federation.invalid',
    'Evaluation on local data would give away exact counts of records that record-level privacy promises to hide.',
    {
      path: 'evaluation',
      expected: 'none or sample',
      received: 'local',
      remedy: 'Evaluate on the sample data or not at all, or leave privacy.record out.',
    },
  );
  checkParticipantPrivacy(federation);
  checkRobustRule(federation);
  checkStrategy(federation);
  checkSelection(federation);
  checkAsyncRounds(federation);
  checkCompression(federation);
  return federation;
}

/** `model.layers[2].units`, the way a person would write it. */
export function formatPath(path: readonly PropertyKey[]): string {
  return path
    .map((key, i) => (typeof key === 'number' ? `[${key}]` : `${i === 0 ? '' : '.'}${String(key)}`))
    .join('');
}
