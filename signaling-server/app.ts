import { COMPRESSIBLE_CONTENT_TYPE_REGEX, compress } from 'hono/compress';
import type { Logger } from 'pino';
import { MurmurationError } from '../shared/errors/index.ts';
import type { Identity } from '../shared/identity/index.ts';
import type { Guard } from './access/guard.ts';
import type { Services } from './api/services.ts';
import type { ServerConfig } from './config.ts';
import type { EngineBoard } from './engines/engine-board.ts';
import type { HeldOutFiles } from './evaluation/held-out-files.ts';
import type { Judges } from './evaluation/judges.ts';
import { accessRoutes } from './http/access-routes.ts';
import { alertRoutes } from './http/alert-routes.ts';
import { auditRoutes } from './http/audit-routes.ts';
import { docsRoutes } from './http/docs-routes.ts';
import { type Api, createApi, endpointsOf } from './http/endpoint.ts';
import { federationRoutes } from './http/federation-routes.ts';
import { healthRoutes } from './http/health-route.ts';
import { heldOutRoutes } from './http/held-out-routes.ts';
import { metricsRoute } from './http/metrics-route.ts';
import { privacyRoutes } from './http/privacy-routes.ts';
import { problemResponse, statusOf } from './http/problem.ts';
import { type RateCounter, rateLimit } from './http/rate-limit.ts';
import { reliabilityRoutes } from './http/reliability-routes.ts';
import { rightsRoutes } from './http/rights-routes.ts';
import { roundRoutes } from './http/round-routes.ts';
import { runRoutes } from './http/run-routes.ts';
import { SAMPLE_TYPE, sampleRoutes } from './http/sample-routes.ts';
import { securityHeaders } from './http/security-headers.ts';
import { statusRoutes } from './http/status-routes.ts';
import { systemRoutes } from './http/system-routes.ts';
import { trainingRoutes } from './http/training-routes.ts';
import { versionRoutes } from './http/version-routes.ts';
import type { OperationsRepository } from './jobs/operations-repository.ts';
import { requestLog } from './log.ts';
import { httpMetrics } from './observe/http-metrics.ts';
import type { Observability } from './observe/open-observability.ts';
import type { Gate } from './reliability/gate.ts';
import { type SampleData, sampleData } from './sample-data.ts';
import type { Database } from './storage/database.ts';
import type { Repository } from './storage/repository.ts';

export interface AppContext {
  readonly config: Pick<ServerConfig, 'publicOrigin' | 'trustProxy' | 'writesPerMinute' | 'metricsPublic'>;
  readonly database: Pick<Database, 'kind' | 'ping'>;
  readonly repository: Repository;
  readonly services: Services;
  readonly incidents: Pick<OperationsRepository, 'listIncidents'>;
  /** Every route stands behind it. */
  readonly guard: Guard;
  readonly observability: Pick<Observability, 'metrics' | 'tracing'>;
  readonly counter: RateCounter;
  readonly gate: Gate;
  readonly heldOut: HeldOutFiles;
  readonly judges: Judges;
  readonly engines: EngineBoard;
  readonly identity: Pick<Identity, 'publicKey'>;
  readonly log: Logger;
  readonly samples?: SampleData;
}

/** Each runs two models over a held-out set. */
const COMPARISONS_PER_MINUTE = 30;

/** The HTTP API without the page, which is mounted last. Every refusal is problem details with our code. */
export function createApp(context: AppContext): Api {
  const { config, database, repository, services, gate, judges, engines, identity, log, counter } = context;
  const { audit, federations, versions } = services;
  const app = createApi();
  const add = endpointsOf(app, context.guard);
  const { trustProxy, writesPerMinute } = config;
  const limitWrites = rateLimit({ counter, name: 'write', perMinute: writesPerMinute, trustProxy });
  const limitComparisons = rateLimit({
    counter,
    name: 'compare',
    perMinute: COMPARISONS_PER_MINUTE,
    trustProxy,
  });

  app.onError((error, c) => {
    const code = error instanceof MurmurationError ? error.code : 'internal';
    const level = statusOf(code) >= 500 ? 'error' : 'debug';
    // Unknown where it failed before the guard.
    const { requestId } = c.get('caller')?.origin ?? {};
    const lines = requestId === undefined ? log : requestLog(log, requestId);
    lines[level]({ method: c.req.method, path: c.req.path, code, err: error }, 'request refused');
    return problemResponse(error);
  });
  app.notFound(() =>
    problemResponse(
      new MurmurationError('http.not-found', 'There is nothing at this address.', {
        remedy: 'Check the address and the method.',
      }),
    ),
  );

  const { metrics, tracing } = context.observability;
  app.use(tracing.middleware, httpMetrics(metrics));
  app.use(securityHeaders(config.publicOrigin));
  app.use(
    compress({
      contentTypeFilter: (type) => type === SAMPLE_TYPE || COMPRESSIBLE_CONTENT_TYPE_REGEX.test(type),
    }),
  );
  app.use('/api/*', async (c, next) => {
    await next();
    if (!c.res.headers.has('cache-control')) c.res.headers.set('cache-control', 'no-store');
  });

  metricsRoute(app, { metrics, guard: context.guard, isPublic: config.metricsPublic });
  healthRoutes(add, database, identity, { engines });
  federationRoutes(add, { services: { federations, versions }, repository, limitWrites });
  heldOutRoutes(add, { repository, files: context.heldOut, judges, audit, limitWrites, log });
  runRoutes(add, { repository, log });
  versionRoutes(add, { repository, versions, limitComparisons, limitWrites });
  reliabilityRoutes(add, { repository, gate, audit, limitWrites });
  privacyRoutes(add, { ...services, repository, limitWrites });
  trainingRoutes(add, { services, limitWrites });
  roundRoutes(add, { ...services, repository });
  alertRoutes(add, { ...services, limitWrites });
  accessRoutes(add, { ...services, limitWrites });
  auditRoutes(add, { ...services, limitWrites });
  systemRoutes(add, { ...services, incidents: context.incidents, limitWrites });
  rightsRoutes(add, { ...services, limitWrites });
  statusRoutes(add, { ...services, limitWrites });
  sampleRoutes(add, context.samples ?? sampleData());
  docsRoutes(app, add);
  return app;
}
