import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import { createAdaptorServer } from '@hono/node-server';
import type { Hono } from 'hono';
import type { Logger } from 'pino';
import { MurmurationError } from '../shared/errors/index.ts';
import type { Identity } from '../shared/identity/index.ts';
import { webCryptoRandom } from '../shared/random/index.ts';
import { createApp } from './app.ts';
import type { ServerConfig } from './config.ts';
import { createEngineBoard, type EngineBoard } from './engines/engine-board.ts';
import { heldOutFiles } from './evaluation/held-out-files.ts';
import { createJudges, type Judges } from './evaluation/judges.ts';
import { mountPage } from './http/page-routes.ts';
import { createLog } from './log.ts';
import type { BudgetService } from './privacy/budget-service.ts';
import { openBudgets } from './privacy/open-budgets.ts';
import { createGate, type Gate } from './reliability/gate.ts';
import { seedSamples } from './seed.ts';
import { openDatabase } from './storage/database.ts';
import { fileBlobStore } from './storage/file-blob-store.ts';
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
  /** Run models on the held-out examples of the operator. */
  readonly judges: Judges;
  /** What computes what here. */
  readonly engines: EngineBoard;
  /** What this server signs with. */
  readonly identity: Identity;
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
  /** Called in order, before listening; routes they add come before the page's. Closed in reverse. */
  readonly attach?: readonly ((context: ServerContext) => Promise<Attachment>)[];
}

export interface RunningServer {
  readonly url: string;
  readonly port: number;
  readonly repository: Repository;
  /** Limits and charges: for those who run the server; no address changes them. */
  readonly budgets: BudgetService;
  readonly gate: Gate;
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
    const repository = repositoryOver(database, fileBlobStore(join(config.dataDir, 'blobs')), config);
    await seedSamples(repository, log);
    const identity = await repository.serverIdentity(webCryptoRandom(globalThis.crypto));

    const budgets = openBudgets(repository, log);

    const gate = createGate(repository);
    const engines = createEngineBoard();
    const heldOut = heldOutFiles(config.dataDir);
    const judges = createJudges({ files: heldOut, board: engines, log });
    closers.push(() => judges.close());

    const served = { config, database, repository, budgets, gate, heldOut, judges, engines, identity, log };
    const app = createApp(served);
    const httpServer = createAdaptorServer({ fetch: app.fetch }) as Server;
    const stop = gracefulStop(httpServer, log);
    // Closed in reverse: first nothing new, then the attachments, then what is still at hand, last the database.
    closers.push(stop.finishRequests);
    for (const attach of overrides.attach ?? []) {
      const attachment = await attach({
        app,
        httpServer,
        repository,
        budgets,
        gate,
        judges,
        engines,
        identity,
        config,
        log,
      });
      closers.push(() => attachment.close());
    }
    mountPage(app, resolve(config.webRoot));

    await listen(httpServer, config);
    closers.push(stop.acceptNoMore);
    const { port } = httpServer.address() as AddressInfo;
    const url = config.publicOrigin ?? `http://${urlHost(config.host)}:${port}`;
    log.info({ url, port, database: database.kind }, 'listening');
    return { url, port, repository, budgets, gate, close };
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
