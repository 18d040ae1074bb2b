import { Hono } from 'hono';
import { COMPRESSIBLE_CONTENT_TYPE_REGEX, compress } from 'hono/compress';
import type { Logger } from 'pino';
import { MurmurationError } from '../shared/errors/index.ts';
import type { Identity } from '../shared/identity/index.ts';
import type { ServerConfig } from './config.ts';
import type { EngineBoard } from './engines/engine-board.ts';
import type { HeldOutFiles } from './evaluation/held-out-files.ts';
import type { Judges } from './evaluation/judges.ts';
import { federationRoutes } from './http/federation-routes.ts';
import { healthRoute } from './http/health-route.ts';
import { heldOutRoutes } from './http/held-out-routes.ts';
import { operatorOnly } from './http/operator.ts';
import { privacyRoutes } from './http/privacy-routes.ts';
import { problemResponse, statusOf } from './http/problem.ts';
import { rateLimit } from './http/rate-limit.ts';
import { reliabilityRoutes } from './http/reliability-routes.ts';
import { runRoutes } from './http/run-routes.ts';
import { SAMPLE_TYPE, sampleRoutes } from './http/sample-routes.ts';
import { securityHeaders } from './http/security-headers.ts';
import { versionRoutes } from './http/version-routes.ts';
import type { BudgetService } from './privacy/budget-service.ts';
import type { Gate } from './reliability/gate.ts';
import { type SampleData, sampleData } from './sample-data.ts';
import type { Database } from './storage/database.ts';
import type { Repository } from './storage/repository.ts';

export interface AppContext {
  readonly config: Pick<ServerConfig, 'publicOrigin' | 'trustProxy' | 'writesPerMinute' | 'operatorKey'>;
  readonly database: Pick<Database, 'kind' | 'ping'>;
  readonly repository: Repository;
  readonly budgets: Pick<BudgetService, 'budgetOf' | 'spentIn'>;
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
export function createApp({
  config,
  database,
  repository,
  budgets,
  gate,
  heldOut,
  judges,
  engines,
  identity,
  log,
  samples,
}: AppContext): Hono {
  const app = new Hono();
  const limitWrites = rateLimit(config.writesPerMinute, config.trustProxy, Date.now);

  const limitComparisons = rateLimit(COMPARISONS_PER_MINUTE, config.trustProxy, Date.now);
  const operator = operatorOnly(config.operatorKey);

  app.onError((error, c) => {
    const code = error instanceof MurmurationError ? error.code : 'internal';
    const level = statusOf(code) >= 500 ? 'error' : 'debug';
    log[level]({ method: c.req.method, path: c.req.path, code, err: error }, 'request refused');
    return problemResponse(error);
  });
  app.notFound(() =>
    problemResponse(
      new MurmurationError('http.not-found', 'There is nothing at this address.', {
        remedy: 'Check the address and the method.',
      }),
    ),
  );

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

  app.route('/health', healthRoute(database, identity, { engines }));
  app.route('/api/federations', federationRoutes(repository, limitWrites));
  app.route(
    '/api/federations',
    heldOutRoutes({ repository, files: heldOut, judges, operatorOnly: operator, limitWrites, log }),
  );
  app.route('/api/runs', runRoutes({ repository, log }));
  app.route('/api/runs', versionRoutes({ repository, judges, limitComparisons }));
  app.route('/', reliabilityRoutes({ repository, gate, operatorOnly: operator, limitWrites, log }));
  app.route('/', privacyRoutes({ repository, budgets }));
  app.route('/api/sample', sampleRoutes(samples ?? sampleData()));
  return app;
}
