import { z } from '@hono/zod-openapi';
import { TRAINING_STATUSES } from '../../jobs/training.ts';
import { atMs, federationId, line, next, participantId } from './fields.ts';

const fraction = z.number().min(0).max(1);

export const trainingConfig = z
  .strictObject({
    maxRounds: z.int().min(1).max(100_000).optional(),
    targetAccuracy: fraction.optional(),
    earlyStopping: z
      .strictObject({
        metric: z.enum(['accuracy', 'loss']),
        patience: z.int().min(1).max(1_000),
        minDelta: z.number().min(0).max(1e6),
      })
      .optional(),
    clientsPerRound: z.int().min(1).max(4096).optional(),
    startAtMs: atMs.optional(),
    deadlineAtMs: atMs.optional(),
    maxAbandoned: z.int().min(1).max(1_000).optional(),
  })
  .openapi('TrainingConfig', {
    description: 'What is left out is as the document of the federation says.',
  });

const ownOrder = z.strictObject({
  federation: federationId,
  jobName: line(120).optional(),
  config: trainingConfig.optional(),
  clients: z.array(participantId).max(4096).optional(),
  fresh: z.boolean().optional().openapi({ description: 'In a run of its own, from the first model' }),
});

/** As the configuration of a training was spelled before there were federation documents. */
const configuration = z
  .strictObject({
    name: line(120),
    algorithm: line(40).default('fedavg').openapi({ example: 'fedavg' }),
    model_type: line(63).default('neural_network').openapi({ example: 'neural_network' }),
    target_accuracy: fraction.optional(),
    max_rounds: z.int().min(1).max(100_000).optional(),
    min_clients_per_round: z.int().min(1).max(4096).optional(),
    max_clients_per_round: z.int().min(2).max(4096).optional(),
    local_epochs: z.int().min(1).max(1000).optional(),
    privacy_budget: z
      .strictObject({
        total_epsilon: z.number().positive().max(1000),
        total_delta: z.number().positive().lt(1),
      })
      .optional(),
  })
  .openapi('TrainingConfiguration');
export type TrainingConfiguration = z.output<typeof configuration>;

export const startOrder = z
  .unknown()
  .transform((input, context): z.output<typeof ownOrder> | TrainingConfiguration => {
    // Whether a federation is named decides which of the two it is, and so which fields are wrong.
    const isOwn = typeof input !== 'object' || input === null || 'federation' in input || !('name' in input);
    const result = (isOwn ? ownOrder : configuration).safeParse(input);
    if (result.success) return result.data;
    for (const issue of result.error.issues)
      context.issues.push({ ...issue, input, continue: false } as never);
    return z.NEVER;
  });
export const startOrderDocument = { anyOf: [ownOrder, configuration] };

export const training = z
  .object({
    id: z.string(),
    training_id: z.string().openapi({ description: 'The id once more' }),
    jobName: z.string(),
    federation: z.string(),
    run: z.string(),
    status: z.enum(TRAINING_STATUSES),
    config: trainingConfig,
    clients: z.array(z.string()),
    round: z.int(),
    accuracy: z.number().nullable(),
    loss: z.number().nullable(),
    reason: z.string().nullable(),
    revision: z.int(),
    createdBy: z.string(),
    createdAtMs: atMs,
    updatedAtMs: atMs,
    startedAtMs: atMs.nullable(),
    endedAtMs: atMs.nullable(),
  })
  .openapi('Training');

export const trainingPage = z.object({ trainings: z.array(training), next }).openapi('TrainingPage');

export const trainingMetric = z
  .object({ round_number: z.int(), metric_type: z.string(), value: z.number() })
  .openapi('TrainingMetric');
export const trainingMetrics = z
  .object({
    training_id: z.string(),
    run: z.string(),
    metrics: z.array(trainingMetric),
    nextRound: z.int().nullable().openapi({ description: 'To be passed as "from"; null at the end' }),
  })
  .openapi('TrainingMetrics');
