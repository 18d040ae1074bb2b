import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SYSTEM } from '../access/principal.ts';
import { signatureOf } from '../alerts/webhook-delivery.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import { createEvents } from '../events.ts';
import { openQueue } from '../jobs/open-queue.ts';
import type { JobQueue } from '../jobs/queue.ts';
import { type Database, openDatabase } from '../storage/database.ts';
import { fileBlobStore } from '../storage/file-blob-store.ts';
import { alerts } from '../storage/operator-schema.ts';
import { repositoryOver } from '../storage/repository.ts';
import { notedAudit } from '../testing/noted-audit.ts';
import { silentLog } from '../testing/silent-log.ts';
import { type Observability, openObservability, WEBHOOK_JOB } from './open-observability.ts';

let folder: string;
let database: Database;
let queue: JobQueue;
let receiver: Server;
/** Answers to come; afterwards 204. */
const answers = [500, 503];
const got: { readonly body: string; readonly signature: unknown }[] = [];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'murmuration-'));
  database = await openDatabase({ dataDir: join(folder, 'data'), databaseUrl: undefined, log: silentLog });
  queue = await openQueue({ database, log: silentLog, pollMs: 100 });
  receiver = createServer(async (request, response) => {
    let body = '';
    for await (const piece of request) body += piece;
    got.push({ body, signature: request.headers['x-murmuration-signature'] });
    response.writeHead(answers.shift() ?? 204).end();
    receiver.emit('got');
  }).listen(0, '127.0.0.1');
  await once(receiver, 'listening');
}, 120_000);
afterAll(async () => {
  receiver?.closeAllConnections();
  receiver?.close();
  await queue?.close();
  await database?.close();
  await rm(folder, { recursive: true });
});

function open(
  events: ReturnType<typeof createEvents>,
  allowPrivateWebhooks: boolean,
): Promise<Observability> {
  return openObservability({
    events,
    database,
    repository: repositoryOver(database, fileBlobStore(join(folder, 'blobs')), { transcriptsKept: 1 }),
    budgets: { budgetOf: () => Promise.reject(new Error('no budget is asked for')) },
    audit: { ...notedAudit(() => undefined), pseudonymOf: async () => 'somebody' } as unknown as AuditLog,
    queue,
    config: {
      queueBacklogThreshold: 100,
      tlsCertFile: undefined,
      allowPrivateWebhooks,
      otlpEndpoint: undefined,
    },
    log: silentLog,
    sampleEveryMs: 1_000_000,
  });
}

test('a receiver that fails twice has it the third time, the same and signed; one alert is one delivery', async () => {
  const events = createEvents(silentLog);
  const observability = await open(events, true);
  const { port } = receiver.address() as AddressInfo;
  const webhook = await observability.alerts.addWebhook(SYSTEM, {
    url: `http://127.0.0.1:${port}/in`,
    kinds: ['budget-near'],
  });
  const budget = { type: 'budget', kind: 'department', subject: 'ward', epsilon: 9, limit: 10 } as const;
  const third = new Promise<void>((settle) => {
    receiver.on('got', () => got.length === 3 && settle());
  });
  events.emit({ ...budget, share: 0.9 });
  events.emit({ ...budget, share: 0.95 });
  await third;
  const [{ body, signature }] = got as [(typeof got)[0]];
  expect(got.map((each) => each.body)).toEqual([body, body, body]);
  expect(signature).toBe(signatureOf(body, webhook.secret));
  expect(JSON.parse(body)).toMatchObject({
    type: 'alert.firing',
    alert: { kind: 'budget-near', fingerprint: 'budget-near/department/ward', value: 0.9 },
  });
  await observability.close();
}, 120_000);

test('who died before it was told is told after the restart, and of what it was told not again', async () => {
  const first = await open(createEvents(silentLog), true);
  const [webhook] = await first.alerts.listWebhooks(SYSTEM);
  await first.close();
  const before = got.length;
  // As it was told in the test above; of another nothing was sent before the end.
  const [row] = await database.run((db) => db.select().from(alerts));
  const lost = { ...row!, id: 'lost', fingerprint: 'lost', startedAtMs: Date.now() };
  await database.run((db) => db.insert(alerts).values(lost));
  const told = once(receiver, 'got');
  const second = await open(createEvents(silentLog), true);
  await told;
  await second.close();
  const third = await open(createEvents(silentLog), true);
  await third.sample();
  await third.close();
  expect(await queue.has(WEBHOOK_JOB, `${webhook!.id}/lost/firing`)).toBe(true);
  expect(got.slice(before).map(({ body }) => JSON.parse(body).alert.id)).toEqual(['lost']);
}, 120_000);
