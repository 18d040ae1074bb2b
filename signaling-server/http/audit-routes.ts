import { z } from '@hono/zod-openapi';
import type { MiddlewareHandler } from 'hono';
import type { AuditLog } from '../audit/audit-log.ts';
import { defined } from './defined.ts';
import type { AddEndpoint } from './endpoint.ts';
import { integer, page, pattern } from './schemas/fields.ts';
import { auditPage, auditVerdict } from './schemas/system.ts';

export interface AuditRoutesContext {
  readonly audit: AuditLog;
  readonly limitWrites: MiddlewareHandler;
}

const TAG = 'Audit';
/** Milliseconds since the epoch, until the year 5138. */
const timeMs = integer({ max: 1e14 });
const name = pattern(/^[\x20-\x7e]{1,200}$/, 'at most 200 printable characters');

/** What was done here, by whom. */
export function auditRoutes(add: AddEndpoint, { audit, limitWrites }: AuditRoutesContext): void {
  add({
    method: 'get',
    path: '/api/audit',
    permission: 'audit:read',
    tag: TAG,
    summary: 'Entries of the audit log, newest first',
    query: z.strictObject({
      action: name.optional(),
      subject: name.optional(),
      actor: name.optional(),
      from: timeMs.optional(),
      to: timeMs.optional(),
      ...page(),
    }),
    answers: { 200: { description: 'A page of them', schema: auditPage } },
    async handle(c, { query: { from, to, ...query } }) {
      const { items, next } = await audit.list(defined({ ...query, fromMs: from, toMs: to }));
      return c.json({ entries: items, next });
    },
  });

  add({
    method: 'get',
    path: '/api/audit/verify',
    permission: 'audit:read',
    tag: TAG,
    summary: 'Reads the whole log, and checks its chain and checkpoints',
    use: [limitWrites],
    answers: { 200: { description: 'The verdict', schema: auditVerdict } },
    handle: async (c) => c.json(await audit.verify()),
  });
}
