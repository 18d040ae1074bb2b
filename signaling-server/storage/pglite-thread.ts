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

async function perform(request: PgliteRequest): Promise<readonly unknown[]> {
  const database = await open();
  switch (request.type) {
    case 'query': {
      const result = await database.query(request.statement, [...request.parameters], { rowMode: 'array' });
      return result.rows as unknown[][];
    }
    case 'script':
      return script(database, request.statements, request.parameters);
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

async function script(
  database: PGlite,
  statements: string,
  parameters: readonly unknown[],
): Promise<readonly unknown[]> {
  if (parameters.length > 0) return (await database.query(statements, [...parameters])).rows;
  try {
    return (await database.exec(statements)).at(-1)?.rows ?? [];
  } catch (thrown) {
    // What failed between BEGIN and COMMIT would hold up everyone: there is one session.
    await database.exec('ROLLBACK');
    throw thrown;
  }
}

function describe(thrown: unknown): { code: string; message: string } {
  const error = thrown as { code?: unknown; errno?: unknown; message?: unknown; cause?: unknown };
  if (error.code === undefined && error.cause instanceof Error) return describe(error.cause);
  return { code: String(error.code ?? ''), message: String(error.message ?? thrown) };
}
