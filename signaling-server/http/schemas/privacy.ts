import { z } from '@hono/zod-openapi';
import { QUERY_MODES } from '../../privacy/query.ts';
import { SUBJECT_KINDS } from '../../privacy/subject.ts';
import { next, pattern } from './fields.ts';

export const subjectKind = z.enum(SUBJECT_KINDS, { error: SUBJECT_KINDS.join(', ') });
const subject = z.object({ kind: subjectKind, id: z.string() });
const limit = z.object({
  epsilon: z.number(),
  delta: z.number(),
  epsilon_per_query: z.number().nullable(),
});
const warning = z.enum(['privacy.budget-low', 'privacy.budget-exceeded']).nullable();

const spending = z.object({
  subject,
  unit: z.enum(['record', 'participant']),
  epsilon: z.number().nullable().openapi({ description: 'Null: without bound' }),
  delta: z.number(),
  limit: limit.nullable(),
  spent: z.number().nullable().openapi({ description: 'Part of the limit' }),
  remaining: z.number().nullable(),
  warning,
});
export const budget = spending
  .extend({
    format: z.literal('murmuration/server-privacy-budget'),
    formatVersion: z.literal(1),
    accountant: z.string(),
    events: z.array(z.looseObject({ count: z.int() })),
    trustModels: z.array(z.string()),
    timestamp: z.iso.datetime(),
  })
  .openapi('PrivacyBudget', { description: 'Enough to compute it again: an evidence for Article 30' });
export const budgetPage = z.object({ budgets: z.array(budget), next }).openapi('PrivacyBudgetPage');
export const budgetChain = budget
  .extend({ entries: z.array(z.looseObject({})) })
  .openapi('PrivacyBudgetChain');

export const limitOrder = z.strictObject({
  epsilon: z.number().positive(),
  delta: z.number().positive().lt(1),
  epsilon_per_query: z.number().positive().optional(),
});

export const runPrivacy = z
  .object({
    run: z.string(),
    federation: z.string(),
    privacyBudget: budget,
    participants: z.array(
      z.object({
        participant: z.string(),
        releases: z.int(),
        epsilon: z.number().nullable(),
        spent: z.number().nullable(),
        remaining: z.number().nullable(),
        warning,
      }),
    ),
  })
  .openapi('RunPrivacy');

export const privacyStatus = z
  .object({
    timestamp: z.iso.datetime(),
    budgets: z.array(spending),
    low: z.int().openapi({ description: 'Four fifths of the limit are spent' }),
    exceeded: z.int(),
  })
  .openapi('PrivacyStatus');

export const query = z.strictObject({
  id: pattern(/^[\w.:-]{1,128}$/, 'a name of your own for this question')
    .optional()
    .openapi({
      description:
        'The same again gets the same answer, and costs nothing more. Left out: the Idempotency-Key, or a new one.',
    }),
  version: z.union([z.literal('latest'), z.int().min(0)]).optional(),
  mode: z.enum(QUERY_MODES).default('counts'),
  rows: z.array(z.unknown()).min(1).max(10_000),
  epsilon: z.number().positive().max(20).optional(),
});
export const queryAnswer = z
  .object({
    id: z.string(),
    federation: z.string(),
    run: z.string(),
    version: z.int(),
    hash: z.string(),
    mode: z.enum(QUERY_MODES),
    rows: z.int(),
    classes: z.array(z.string()).nullable(),
    predictions: z.array(z.looseObject({})).optional(),
    labels: z.array(z.string()).optional(),
    counts: z.array(z.number()).optional(),
    privacy: z.object({
      mechanism: z.enum(['post-processing', 'randomized-response', 'discrete-laplace']),
      protects: z.string(),
      epsilon: z.number(),
      training: z.looseObject({}).nullable(),
      charged: z.array(
        z.object({
          subject,
          epsilon: z.number().nullable(),
          delta: z.number(),
          remaining: z.number().nullable(),
          limit: z.number().nullable(),
        }),
      ),
    }),
  })
  .openapi('QueryAnswer');
