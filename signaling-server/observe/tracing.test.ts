import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { Hono } from 'hono';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createEvents, type ServerEvent } from '../events.ts';
import type { Training } from '../jobs/training.ts';
import { silentLog } from '../testing/silent-log.ts';
import { otelTracing } from './otel-tracing.ts';
import { parseTraceparent } from './traceparent.ts';
import { startTracing } from './tracing.ts';

/** As OTLP's JSON encoding has it. */
interface SentSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly status: { readonly code?: number };
  readonly attributes: readonly {
    readonly key: string;
    readonly value: { readonly stringValue?: string; readonly intValue?: number | string };
  }[];
}

let collector: Server;
let endpoint: string;
let spans: SentSpan[];
let service: unknown;
beforeEach(async () => {
  spans = [];
  collector = createServer(async (request, response) => {
    let body = '';
    for await (const piece of request) body += piece;
    expect(request.url).toBe('/v1/traces');
    const { resourceSpans } = JSON.parse(body);
    for (const { resource, scopeSpans } of resourceSpans) {
      service = resource.attributes.find(({ key }: { key: string }) => key === 'service.name').value
        .stringValue;
      for (const scope of scopeSpans) spans.push(...scope.spans);
    }
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  }).listen(0, '127.0.0.1');
  await once(collector, 'listening');
  endpoint = `http://127.0.0.1:${(collector.address() as AddressInfo).port}/`;
});
afterEach(async () => {
  if (!collector.listening) return;
  collector.closeAllConnections();
  collector.close();
  await once(collector, 'close');
});

const about = { federation: 'f', run: 'run', round: 3, attempt: 0 } as const;
const ROUND: ServerEvent[] = [
  { type: 'round-started', ...about, training: 'job-1', cohort: 4, atMs: 1000 },
  { type: 'round-phase', ...about, phase: 'client_selection', startedAtMs: 1000, endedAtMs: 1100 },
  { type: 'round-phase', ...about, phase: 'collect_updates', startedAtMs: 1100, endedAtMs: 1800 },
  { type: 'round-phase', ...about, phase: 'aggregation', startedAtMs: 1800, endedAtMs: 2000 },
];
const COMMITTED: ServerEvent = {
  type: 'round-committed',
  ...about,
  training: 'job-1',
  durationMs: 1000,
  invited: 4,
  survivors: 4,
  bytes: 10,
  hash: 'h',
  atMs: 2000,
};
const training = (status: Training['status']): ServerEvent => ({
  type: 'training',
  training: { id: 'job-1', status, endedAtMs: null } as Training,
});
const named = (name: string) => spans.find((span) => span.name === name)!;
const attributesOf = (span: SentSpan) =>
  Object.fromEntries(
    span.attributes.map(({ key, value }) => [key, value.stringValue ?? Number(value.intValue)]),
  );

test('a round is a span with its parts, and says which job it belongs to', async () => {
  const tracing = otelTracing({ endpoint, log: silentLog });
  for (const event of [...ROUND, COMMITTED]) tracing.note(event);
  await tracing.close();
  expect(service).toBe('murmuration');
  expect(spans.map(({ name }) => name).sort()).toEqual([
    'aggregation',
    'client_selection',
    'collect_updates',
    'training_round',
  ]);
  const round = named('training_round');
  expect([round.startTimeUnixNano, round.endTimeUnixNano]).toEqual(['1000000000', '2000000000']);
  expect(attributesOf(round)).toEqual({
    'job.id': 'job-1',
    'fl.federation': 'f',
    'fl.run': 'run',
    'fl.round': 3,
    'fl.attempt': 0,
    'fl.cohort': 4,
    'fl.survivors': 4,
    'fl.bytes': 10,
  });
  for (const name of ['client_selection', 'collect_updates', 'aggregation']) {
    expect(named(name)).toMatchObject({ parentSpanId: round.spanId, traceId: round.traceId });
    expect(attributesOf(named(name))).toMatchObject({ 'job.id': 'job-1', 'fl.round': 3 });
  }
  expect([named('collect_updates').startTimeUnixNano, named('collect_updates').endTimeUnixNano]).toEqual([
    '1100000000',
    '1800000000',
  ]);
});

test('an abandoned round ends as an error with its code', async () => {
  const tracing = otelTracing({ endpoint, log: silentLog });
  tracing.note(ROUND[0]!);
  tracing.note({ type: 'round-abandoned', ...about, code: 'round.deadline', atMs: 1500 });
  await tracing.close();
  expect(named('training_round').status.code).toBe(2);
  expect(attributesOf(named('training_round'))).toMatchObject({ 'error.type': 'round.deadline' });
});

test('the trace of whoever asked goes through the request to the rounds of the training it started', async () => {
  const tracing = otelTracing({ endpoint, log: silentLog });
  const events = createEvents(silentLog);
  events.subscribe(tracing.note);
  const app = new Hono();
  app.use(tracing.middleware);
  app.post('/api/training/:what', async (c) => {
    await Promise.resolve();
    events.emit(training('CREATED'));
    return c.json({}, 201);
  });
  const traceId = '0af7651916cd43dd8448eb211c80319c';
  await app.request('/api/training/start', {
    method: 'POST',
    headers: { traceparent: `00-${traceId}-b7ad6b7169203331-01` },
  });
  for (const event of [training('RUNNING'), ...ROUND, COMMITTED]) events.emit(event);
  await tracing.close();
  const request = named('POST /api/training/:what');
  expect(request).toMatchObject({ traceId, parentSpanId: 'b7ad6b7169203331' });
  expect(attributesOf(request)).toMatchObject({ 'http.response.status_code': 201 });
  expect(named('training_round')).toMatchObject({ traceId, parentSpanId: request.spanId });
});

test('of a collector that is away nothing waits, and what piles up is bounded', async () => {
  collector.closeAllConnections();
  collector.close();
  await once(collector, 'close');
  const warnings: string[] = [];
  const tracing = otelTracing({
    endpoint,
    log: { warn: (...words: unknown[]) => void warnings.push(String(words.at(-1))) } as never,
    sendEveryMs: 1,
  });
  for (let round = 0; round < 5000; round++) {
    tracing.note({ ...(ROUND[0] as Extract<ServerEvent, { type: 'round-started' }>), round });
    tracing.note({ ...(COMMITTED as Extract<ServerEvent, { type: 'round-committed' }>), round });
  }
  await tracing.close();
  expect(warnings).toEqual([
    'the collector of traces is away; spans are dropped',
    'the last spans were not sent',
  ]);
  expect(spans).toEqual([]);
}, 60_000);

test('rounds that never end give way to newer ones', async () => {
  const tracing = otelTracing({ endpoint, log: silentLog });
  for (let round = 0; round < 1010; round++)
    tracing.note({ ...(ROUND[0] as Extract<ServerEvent, { type: 'round-started' }>), round });
  await tracing.close();
  expect(spans).toHaveLength(1010);
});

test.each([
  undefined,
  '',
  'nonsense',
  '00-00000000000000000000000000000000-b7ad6b7169203331-01',
  '00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01',
  'ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more',
])('%s is no traceparent', (header) => {
  expect(parseTraceparent(header)).toBeUndefined();
});

test('a traceparent of a later version is read as far as it is known', () => {
  expect(parseTraceparent('01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00-more')).toEqual({
    traceId: '0af7651916cd43dd8448eb211c80319c',
    spanId: 'b7ad6b7169203331',
    traceFlags: 0,
    isRemote: true,
  });
});

test('without an endpoint nothing is traced', async () => {
  const tracing = await startTracing(undefined, silentLog);
  for (const event of ROUND) tracing.note(event);
  await tracing.close();
  expect(spans).toEqual([]);
});

/** Packages of OpenTelemetry that a process of its own has loaded after this. */
async function loadedBy(endpointCode: string): Promise<number> {
  const root = resolve(import.meta.dirname, '../..');
  const script = `
    import { createRequire } from 'node:module';
    import { startTracing } from './signaling-server/observe/tracing.ts';
    import './signaling-server/observe/open-observability.ts';
    import './signaling-server/server.ts';
    const tracing = await startTracing(${endpointCode}, console);
    const files = Object.keys(createRequire(import.meta.url).cache);
    console.log(files.filter((file) => file.includes('@opentelemetry/sdk') || file.includes('@opentelemetry/exporter')).length);
    await tracing.close();
    process.exit(0);`;
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--import', 'tsx', '--input-type=module', '--eval', script],
    { cwd: root, timeout: 60_000 },
  );
  return Number(stdout.trim());
}

test('of OpenTelemetry nothing is loaded unless there is an endpoint', async () => {
  expect(await loadedBy('undefined')).toBe(0);
  expect(await loadedBy("'http://127.0.0.1:1'")).toBeGreaterThan(10);
}, 120_000);
