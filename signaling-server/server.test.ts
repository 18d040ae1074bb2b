import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { sampleFederations } from '../shared/federation/index.ts';
import { layoutOf, makeModel } from '../shared/update/index.ts';
import { readConfig, type ServerConfig } from './config.ts';
import { type RunningServer, type ServerOverrides, startServer } from './server.ts';
import { lockDataFolder } from './storage/data-folder-lock.ts';
import { silentLog } from './testing/silent-log.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });

let folder: string;
let config: ServerConfig;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'murmuration-'));
  const webRoot = join(folder, 'web');
  await mkdir(join(webRoot, 'assets'), { recursive: true });
  await writeFile(join(webRoot, 'index.html'), '<!doctype html><title>page</title>');
  await writeFile(join(webRoot, 'sw.js'), '// worker');
  await writeFile(join(webRoot, 'manifest.webmanifest'), '{}');
  await writeFile(join(webRoot, 'assets', 'app-1a2b.js'), `// ${'x'.repeat(5000)}`);
  await writeFile(join(webRoot, 'assets', 'tfjs-3c4d.wasm'), new Uint8Array([0, 97, 115, 109]));
  await writeFile(join(folder, 'secret.txt'), 'secret');
  config = readConfig({
    PORT: '0',
    DATA_DIR: join(folder, 'data'),
    WEB_ROOT: webRoot,
    WRITES_PER_MINUTE: '1000',
  });
});
afterAll(() => rm(folder, { recursive: true }));

const start = (overrides: ServerOverrides = {}) => startServer(config, { log: silentLog, ...overrides });

describe('a running server', () => {
  let server: RunningServer;
  beforeAll(async () => {
    server = await start();
  });
  afterAll(() => server?.close());

  const get = (path: string, headers: Record<string, string> = {}) =>
    fetch(server.url + path, { headers, redirect: 'manual' });
  // biome-ignore lint/suspicious/noExplicitAny: what came is what the test is about
  const json = async (path: string): Promise<any> => (await get(path)).json();
  const post = (body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}) =>
    fetch(`${server.url}/api/federations`, {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json', ...headers },
    });
  const refusal = async (response: Response) => {
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    const text = await response.text();
    expect(text).not.toMatch(/node_modules|\.ts:\d/);
    const problem = JSON.parse(text);
    expect(problem).toMatchObject({ status: response.status, title: problem.code });
    return [response.status, problem.code, problem.path];
  };

  test('says that it is well', async () => {
    const response = await get('/health');
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({
      status: 'ok',
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
      uptimeSeconds: expect.any(Number),
      database: { kind: 'pglite', status: 'ok' },
    });
  });

  test('S-03: has its data folder to itself: a second one is refused by name', async () => {
    await expect(start()).rejects.toMatchObject({ code: 'storage.locked' });
    expect((await get('/health')).status).toBe(200);
  });

  describe('federations', () => {
    const sample = sampleFederations[0]!;

    test('the samples are there from the start, each with a run', async () => {
      const { federations } = await json('/api/federations');
      expect(federations).toEqual([...sampleFederations].sort((a, b) => (a.id < b.id ? -1 : 1)));
      const run = await json('/api/federations/digits/run');
      expect(run).toMatchObject({ federation: 'digits', status: 'open', round: 0, model: null });
      expect(await (await get(`/api/runs/${run.id}`)).json()).toEqual(run);
    });

    test('one that is posted can be read', async () => {
      const mine = { ...sample, id: 'mine', name: 'Mine' };
      const created = await post(JSON.stringify(mine));
      expect([created.status, created.headers.get('location')]).toEqual([201, '/api/federations/mine']);
      expect((await post(JSON.stringify(mine))).status).toBe(200);
      expect(await (await get('/api/federations/mine')).json()).toEqual(mine);
    });

    test('F-04: another of the same id needs a higher revision', async () => {
      const taken = { ...sample, id: 'taken' };
      await post(JSON.stringify(taken));
      const other = { ...taken, name: 'Other' };
      expect(await refusal(await post(JSON.stringify(other)))).toEqual([
        409,
        'federation.conflict',
        'revision',
      ]);
      expect((await post(JSON.stringify({ ...other, revision: 2 }))).status).toBe(200);
    });

    test.each([
      ['a wrong field', { ...sample, id: 'Bad Id' }, 'id'],
      ['an unknown field', { ...sample, surprise: 1 }, 'document'],
      [
        'a wrong field deep inside',
        { ...sample, cohort: { minParticipants: 0, groupSize: 4 } },
        'cohort.minParticipants',
      ],
      ['no object', [], 'document'],
    ])('%s is refused with its path', async (_, document, path) => {
      expect(await refusal(await post(JSON.stringify(document)))).toEqual([400, 'federation.invalid', path]);
    });

    test('what is not JSON, or does not say so, is refused', async () => {
      expect(await refusal(await post('{"a":'))).toEqual([400, 'http.bad-request', 'body']);
      expect(await refusal(await post(new Uint8Array([0xff, 0xfe, 0])))).toEqual([
        400,
        'http.bad-request',
        'body',
      ]);
      expect(await refusal(await post('', {}))).toEqual([400, 'http.bad-request', 'body']);
      expect(await refusal(await post('{}', { 'content-type': 'text/plain' }))).toEqual([
        400,
        'http.bad-request',
        'content-type',
      ]);
    });

    test('a document that is too large is refused, whether it says its length or not', async () => {
      const large = JSON.stringify({ ...sample, description: 'x'.repeat(300_000) });
      expect(await refusal(await post(large))).toEqual([413, 'http.too-large', undefined]);
      const chunked = new ReadableStream({
        start(controller) {
          controller.enqueue(new TextEncoder().encode(large));
          controller.close();
        },
      });
      const response = await fetch(`${server.url}/api/federations`, {
        method: 'POST',
        body: chunked,
        headers: { 'content-type': 'application/json' },
        duplex: 'half',
      } as RequestInit);
      expect(await refusal(response)).toEqual([413, 'http.too-large', undefined]);
    });

    test('an unknown one, and a page that makes no sense, are refused', async () => {
      expect(await refusal(await get('/api/federations/nowhere'))).toEqual([
        404,
        'federation.unknown',
        undefined,
      ]);
      expect(await refusal(await get('/api/federations/nowhere/run'))).toEqual([
        404,
        'federation.unknown',
        undefined,
      ]);
      expect(await refusal(await get('/api/federations?limit=0'))).toEqual([
        400,
        'http.bad-request',
        'query.limit',
      ]);
      expect(await refusal(await get('/api/federations?limit=1e2'))).toEqual([
        400,
        'http.bad-request',
        'query.limit',
      ]);
    });
  });

  describe('runs', () => {
    const layout = layoutOf([{ name: 'w', shape: [50_000] }]);
    const model = makeModel(7, layout, new Float32Array(50_000).fill(0.5));

    test('weights are streamed with their hash, and kept for ever when asked for by hash', async () => {
      await server.repository.saveModel('weights', model);
      const plain = await get('/api/runs/weights/models/7');
      expect(plain.headers.get('etag')).toBe(`"${model.hash}"`);
      expect(plain.headers.get('cache-control')).toBe('no-cache');
      expect(plain.headers.get('content-length')).toBe('200000');
      expect(plain.headers.get('x-model-version')).toBe('7');
      expect(plain.headers.get('x-layout-hash')).toBe(layout.hash);
      expect(new Float32Array(await plain.arrayBuffer())).toEqual(model.weights);

      const latest = await get('/api/runs/weights/models/latest', { 'if-none-match': `"${model.hash}"` });
      expect([latest.status, await latest.text()]).toEqual([304, '']);
      const pinned = await get(`/api/runs/weights/models/7?hash=${model.hash}`);
      expect(pinned.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
      await pinned.body?.cancel();
      const head = await fetch(`${server.url}/api/runs/weights/models/7`, { method: 'HEAD' });
      expect([head.status, head.headers.get('content-length')]).toEqual([200, '200000']);
      const list = await (await get('/api/runs/weights/models')).json();
      expect(list).toEqual({
        models: [{ version: 7, hash: model.hash, layoutHash: layout.hash, bytes: 200_000 }],
      });
    });

    test('S-05: a damaged file never arrives whole', async () => {
      const large = makeModel(1, layout, new Float32Array(50_000).fill(0.25));
      await server.repository.saveModel('damaged', large);
      const { blob } = await server.repository.findVersion('damaged', 1);
      const path = join(folder, 'data', 'blobs', blob.slice(0, 2), blob);
      await writeFile(path, new Uint8Array(200_000));
      await expect(get('/api/runs/damaged/models/1').then((r) => r.arrayBuffer())).rejects.toThrow();
      await writeFile(path, new Uint8Array(8));
      expect(await refusal(await get('/api/runs/damaged/models/1'))).toEqual([
        500,
        'storage.corrupt',
        undefined,
      ]);
    });

    test('history and metrics from a round on', async () => {
      const record = {
        round: 4,
        term: 1,
        attempt: 1,
        coordinator: 'server' as const,
        federationRevision: 1,
        baseHash: 'a'.repeat(64),
        hash: 'b'.repeat(64),
        survivors: [],
        dropped: [],
        startedAtMs: 1,
        trainMs: 1,
        exchangeMs: 1,
        applyMs: 1,
        evaluation: { total: 10, correct: 9, lossSum: 5 },
        secure: null,
      };
      await server.repository.saveRecord('history', record);
      expect(await (await get('/api/runs/history/rounds?from=4')).json()).toEqual({ rounds: [record] });
      expect(await (await get('/api/runs/history/rounds?from=5')).json()).toEqual({ rounds: [] });
      expect(await (await get('/api/runs/history/metrics')).json()).toEqual({
        metrics: [
          { round: 4, name: 'accuracy', value: 0.9 },
          { round: 4, name: 'loss', value: 0.5 },
        ],
      });
    });

    test('the transcript of a secure round as it was stored', async () => {
      const file = Uint8Array.of(0x81, 0, 255);
      await server.repository.saveTranscript('secret', 3, file);
      const path = '/api/runs/secret/rounds/3/transcript';
      const response = await get(path);
      expect(response.headers.get('content-type')).toBe('application/octet-stream');
      expect(response.headers.get('content-length')).toBe('3');
      expect(new Uint8Array(await response.arrayBuffer())).toEqual(file);
      const etag = response.headers.get('etag')!;
      expect((await get(path, { 'if-none-match': etag })).status).toBe(304);
      await server.repository.saveTranscript('secret', 3, Uint8Array.of(1));
      expect((await get(path, { 'if-none-match': etag })).status).toBe(200);
    });

    test.each([
      ['/api/runs/nowhere', 404, 'http.not-found'],
      ['/api/runs/secret/rounds/4/transcript', 404, 'http.not-found'],
      ['/api/runs/secret/rounds/x/transcript', 400, 'http.bad-request'],
      ['/api/runs/a%20b', 400, 'http.bad-request'],
      ['/api/runs/nowhere/models/1', 404, 'model.unavailable'],
      ['/api/runs/nowhere/models/-1', 400, 'http.bad-request'],
      ['/api/runs/nowhere/models/newest', 400, 'http.bad-request'],
      ['/api/runs/nowhere/rounds?from=x', 400, 'http.bad-request'],
      ['/api/nothing', 404, 'http.not-found'],
    ])('%s is refused with %i %s', async (path, status, code) => {
      expect((await refusal(await get(path, { accept: 'text/html' }))).slice(0, 2)).toEqual([status, code]);
    });
  });

  test('sample digits, compressed on the way', async () => {
    const response = await get('/api/sample/digits/train?offset=10&count=100&labels=3,4');
    expect(response.headers.get('content-encoding')).toBe('gzip');
    expect((await response.arrayBuffer()).byteLength).toBeGreaterThan(100 * 784);
    for (const query of [
      '',
      '?count=0',
      '?count=10001',
      '?count=5&labels=12',
      '?count=5&labels=',
      '?count=5&offset=60000',
    ]) {
      const [status] = await refusal(await get(`/api/sample/digits/train${query}`));
      expect([query, status]).toEqual([query, 400]);
    }
    expect(await refusal(await get('/api/sample/digits/train?count=10&offset=59999'))).toEqual([
      400,
      'argument.invalid',
      undefined,
    ]);
  });

  describe('the page', () => {
    const html = { accept: 'text/html,*/*' };

    test('index.html answers every address of the page, and is asked for again each time', async () => {
      for (const path of ['/', '/federations/digits', '/settings?x=1']) {
        const response = await get(path, html);
        expect(await response.text()).toContain('<title>page</title>');
        expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
        expect(response.headers.get('cache-control')).toBe('no-cache');
        const again = await get(path, { ...html, 'if-none-match': response.headers.get('etag')! });
        expect(again.status).toBe(304);
      }
    });

    test.each([
      ['/assets/app-1a2b.js', 'text/javascript; charset=utf-8', 'public, max-age=31536000, immutable'],
      ['/assets/tfjs-3c4d.wasm', 'application/wasm', 'public, max-age=31536000, immutable'],
      ['/sw.js', 'text/javascript; charset=utf-8', 'no-cache'],
      ['/manifest.webmanifest', 'application/manifest+json', 'no-cache'],
    ])('%s is %s, %s', async (path, type, caching) => {
      const response = await get(path);
      expect(response.headers.get('content-type')).toBe(type);
      expect(response.headers.get('cache-control')).toBe(caching);
      await response.arrayBuffer();
    });

    test('text is compressed', async () => {
      const response = await get('/assets/app-1a2b.js', { 'accept-encoding': 'gzip' });
      expect(response.headers.get('content-encoding')).toBe('gzip');
      expect(response.headers.get('vary')).toMatch(/accept-encoding/i);
      expect(await response.text()).toHaveLength(5003);
    });

    test('a missing script or image is missing, not the page', async () => {
      expect((await refusal(await get('/assets/app-0000.js', html)))[0]).toBe(404);
      expect((await refusal(await get('/logo.png')))[0]).toBe(404);
    });

    test('no path leads out of the page folder', async () => {
      for (const path of [
        '/../secret.txt',
        '/%2e%2e/secret.txt',
        '/..%2fsecret.txt',
        '/assets/..%5c..%5csecret.txt',
      ]) {
        expect(await rawGet(server.port, path)).not.toContain('secret\n');
        expect(await rawGet(server.port, path)).toMatch(/^HTTP\/1\.1 404 /);
      }
    });

    test('every answer carries the security headers', async () => {
      for (const path of ['/', '/health', '/api/nothing', '/assets/app-1a2b.js']) {
        const { headers } = await get(path, html);
        expect(headers.get('content-security-policy')).toContain(`ws://127.0.0.1:${server.port} `);
        expect(headers.get('cross-origin-opener-policy')).toBe('same-origin');
        expect(headers.get('cross-origin-resource-policy')).toBe('same-origin');
        expect(headers.get('x-content-type-options')).toBe('nosniff');
        expect(headers.get('referrer-policy')).toBe('no-referrer');
      }
    });
  });
});

describe('starting and stopping', () => {
  test('stopping finishes the request at hand, then closes attachments and database, and frees the folder', async () => {
    const events: string[] = [];
    let arrived: () => void = () => undefined;
    let proceed: () => void = () => undefined;
    const atHand = new Promise<void>((settle) => {
      arrived = settle;
    });
    const allowed = new Promise<void>((settle) => {
      proceed = settle;
    });
    const server = await start({
      attach: [
        async ({ app, repository }) => {
          app.get('/slow', async (c) => {
            arrived();
            await allowed;
            const { id } = await repository.getFederation('digits');
            events.push('answered');
            return c.text(id);
          });
          return {
            async close() {
              events.push('attachment closed');
              proceed();
            },
          };
        },
      ],
    });
    const slow = fetch(`${server.url}/slow`).then((response) => response.text());
    await atHand;
    const closed = server.close();
    expect(server.close()).toBe(closed);
    await expect(slow).resolves.toBe('digits');
    await closed;
    events.push('closed');
    expect(events).toEqual(['attachment closed', 'answered', 'closed']);
    await expect(fetch(`${server.url}/health`)).rejects.toThrow();
    await expectFreeFolder();
  });

  test('signs with the same key after a restart', async () => {
    const keys: string[] = [];
    for (let starts = 0; starts < 2; starts++) {
      const server = await start();
      const health = (await (await fetch(`${server.url}/health`)).json()) as { identityKey: string };
      keys.push(health.identityKey);
      await server.close();
    }
    expect(keys[0]).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(keys[1]).toBe(keys[0]);
  });

  test('when a part fails to start, everything before it is closed again', async () => {
    const closed: string[] = [];
    const failing = start({
      attach: [
        async () => ({ close: async () => void closed.push('first') }),
        async () => {
          throw new Error('no');
        },
      ],
    });
    await expect(failing).rejects.toThrow('no');
    expect(closed).toEqual(['first']);
    await expectFreeFolder();
  });

  test('a port in use is named, and the folder is free again', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    await expect(startServer({ ...config, port }, { log: silentLog })).rejects.toMatchObject({
      code: 'http.unavailable',
      facts: { received: 'EADDRINUSE' },
    });
    other.close();
    await expectFreeFolder();
  });
});

async function expectFreeFolder(): Promise<void> {
  const lock = await lockDataFolder(config.dataDir);
  await lock.release();
}

/** fetch resolves dots before it sends. */
async function rawGet(port: number, path: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.end(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\nConnection: close\r\n\r\n`);
  let text = '';
  socket.setEncoding('utf8').on('data', (piece: string) => {
    text += piece;
  });
  await once(socket, 'close');
  return text;
}
