import { z } from '@hono/zod-openapi';
import { next } from './fields.ts';

const time = z.iso.datetime().nullable();

/** By the names of the tables rounds and model_versions, as people know them. */
export const round = z
  .object({
    round_id: z.string(),
    federation: z.string(),
    round_number: z.int(),
    status: z.enum(['waiting', 'in_progress', 'completed', 'rolled_back']),
    started_at: time,
    completed_at: time,
    global_model_version: z.string().nullable(),
  })
  .openapi('Round');

export const modelVersion = z
  .object({
    version_id: z.string(),
    version: z.string(),
    round_number: z.int(),
    accuracy: z.number().nullable(),
    loss: z.number().nullable(),
    model_blob_url: z.string().nullable().openapi({ description: 'Null where this server does not keep it' }),
    created_at: z.iso.datetime(),
  })
  .openapi('ModelVersion');
export const modelVersionPage = z
  .object({ model_versions: z.array(modelVersion), next })
  .openapi('ModelVersionPage');
