import { z } from '@hono/zod-openapi';

/** A refusal (RFC 9457). */
export const problem = z
  .object({
    type: z.string().openapi({ example: 'urn:murmuration:error:http.bad-request' }),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    /** Stable: programs match on it. */
    code: z.string().openapi({ example: 'http.bad-request' }),
    path: z.string().optional().openapi({ description: 'Where in the request it is' }),
    expected: z.string().optional(),
    received: z.string().optional(),
    remedy: z.string().optional(),
  })
  .openapi('Problem');
