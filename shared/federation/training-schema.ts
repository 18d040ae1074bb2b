import { z } from 'zod';
import { positiveInt } from './fields.ts';

/** How a participant trains: optimizer, schedule, batches, augmentation. */

const learningRate = z.number().positive().max(100);
const beta = z.number().min(0).lt(1);
const adam = {
  learningRate,
  beta1: beta.default(0.9),
  beta2: beta.default(0.999),
  epsilon: z.number().positive().max(1).default(1e-8),
};
const optimizer = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('sgd'),
    learningRate,
    momentum: beta.default(0),
    nesterov: z.boolean().default(false),
    /** Added to the gradient as weightDecay × weight. */
    weightDecay: z.number().min(0).max(1).default(0),
  }),
  /** Kingma and Ba 2015, algorithm 1. */
  z.strictObject({ type: z.literal('adam'), ...adam }),
  /** Decoupled weight decay (Loshchilov and Hutter 2019, algorithm 2). */
  z.strictObject({
    type: z.literal('adamw'),
    ...adam,
    weightDecay: z.number().min(0).max(1).default(0.01),
  }),
]);

/** What the learning rate is multiplied by, as a function of the round. */
const schedule = z
  .strictObject({
    /** Rises linearly from 1 / (warmupRounds + 1) to 1. */
    warmupRounds: z.int().min(0).max(100_000).default(0),
    decay: z
      .discriminatedUnion('type', [
        z.strictObject({ type: z.literal('none') }),
        /** × factor every so many rounds after the warm-up. */
        z.strictObject({
          type: z.literal('step'),
          everyRounds: positiveInt(100_000),
          factor: z.number().positive().max(1),
        }),
        /** From 1 down to `floor` over so many rounds after the warm-up, then `floor` (Loshchilov and Hutter 2017). */
        z.strictObject({
          type: z.literal('cosine'),
          rounds: positiveInt(100_000),
          floor: z.number().min(0).max(1).default(0),
        }),
      ])
      .prefault({ type: 'none' }),
  })
  .prefault({});

/** Random changes to training images, drawn anew each time an image is used. */
const augmentation = z.strictObject({
  /** At most so many pixels in each direction. */
  shift: z.int().min(0).max(64).default(0),
  /** At most so many degrees either way. */
  rotateDegrees: z.number().min(0).max(180).default(0),
  flipHorizontally: z.boolean().default(false),
});

export const trainingSchema = z.strictObject({
  optimizer: optimizer.prefault({ type: 'sgd', learningRate: 0.1 }),
  schedule,
  /** With record-level privacy and Poisson sampling, the expected number of examples in a batch. */
  batchSize: positiveInt(65_536).default(32),
  /** Passes over the local examples per round. */
  epochs: positiveInt(1000).default(1),
  /** μ of FedProx: pulls the weights towards the round's base (Li et al. 2020, equation 2). */
  proximal: z.number().min(0).max(100).default(0),
  augmentation: augmentation.prefault({}),
});
