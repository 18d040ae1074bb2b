import { z } from '@hono/zod-openapi';
import { ALERT_KINDS } from '../../alerts/alert.ts';
import { atMs, federationId, line, next, opaqueId, page } from './fields.ts';

const severity = z.enum(['info', 'warning', 'critical']);
const kind = z.enum(ALERT_KINDS);

export const alert = z
  .object({
    id: z.string(),
    kind,
    severity,
    fingerprint: z.string(),
    federation: z.string().nullable(),
    training: z.string().nullable(),
    summary: z.string(),
    value: z.number().nullable(),
    threshold: z.number().nullable(),
    startedAtMs: atMs,
    resolvedAtMs: atMs.nullable(),
    acknowledgedAtMs: atMs.nullable(),
    acknowledgedBy: z.string().nullable(),
    silencedUntilMs: atMs.nullable(),
  })
  .openapi('Alert');
export const alertPage = z.object({ alerts: z.array(alert), next }).openapi('AlertPage');

export const alertQuery = z.strictObject({
  training: opaqueId.optional(),
  training_id: opaqueId.optional().openapi({ description: 'The training, by its other name' }),
  federation: federationId.optional(),
  severity: severity.optional(),
  kind: kind.optional(),
  state: z.enum(['firing', 'resolved']).optional(),
  ...page({ fallback: 50, max: 200 }),
});

export const silenceOrder = z.strictObject({
  kind: kind.nullable().default(null),
  federation: federationId.nullable().default(null),
  untilMs: atMs,
  reason: line(500),
});
export const silence = z
  .object({
    id: z.string(),
    kind: kind.nullable(),
    federation: z.string().nullable(),
    untilMs: atMs,
    reason: z.string(),
    createdBy: z.string(),
  })
  .openapi('Silence');

export const webhookOrder = z.strictObject({
  url: z.url().max(2000),
  kinds: z.array(kind).max(ALERT_KINDS.length).default([]).openapi({ description: 'None: all of them' }),
});
export const webhook = z
  .object({ id: z.string(), url: z.string(), kinds: z.array(kind), createdAtMs: atMs })
  .openapi('Webhook');
export const newWebhook = webhook
  .extend({ secret: z.string().openapi({ description: 'Deliveries are signed with it; shown once' }) })
  .openapi('NewWebhook');
