import { z } from '@hono/zod-openapi';
import type { MiddlewareHandler } from 'hono';
import type { SecurityService } from '../api/security-service.ts';
import type { AddEndpoint } from './endpoint.ts';
import { auditVerdict } from './schemas/system.ts';

export interface StatusRoutesContext {
  readonly security: SecurityService;
  readonly limitWrites: MiddlewareHandler;
}

const count = z.int();
const securityStatus = z
  .object({
    timestamp: z.iso.datetime(),
    refused: z.record(z.string(), count).openapi({ description: 'By code, since this process started' }),
    failedAuthentications: count,
    rateLimited: count,
    blocked: count,
    quarantined: count,
    audit: auditVerdict.extend({ checkedAt: z.iso.datetime() }),
    keys: z.object({ good: count, ending: count, nextExpiryMs: z.int().nullable() }),
    federations: z.object({ secure: count, total: count }),
  })
  .openapi('SecurityStatus');

/** For whoever watches over the server. */
export function statusRoutes(add: AddEndpoint, context: StatusRoutesContext): void {
  add({
    method: 'get',
    path: '/security/status',
    permission: 'system:read',
    tag: 'System',
    summary: 'Refusals, exclusions, keys that end, and whether the audit log holds',
    use: [context.limitWrites],
    answers: { 200: { description: 'The summary', schema: securityStatus } },
    handle: async (c) => c.json(await context.security.status()),
  });
}
