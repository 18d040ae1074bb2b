import { z } from '@hono/zod-openapi';
import { TRAINING_STATUSES } from '../../jobs/training.ts';
import { atMs, line, next } from './fields.ts';
import { training } from './training.ts';

export const drainState = z
  .object({
    draining: z.boolean(),
    empty: z.boolean().openapi({ description: 'All rounds have come to an end' }),
    roundsUnderWay: z.int(),
    halted: z.boolean(),
  })
  .openapi('DrainState');

export const systemHealth = z
  .object({
    status: z.enum(['healthy', 'degraded', 'unhealthy']),
    health_status: z
      .enum(['healthy', 'degraded', 'unhealthy'])
      .openapi({ description: 'The status once more' }),
    components: z.record(
      z.string(),
      z.object({ status: z.enum(['ok', 'unavailable']), code: z.string().nullable() }),
    ),
    uptimeSeconds: z.int(),
    cpu: z.object({ cores: z.int(), load1m: z.number() }),
    memory: z.object({
      residentBytes: z.int(),
      heapUsedBytes: z.int(),
      freeBytes: z.int(),
      totalBytes: z.int(),
    }),
    eventLoopDelayMs: z.object({ mean: z.number(), p99: z.number() }),
    drain: drainState,
    statistics: z.object({
      federations: z.int(),
      trainings: z.partialRecord(z.enum(TRAINING_STATUSES), z.int()),
      participants: z.int(),
    }),
  })
  .openapi('SystemHealth');

/** Typed out, so that nobody does it by a slip. */
export const STOP_ALL = 'stop all rounds';
export const stopAllOrder = z.strictObject({
  confirm: z.literal(STOP_ALL),
  reason: line(200),
});
export const stoppedAll = z
  .object({ trainings: z.array(training), federations: z.array(z.string()), incident: z.string().nullable() })
  .openapi('StoppedAll');

export const incident = z
  .object({
    id: z.string(),
    openedAtMs: atMs,
    closedAtMs: atMs.nullable(),
    openedBy: z.string(),
    reason: z.string(),
    report: z.looseObject({}),
  })
  .openapi('Incident');
export const incidentPage = z.object({ incidents: z.array(incident), next }).openapi('IncidentPage');

export const auditEntry = z
  .object({
    seq: z.int(),
    atMs,
    action: z.string(),
    subject: z.string(),
    actor: z.string(),
    role: z.string().nullable(),
    address: z.string(),
    requestId: z.string(),
    outcome: z.enum(['done', 'refused', 'begun', 'failed']),
    code: z.string().nullable().optional(),
    before: z.looseObject({}).nullable().optional(),
    after: z.looseObject({}).nullable().optional(),
    previousHash: z.string(),
    hash: z.string(),
  })
  .openapi('AuditEntry');
export const auditPage = z.object({ entries: z.array(auditEntry), next }).openapi('AuditPage');
export const auditVerdict = z
  .object({
    ok: z.boolean(),
    entries: z.int(),
    checkpoints: z.int(),
    broken: z.object({ seq: z.int(), why: z.string() }).nullable(),
    unfinished: z.array(z.int()),
  })
  .openapi('AuditVerdict');
