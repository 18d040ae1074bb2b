import type { z } from '@hono/zod-openapi';
import { expect, expectTypeOf, test } from 'vitest';
import type * as client from '../../shared/client/index.ts';
import type * as access from './schemas/access.ts';
import type * as alert from './schemas/alert.ts';
import type * as federation from './schemas/federation.ts';
import * as privacy from './schemas/privacy.ts';
import * as run from './schemas/run.ts';
import type * as system from './schemas/system.ts';
import * as training from './schemas/training.ts';

/**
 * shared/client says in types what these schemas say of answers. Checked by the compiler (`npm run types`), both ways as far as types are alike;
 * and an answer that is typed as the client's is one by the schema.
 */
type Deep<T> = T extends (infer E)[]
  ? readonly Deep<E>[]
  : T extends object
    ? { readonly [K in keyof T]: Deep<T[K]> }
    : T;
type AnswerOf<S extends z.ZodType> = Deep<z.output<S>>;

test('the types of the client are those of the schemas', () => {
  expectTypeOf<AnswerOf<typeof training.training>>().toExtend<client.Training>();
  expectTypeOf<client.Training>().toExtend<AnswerOf<typeof training.training>>();
  expectTypeOf<AnswerOf<typeof training.trainingMetrics>>().toExtend<client.TrainingMetrics>();
  expectTypeOf<AnswerOf<typeof federation.run>>().toExtend<client.Run>();
  expectTypeOf<AnswerOf<typeof federation.settings>>().toExtend<client.FederationSettings>();
  expectTypeOf<AnswerOf<typeof federation.promotion>>().toExtend<client.Promotion>();
  expectTypeOf<AnswerOf<typeof run.versionPage>['versions'][number]>().toExtend<client.Version>();
  expectTypeOf<AnswerOf<typeof run.checksum>>().toExtend<client.Checksum>();
  expectTypeOf<AnswerOf<typeof privacy.budget>>().toExtend<client.PrivacyBudget>();
  expectTypeOf<AnswerOf<typeof alert.alert>>().toExtend<client.Alert>();
  expectTypeOf<client.Alert>().toExtend<AnswerOf<typeof alert.alert>>();
  expectTypeOf<AnswerOf<typeof access.accessKey>>().toExtend<client.AccessKey>();
  expectTypeOf<AnswerOf<typeof access.invitation>>().toExtend<client.Invitation>();
  expectTypeOf<AnswerOf<typeof system.drainState>>().toExtend<client.DrainState>();
  expectTypeOf<AnswerOf<typeof system.auditEntry>>().toExtend<client.AuditEntry>();
});

test.each([
  [
    'a training',
    training.training,
    {
      id: 't',
      training_id: 't',
      jobName: 'j',
      federation: 'f',
      run: 'r',
      status: 'SUCCEEDED',
      config: { maxRounds: 3, earlyStopping: { metric: 'loss', patience: 2, minDelta: 0 } },
      clients: [],
      round: 3,
      accuracy: 0.5,
      loss: null,
      reason: 'maximum-rounds',
      revision: 4,
      createdBy: 'key:1',
      createdAtMs: 1,
      updatedAtMs: 2,
      startedAtMs: 1,
      endedAtMs: 2,
    } satisfies client.Training,
  ],
  [
    'a budget',
    privacy.budget,
    {
      format: 'murmuration/server-privacy-budget',
      formatVersion: 1,
      subject: { kind: 'federation', id: 'f' },
      unit: 'record',
      epsilon: null,
      delta: 1e-5,
      accountant: 'min(rdp, pld)',
      events: [{ event: {}, count: 2 }],
      trustModels: ['none'],
      timestamp: '2026-01-01T00:00:00.000Z',
      limit: { epsilon: 3, delta: 1e-5, epsilon_per_query: null },
      spent: null,
      remaining: 0,
      warning: 'privacy.budget-exceeded',
    } satisfies client.PrivacyBudget,
  ],
  [
    'a version',
    run.versionPage.shape.versions.element,
    {
      version: 1,
      hash: 'h',
      base: 'b',
      survivors: 3,
      evaluation: { total: 10, correct: 9, lossSum: 1.5 },
      best: true,
      rollback: null,
      bytes: 4,
    } satisfies client.Version,
  ],
])('%s that is typed as the client’s is one by the schema', (_, schema, answer) => {
  expect(schema.safeParse(answer)).toEqual({ success: true, data: answer });
});
