import { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import packageJson from '../../package.json' with { type: 'json' };
import { type Identity, toBase64Url } from '../../shared/identity/index.ts';
import type { EngineBoard } from '../engines/engine-board.ts';
import type { Database } from '../storage/database.ts';
import type { AddEndpoint } from './endpoint.ts';

const PATIENCE_MS = 2_000;

export interface HealthOptions {
  readonly engines: Pick<EngineBoard, 'reports'>;
  readonly patienceMs?: number;
}

const status = z.enum(['ok', 'unavailable']);
const health = z
  .object({
    status,
    version: z.string(),
    identityKey: z.string().openapi({ description: 'What this server signs sums and transcripts with' }),
    uptimeSeconds: z.int(),
    engines: z.looseObject({}).openapi({ description: 'What evaluates and adds up here, and why that' }),
    database: z.object({ kind: z.enum(['pglite', 'postgres']), status }),
  })
  .openapi('Health');

/** `/health` and `/api/health`: 200 while the server can serve, 503 while its database does not answer. */
export function healthRoutes(
  add: AddEndpoint,
  database: Pick<Database, 'kind' | 'ping'>,
  identity: Pick<Identity, 'publicKey'>,
  options: HealthOptions,
): void {
  const handle = healthHandler(database, identity, options);
  for (const path of ['/health', '/api/health'])
    add({
      method: 'get',
      path,
      permission: 'public',
      tag: 'System',
      summary: 'Whether the server can serve',
      answers: {
        200: { description: 'It can', schema: health },
        503: { description: 'Its database does not answer', schema: health },
      },
      handle,
    });
}

export function healthHandler(
  database: Pick<Database, 'kind' | 'ping'>,
  { publicKey }: Pick<Identity, 'publicKey'>,
  { engines, patienceMs = PATIENCE_MS }: HealthOptions,
): (c: Context) => Promise<Response> {
  const identityKey = toBase64Url(publicKey);
  const startedAt = performance.now();
  return async (c) => {
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
  };
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
