import { Hono } from 'hono';
import packageJson from '../../package.json' with { type: 'json' };
import { type Identity, toBase64Url } from '../../shared/identity/index.ts';
import type { EngineBoard } from '../engines/engine-board.ts';
import type { Database } from '../storage/database.ts';

const PATIENCE_MS = 2_000;

export interface HealthOptions {
  readonly engines: Pick<EngineBoard, 'reports'>;
  readonly patienceMs?: number;
}

/**
 * `/health`: 200 while the server can serve, 503 while its database does not answer. `identityKey` is the key that this
 * server signs sums and transcripts with; `engines` what evaluates and adds up here, and why that.
 */
export function healthRoute(
  database: Pick<Database, 'kind' | 'ping'>,
  { publicKey }: Pick<Identity, 'publicKey'>,
  { engines, patienceMs = PATIENCE_MS }: HealthOptions,
): Hono {
  const identityKey = toBase64Url(publicKey);
  const startedAt = performance.now();
  return new Hono().get('/', async (c) => {
    const available = await answersWithin(database.ping(), patienceMs);
    const status = available ? 'ok' : 'unavailable';
    const body = {
      status,
      version: packageJson.version,
      identityKey,
      uptimeSeconds: Math.floor((performance.now() - startedAt) / 1000),
      engines: engines.reports,
      database: { kind: database.kind, status },
    };
    return c.json(body, available ? 200 : 503, { 'cache-control': 'no-store' });
  });
}

async function answersWithin(answer: Promise<void>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  const came = answer.then(
    () => true,
    () => false,
  );
  const result = await Promise.race([came, late]);
  clearTimeout(timer);
  return result;
}
