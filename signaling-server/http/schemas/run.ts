import { z } from '@hono/zod-openapi';
import { modelHash, next } from './fields.ts';

const hash = z.string();
const counts = z.looseObject({ total: z.number(), correct: z.number(), lossSum: z.number() });

export const roundRecords = z
  .object({
    rounds: z.array(
      z
        .looseObject({
          round: z.int(),
          hash,
          baseHash: hash,
          survivors: z.array(z.string()),
          dropped: z.array(z.string()),
          startedAtMs: z.number(),
          evaluation: counts.nullable(),
        })
        .openapi('RoundRecord', { description: 'As participants sign it: docs/SPEC.md' }),
    ),
  })
  .openapi('RoundRecords');

export const runMetrics = z
  .object({
    metrics: z.array(z.object({ round: z.int(), name: z.string(), value: z.number() })),
  })
  .openapi('RunMetrics');

export const models = z
  .object({
    models: z.array(z.object({ version: z.int(), hash, layoutHash: hash, bytes: z.int() })),
  })
  .openapi('Models');

export const versionPage = z
  .object({
    versions: z.array(
      z
        .object({
          version: z.int(),
          hash,
          base: hash,
          survivors: z.int(),
          evaluation: counts.nullable(),
          best: z.boolean(),
          rollback: z.int().nullable(),
          bytes: z.int().nullable(),
        })
        .openapi('Version'),
    ),
    next,
  })
  .openapi('VersionPage');

const judged = z.object({
  version: z.int(),
  hash,
  accuracy: z.number().nullable(),
  loss: z.number().nullable(),
  examples: z.int().nullable(),
});
export const comparison = z
  .object({
    run: z.string(),
    from: judged,
    to: judged,
    distance: z.looseObject({}),
    predictions: z.looseObject({}).nullable(),
  })
  .openapi('VersionComparison');

export const checksum = z
  .object({
    run: z.string(),
    version: z.int(),
    hash,
    layoutHash: hash,
    bytes: z.int(),
    sha256: z.string(),
  })
  .openapi('Checksum');

export const confirmation = z.strictObject({
  hash: modelHash.openapi({ description: 'Of the version: that it is the one that was looked at' }),
});
export const rollBackOrder = confirmation.extend({ to: z.int().min(0) });
export const rolledBack = z
  .object({ run: z.string(), to: z.int(), hash })
  .openapi('RolledBack', { description: 'Which version the model becomes again, under a number of its own' });
