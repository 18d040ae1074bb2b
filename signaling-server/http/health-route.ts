import { Hono } from 'hono';
import packageJson from '../../package.json' with { type: 'json' };
import type { Database } from '../storage/database.ts';

const PATIENCE_MS = 2_000;

/** `/health`: 200 while the server can serve, 503 while its database does not answer. */
export function healthRoute(database: Pick<Database, 'kind' | 'ping'>, patienceMs = PATIENCE_MS): Hono {
  const startedAt = performance.now();
  return new Hono().get('/', async (c) => {
    const available = await answersWithin(database.ping(), patienceMs);
    const status = available ? 'ok' : 'unavailable';
    const body = {
      status,
      version: packageJson.version,
      uptimeSeconds: Math.floor((performance.now() - startedAt) / 1000),
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
