import { max } from 'drizzle-orm';
import type { Logger } from 'pino';
import { toErrorRecord } from '../../shared/errors/index.ts';
import type { AlertService } from '../alerts/alert.ts';
import { alertRepository } from '../alerts/alert-repository.ts';
import { alertService } from '../alerts/alert-service.ts';
import { startAlerting } from '../alerts/alerting.ts';
import { type Delivery, deliver } from '../alerts/webhook-delivery.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { ServerConfig } from '../config.ts';
import type { ServerEvents } from '../events.ts';
import type { JobQueue } from '../jobs/queue.ts';
import type { BudgetService } from '../privacy/budget-service.ts';
import type { Database } from '../storage/database.ts';
import { auditEntries, feedCursors } from '../storage/operator-schema.ts';
import type { Repository } from '../storage/repository.ts';
import { readCertificates } from './certificates.ts';
import { createMetrics, type FeedLag, type MetricSources, type Metrics } from './metrics.ts';
import { recallBudgets, recallEvents } from './recall.ts';
import { startSampler } from './sampler.ts';
import { startTracing, type Tracing } from './tracing.ts';

export interface ObservabilityOptions {
  readonly events: ServerEvents;
  readonly database: Database;
  readonly repository: Repository;
  readonly budgets: Pick<BudgetService, 'budgetOf'>;
  readonly audit: AuditLog;
  readonly queue: Pick<JobQueue, 'work' | 'send' | 'has' | 'backlog'>;
  readonly config: Pick<
    ServerConfig,
    'queueBacklogThreshold' | 'tlsCertFile' | 'allowPrivateWebhooks' | 'otlpEndpoint'
  >;
  readonly log: Logger;
  readonly sampleEveryMs?: number;
}

export const WEBHOOK_JOB = 'alert-webhook';
/** With pauses that double from seconds on: a receiver may be away for half an hour. */
const WEBHOOK_RETRIES = 10;

/** What tells how this server is doing. */
export interface Observability {
  readonly metrics: Metrics;
  readonly tracing: Tracing;
  readonly alerts: AlertService;
  /** Measures now, and judges it. Resolves when what follows is written. */
  sample(): Promise<void>;
  /** What only the live parts know. */
  read(sources: Partial<MetricSources>): void;
  close(): Promise<void>;
}

/** @throws `storage.unavailable`. */
export async function openObservability(options: ObservabilityOptions): Promise<Observability> {
  const { events, database, repository, budgets, audit, queue, config, log } = options;
  const lifetime = new AbortController();
  const metrics = createMetrics({ backlogThreshold: config.queueBacklogThreshold });
  const tracing = await startTracing(config.otlpEndpoint, log);
  const rows = alertRepository(database);
  const alerting = await startAlerting({
    repository: rows,
    events,
    audit,
    deliveries: {
      // The queue tells jobs with one key apart only while they wait.
      async send(delivery) {
        if (await queue.has(WEBHOOK_JOB, delivery.id)) return;
        await queue.send(WEBHOOK_JOB, delivery, { singletonKey: delivery.id, retryLimit: WEBHOOK_RETRIES });
      },
    },
    log,
    thresholds: { queueBacklog: config.queueBacklogThreshold },
  });
  await queue.work<Delivery>(WEBHOOK_JOB, (delivery, signal) =>
    deliver(delivery, { repository: rows, allowPrivate: config.allowPrivateWebhooks }, signal),
  );
  metrics.read({ alerts: () => alerting.firing() });
  const unsubscribe = events.subscribe((event) => {
    metrics.note(event);
    tracing.note(event);
  });
  const sampler = startSampler({
    database,
    blobs: repository.blobs,
    queueBacklog: () => queue.backlog(),
    certificates: () => readCertificates(config.tlsCertFile, database, Date.now()),
    feedLag: () => readFeedLag(database),
    onSample(sample, feeds) {
      metrics.noteSample(sample, feeds);
      alerting.tick(sample);
    },
    log,
    ...(options.sampleEveryMs === undefined ? {} : { everyMs: options.sampleEveryMs }),
  });

  const remember = (recalled: Awaited<ReturnType<typeof recallEvents>>): void => {
    for (const event of recalled) {
      metrics.recall(event);
      alerting.recall(event);
    }
  };
  remember(await recallEvents(database));
  // Accounting takes a while where much was released; nothing waits for it.
  const recalling = recallBudgets(repository, budgets, lifetime.signal).then(remember, (err: unknown) =>
    log.warn({ code: toErrorRecord(err).code, err }, 'budgets are not shown until they change'),
  );
  await sampler.sample();

  return {
    metrics,
    tracing,
    alerts: alertService({
      repository: rows,
      alerting,
      audit,
      allowPrivateWebhooks: config.allowPrivateWebhooks,
    }),
    async sample() {
      await sampler.sample();
      await alerting.settled();
    },
    read: metrics.read,
    async close() {
      lifetime.abort();
      unsubscribe();
      await sampler.close();
      await recalling;
      await alerting.close();
      await tracing.close();
      metrics.close();
    },
  };
}

async function readFeedLag(database: Pick<Database, 'run'>): Promise<FeedLag> {
  const [newest] = await database.run((db) => db.select({ seq: max(auditEntries.seq) }).from(auditEntries));
  const cursors = await database.run((db) => db.select().from(feedCursors));
  return new Map(cursors.map(({ feed, seq }) => [feed, Math.max(0, Number(newest?.seq ?? 0) - seq)]));
}
