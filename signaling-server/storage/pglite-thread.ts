import { parentPort, workerData } from 'node:worker_threads';
import { PGlite } from '@electric-sql/pglite';
import { drizzle } from 'drizzle-orm/pglite';
import { migrate } from 'drizzle-orm/pglite/migrator';
import type { PgliteReply, PgliteRequest } from './pglite-protocol.ts';

/** The embedded database runs here, in a thread of its own: a statement would otherwise block every socket. */
let opened: Promise<PGlite> | undefined;
const open = (): Promise<PGlite> => {
  opened ??= PGlite.create((workerData as { folder: string }).folder).catch((error: unknown) => {
    opened = undefined;
    throw error;
  });
  return opened;
};

parentPort!.on('message', (request: PgliteRequest) => {
  perform(request)
    .then((rows): PgliteReply => ({ id: request.id, rows }))
    .catch((thrown: unknown): PgliteReply => ({ id: request.id, error: describe(thrown) }))
    .then((reply) => parentPort!.postMessage(reply));
});

async function perform(request: PgliteRequest): Promise<unknown[][]> {
  const database = await open();
  switch (request.type) {
    case 'query': {
      const result = await database.query(request.statement, [...request.parameters], { rowMode: 'array' });
      return result.rows as unknown[][];
    }
    case 'migrate':
      await migrate(drizzle(database), { migrationsFolder: request.folder });
      return [];
    case 'maintain':
      await database.exec('VACUUM (ANALYZE)');
      await database.exec('CHECKPOINT');
      return [];
    case 'close':
      await database.exec('CHECKPOINT');
      await database.close();
      return [];
  }
}

function describe(thrown: unknown): { code: string; message: string } {
  const error = thrown as { code?: unknown; errno?: unknown; message?: unknown; cause?: unknown };
  if (error.code === undefined && error.cause instanceof Error) return describe(error.cause);
  return { code: String(error.code ?? ''), message: String(error.message ?? thrown) };
}
