import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { resolve } from 'node:path';
import { createAdaptorServer } from '@hono/node-server';
import type { Hono } from 'hono';
import type { Logger } from 'pino';
import { MurmurationError } from '../shared/errors/index.ts';
import type { Identity } from '../shared/identity/index.ts';
import { webCryptoRandom } from '../shared/random/index.ts';
import { type Access, openAccess } from './access/open-access.ts';
import { componentChecks } from './api/component-checks.ts';
import { type LateFederations, lateFederations } from './api/live-federations.ts';
import { openServices } from './api/open-services.ts';
import type { Services } from './api/services.ts';
import { createApp } from './app.ts';
import { createAuditLog } from './audit/create-audit-log.ts';
import { checkClock } from './clock-check.ts';
import type { ServerConfig } from './config.ts';
import { createEngineBoard, type EngineBoard } from './engines/engine-board.ts';
import { heldOutFiles } from './evaluation/held-out-files.ts';
import { createJudges, type Judges } from './evaluation/judges.ts';
import { createEvents, type ServerEvents } from './events.ts';
import { mountPage } from './http/page-routes.ts';
import { openQueue } from './jobs/open-queue.ts';
import { openTrainings, type Trainings } from './jobs/open-trainings.ts';
import { operationsRepository } from './jobs/operations-repository.ts';
import type { JobQueue } from './jobs/queue.ts';
import { attachLive } from './live/live-server.ts';
import { createLog } from './log.ts';
import { type Observability, openObservability } from './observe/open-observability.ts';
import type { BudgetService } from './privacy/budget-service.ts';
import { openBudgets } from './privacy/open-budgets.ts';
import { createGate, type Gate } from './reliability/gate.ts';
import { shareGate } from './reliability/share-gate.ts';
import { openReplicas, type Replicas } from './replicas/open-replicas.ts';
import { erasedRegister } from './rights/erased.ts';
import { guardErased } from './rights/guard-erased.ts';
import { openRights, type Rights } from './rights/open-rights.ts';
import { seedSamples } from './seed.ts';
import { openDatabase } from './storage/database.ts';
import { openBlobStore } from './storage/open-blob-store.ts';
import { type Repository, repositoryOver } from './storage/repository.ts';

/** What a part that is mounted on the server may use. */
export interface ServerContext {
  readonly app: Hono;
  /** Not listening yet. For `upgrade` events. */
  readonly httpServer: Server;
  readonly repository: Repository;
  readonly budgets: BudgetService;
  /** Who may not take part. */
  readonly gate: Gate;
  /** Who asks, and what it may do. */
  readonly access: Access;
  /** What all doors call. */
  readonly services: Services;
  /** What the live parts tell the routes. */
  readonly live: LateFederations;
  /** Run models on the held-out examples of the operator. */
  readonly judges: Judges;
  /** What computes what here. */
  readonly engines: EngineBoard;
  /** What this server signs with. */
  readonly identity: Identity;
  /** What makes several processes one server. */
  readonly replicas: Replicas;
  /** What happens on this server, told as it happens. */
  readonly events: ServerEvents;
  readonly rights: Rights;
  readonly trainings: Trainings;
  /** Work that is to be done later. */
  readonly queue: JobQueue;
  readonly observability: Observability;
  readonly config: ServerConfig;
  readonly log: Logger;
}

/** A part of the server with connections or timers of its own. */
export interface Attachment {
  /** Ends its connections. Called after the server stopped accepting, before the database closes. */
  close(): Promise<void>;
}

export interface ServerOverrides {
  readonly log?: Logger;
  /** Shows the first operator's key, this once. Left out, none is made. */
  readonly announceKey?: (key: string) => void;
  /** How often is measured what nobody tells of: the database, files, certificates, jobs that wait. */
  readonly sampleEveryMs?: number;
  /** Called in order, before listening; routes they add come before the page's. Closed in reverse. */
  readonly attach?: readonly ((context: ServerContext) => Promise<Attachment>)[];
}

export interface RunningServer {
  readonly url: string;
  readonly port: number;
  readonly repository: Repository;
  /** What was spent, limits and charges. */
  readonly budgets: BudgetService;
  readonly gate: Gate;
  readonly access: Access;
  /** Finishes the requests at hand, then closes everything. A second call waits for the first. */
  close(): Promise<void>;
}

/** How long requests at hand may take to finish once the server stops. */
const GRACE_MS = 10_000;

/**
 * Starts the server; resolves once it accepts connections. When any part fails to start, what was started
 * before it is closed again.
 * @throws `storage.locked`, `storage.unavailable`, `storage.full`; `http.unavailable` when it cannot listen.
 */
export async function startServer(
  config: ServerConfig,
  overrides: ServerOverrides = {},
): Promise<RunningServer> {
  const log = overrides.log ?? createLog(config.logLevel);
  const closers: (() => Promise<void>)[] = [];
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= closeAll(closers, log);
    return closing;
  };
  try {
    const database = await openDatabase({ dataDir: config.dataDir, databaseUrl: config.databaseUrl, log });
    closers.push(() => database.close());
    const random = webCryptoRandom(globalThis.crypto);
    const stored = repositoryOver(database, openBlobStore(config.dataDir, config.blobPlace), config);
    await seedSamples(stored, log);
    const identity = await stored.serverIdentity(random);
    const erased = await erasedRegister({ database, identity });
    const repository = guardErased(stored, erased, random);

    const replicas = await openReplicas({ config, identity, log });
    closers.push(() => replicas.close());

    const events = replicas.share(createEvents(log));
    const audit = createAuditLog({ database, identity, isErased: erased.isErased });
    const live = lateFederations();
    const rights = openRights({
      config,
      database,
      repository,
      audit,
      events,
      erased,
      identity,
      random,
      live,
      log,
    });
    const { announceKey } = overrides;
    const access = await openAccess({
      config,
      database,
      identity,
      audit,
      events,
      log,
      announceKey,
      counter: replicas.counter,
      isErased: erased.isErased,
      onConsent: rights.consents.onConsent,
    });

    const budgets = openBudgets(repository, log, { events, config });
    events.subscribe((event) => {
      if (event.type === 'participant-erased') budgets.forget(event.participant);
    });

    const gate = shareGate(createGate(repository), replicas.bus);
    closers.push(async () => gate.close());
    const engines = createEngineBoard();
    const heldOut = heldOutFiles(config.dataDir);
    const judges = createJudges({ files: heldOut, board: engines, log });
    closers.push(() => judges.close());

    const queue = await openQueue({ database, log });
    closers.push(() => queue.close());
    closers.push(() => rights.close());
    await rights.start({ queue, leadership: replicas.leadership });
    const trainings = await openTrainings({
      database,
      repository,
      events,
      audit,
      budgets,
      queue,
      leadership: replicas.leadership,
      maxConcurrent: config.maxConcurrentTrainings,
      log,
    });
    closers.push(() => trainings.close());

    const { sampleEveryMs } = overrides;
    const observability = await openObservability({
      events,
      database,
      repository,
      budgets,
      audit,
      queue,
      config,
      log,
      ...(sampleEveryMs === undefined ? {} : { sampleEveryMs }),
    });
    closers.push(() => observability.close());

    const services = openServices({
      database,
      repository,
      access,
      audit,
      events,
      budgets,
      judges,
      identity,
      live,
      trainings: trainings.service,
      alerts: observability.alerts,
      rights: rights.service,
      checks: componentChecks({
        ...{ blobs: stored.blobs, queue, bus: replicas.bus },
        checkClock: () => checkClock(database),
      }),
      config,
    });
    closers.push(async () => services.close());
    const served = {
      config,
      database,
      repository,
      services,
      observability,
      incidents: operationsRepository(database),
      guard: access.guard,
      counter: access.counter,
      gate,
      heldOut,
      judges,
      engines,
      identity,
      log,
    };
    const app = createApp(served);
    const httpServer = createAdaptorServer({ fetch: app.fetch }) as Server;
    const stop = gracefulStop(httpServer, log);
    // Closed in reverse: first nothing new, then the attachments, then what is still at hand, last the database.
    closers.push(stop.finishRequests);
    const watchers = attachLive({
      httpServer,
      events,
      trainings: trainings.service,
      authenticate: access.authenticate,
      authorize: access.authorize,
      onRefused: access.onRefused,
      trustProxy: config.trustProxy,
      log,
    });
    closers.push(() => watchers.close());
    for (const attach of overrides.attach ?? []) {
      const attachment = await attach({
        app,
        httpServer,
        repository,
        budgets,
        gate,
        access,
        services,
        live,
        judges,
        engines,
        identity,
        replicas,
        events,
        rights,
        trainings,
        queue,
        observability,
        config,
        log,
      });
      closers.push(() => attachment.close());
    }
    mountPage(app, resolve(config.webRoot), access.guard);

    await listen(httpServer, config);
    closers.push(stop.acceptNoMore);
    const { port } = httpServer.address() as AddressInfo;
    const url = config.publicOrigin ?? `http://${urlHost(config.host)}:${port}`;
    log.info({ url, port, database: database.kind }, 'listening');
    return { url, port, repository, budgets, gate, access, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function listen(server: Server, { host, port }: ServerConfig): Promise<void> {
  return new Promise((settle, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      reject(
        new MurmurationError('http.unavailable', 'The server cannot listen.', {
          expected: `a free address and port, such as ${host}:${port}`,
          received: cause.code ?? cause.message,
          remedy: 'Stop whatever uses that port, or set HOST and PORT.',
          cause,
        }),
      );
    });
    server.listen(port, host, settle);
  });
}

interface GracefulStop {
  acceptNoMore(): Promise<void>;
  /** Waits for the requests at hand, and cuts those that do not come to an end. */
  finishRequests(): Promise<void>;
}

function gracefulStop(server: Server, log: Logger): GracefulStop {
  let finished: Promise<void> | undefined;
  // A connection that is kept alive after its last answer would hold the server up.
  server.on('request', (_request, response) => {
    response.once('close', () => setImmediate(() => finished && server.closeIdleConnections()));
  });
  return {
    async acceptNoMore() {
      finished = new Promise((settle) => server.close(() => settle()));
    },
    async finishRequests() {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((settle) => {
        timer = setTimeout(() => {
          log.warn('some requests did not finish in time; they are cut');
          server.closeAllConnections();
          settle();
        }, GRACE_MS);
      });
      await Promise.race([finished, late]);
      clearTimeout(timer);
    },
  };
}

/** Closes in reverse order, all of it, whatever fails on the way. @throws the first failure. */
async function closeAll(closers: readonly (() => Promise<void>)[], log: Logger): Promise<void> {
  const failures: unknown[] = [];
  for (const close of [...closers].reverse()) {
    try {
      await close();
    } catch (error) {
      log.error({ err: error }, 'a part of the server did not close cleanly');
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
}

function urlHost(host: string): string {
  if (host === '0.0.0.0' || host === '::') return 'localhost';
  return host.includes(':') ? `[${host}]` : host;
}
