import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { extname, join, resolve } from 'node:path';
import { type Browser, expect, type Page, test } from '@playwright/test';
import { build } from 'vite';
import { sampleData } from '../signaling-server/sample-data.ts';
import { launchBrowser } from './harness/browser.ts';

/** What e2e/storage-page/main.ts puts on the window. */
declare const data: typeof import('../web/src/data/index.ts');
declare const storage: typeof import('../web/src/storage/index.ts');
declare const storeCases: typeof import('../shared/testing/store-cases.ts').storeCases;

const TYPES: Record<string, string> = { '.html': 'text/html', '.js': 'text/javascript' };

let outDir: string;
let server: Server;
let browser: Browser;
let page: Page;

test.beforeAll(async () => {
  outDir = mkdtempSync(join(tmpdir(), 'storage-page-'));
  const root = resolve(import.meta.dirname, 'storage-page');
  await build({
    configFile: false,
    root,
    logLevel: 'warn',
    build: { outDir, emptyOutDir: true, target: 'es2022' },
    worker: { format: 'es' },
  });
  server = await serve(outDir);
  browser = await launchBrowser();
});

test.afterAll(async () => {
  await browser?.close();
  server?.close();
  rmSync(outDir, { recursive: true, force: true });
});

test.beforeEach(async () => {
  page = await (await browser.newContext()).newPage();
  await open();
});

test.afterEach(() => page.context().close());

async function open(): Promise<void> {
  await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  await page.waitForFunction(() => document.title === 'ready');
}

test('the store on IndexedDB keeps the contract of a store', async () => {
  const results = await page.evaluate(async () => {
    const outcomes: [string, string][] = [];
    for (const { name, run } of storeCases) {
      const database = `case ${name}`;
      const opened = [await storage.openDatabase(database)];
      const harness = {
        store: await storage.runStore(opened[0]),
        reopen: async () => {
          opened.push(await storage.openDatabase(database));
          return storage.runStore(opened.at(-1));
        },
        readLedger: (dataset: string) => storage.readLedger(dataset, opened[0]),
        readTranscript: (run: string, round: number) => storage.loadTranscript(run, round, opened[0]),
        transcriptsKept: storage.TRANSCRIPTS_KEPT,
        limits: {
          setLimit: (ledger: string, limit: Parameters<typeof storage.limitLedger>[1]) =>
            storage.limitLedger(ledger, limit, opened[0]),
          another: async () => {
            opened.push(await storage.openDatabase(database));
            return storage.runStore(opened.at(-1));
          },
          cutShort: async (ledger: string) => {
            const keys = await opened[0]!.getAllKeys('ledger', IDBKeyRange.bound([ledger], [ledger, []]));
            await opened[0]!.delete('ledger', keys.at(-1)!);
          },
          falsify: async (ledger: string) => {
            const link = (await opened[0]!.get('ledger', [ledger, 0]))!;
            await opened[0]!.put('ledger', { ...link, entry: { ...link.entry, round: 99 } });
          },
        },
        close: async () => undefined,
      };
      try {
        await run(harness);
        outcomes.push([name, 'kept']);
      } catch (error) {
        outcomes.push([name, String(error)]);
      }
      for (const db of opened) db.close();
    }
    return outcomes;
  });
  expect(results.filter(([, outcome]) => outcome !== 'kept')).toEqual([]);
  expect(results.length).toBeGreaterThan(10);
});

test('a changed ledger entry is found when the ledger is read', async () => {
  const code = await page.evaluate(async () => {
    const event = { mechanism: 'none', released: 'update', clipNorm: 20, weight: 5 } as const;
    const store = await storage.runStore();
    for (const round of [1, 2, 3])
      await store.appendLedger({ dataset: 'd', run: 'r', round, atMs: round, event });
    const db = await storage.database();
    const link = await db.get('ledger', ['d', 1]);
    await db.put('ledger', { ...link!, entry: { ...link!.entry, round: 9 } });
    return storage.readLedger('d').catch((error) => [error.code, error.facts.path]);
  });
  expect(code).toEqual(['ledger.broken-chain', 'ledger entry 1']);
});

test('B-07: a person decides about a broken ledger; what was found is kept, and nothing else is touched', async () => {
  const seen = await page.evaluate(async () => {
    const event = {
      mechanism: 'participant-noise',
      released: 'update',
      weight: 1,
      clipNorm: 1,
      trust: 'local',
      event: { mechanism: 'approximate', epsilon: 1, delta: 0 },
    } as const;
    const store = await storage.runStore();
    const entry = { dataset: 'd', federation: 'f', run: 'r', round: 1, atMs: 1, event };
    for (const round of [1, 2]) await store.appendLedger({ ...entry, round });
    await store.appendLedger({ ...entry, dataset: 'other' });
    const codes: string[] = [];
    const attempt = (work: Promise<unknown>) =>
      work.then(
        () => codes.push('none'),
        (error) => codes.push(error.code),
      );
    await attempt(storage.treatAsSpent('d', 5));
    await (await storage.database()).delete('ledger', ['d', 1]);
    await attempt(store.permitRelease({ ...entry, round: 3 }));
    await attempt(store.permitRelease({ ...entry, dataset: 'other', round: 3 }));
    await storage.treatAsSpent('d', 6);
    const ledgers = await storage.listLedgers();
    const { entries, remains } = ledgers.find(({ ledger }) => ledger === 'd')!;
    // What promises nothing goes on; what has a bound does not.
    await attempt(store.appendLedger({ ...entry, round: 3 }));
    await storage.limitLedger('d', { unit: 'participant', epsilon: 100, delta: 1e-5 });
    await attempt(store.appendLedger({ ...entry, round: 4 }));
    await attempt(store.appendLedger({ ...entry, dataset: 'other', round: 4 }));
    return { codes, events: entries.map(({ entry }) => entry.event), remains: remains?.length };
  });
  expect(seen).toEqual({
    codes: ['argument.invalid', 'privacy.ledger-locked', 'none', 'none', 'privacy.budget-exceeded', 'none'],
    events: [{ mechanism: 'none', released: 'unknown' }],
    remains: 1,
  });
});

test('L-03: the same examples imported again go on with their ledger, in any order; it outlives them', async () => {
  const seen = await page.evaluate(async () => {
    const client = data.createDataClient();
    const importText = async (rows: readonly string[]) => {
      const file = new File([`age,label\n${rows.join('\n')}\n`], 'people.csv');
      const { importId } = await client.importFile(file, undefined, {}, () => undefined);
      return client.commit(importId, {}, () => undefined);
    };
    const rows = ['40,no', '60,yes', '50,yes', '40,no'];
    const first = await importText(rows);
    const ledger = storage.ledgerIdOf(first);
    const event = { mechanism: 'none', released: 'update', clipNorm: 20, weight: 5 } as const;
    await (await storage.runStore()).appendLedger({ dataset: ledger, run: 'r', round: 1, atMs: 1, event });
    await data.deleteDataset(first.id);
    await storage.purgeTrash(Date.now() + storage.UNDO_MS);
    const again = await importText([...rows].reverse());
    const other = await importText([...rows, '50,no']);
    client.close();
    const ledgers = await storage.listLedgers();
    return {
      same: storage.ledgerIdOf(again) === ledger,
      other: storage.ledgerIdOf(other) === ledger,
      releases: ledgers.find((each) => each.ledger === ledger)!.entries.length,
      records: ledgers.map(({ records }) => records).sort(),
    };
  });
  expect(seen).toEqual({ same: true, other: false, releases: 1, records: [4, 5] });
});

test('Y-03: what strategies remember is deleted with the last dataset of the same data', async () => {
  const seen = await page.evaluate(async () => {
    const client = data.createDataClient();
    const importText = async (rows: readonly string[]) => {
      const file = new File([`age,label\n${rows.join('\n')}\n`], 'people.csv');
      const { importId } = await client.importFile(file, undefined, {}, () => undefined);
      return client.commit(importId, {}, () => undefined);
    };
    const rows = ['40,no', '60,yes', '50,yes'];
    const twins = [await importText(rows), await importText([...rows].reverse())];
    const other = await importText(['30,no', '20,yes']);
    client.close();
    const store = await storage.runStore();
    const keys = [twins[0]!, other].map((info) => ({
      run: 'r',
      dataset: storage.ledgerIdOf(info),
      kind: 'variate' as const,
    }));
    for (const key of keys) await store.saveMemory(key, Float32Array.of(1));
    const kept: boolean[][] = [];
    for (const { id } of twins) {
      await data.deleteDataset(id);
      await storage.purgeTrash(Date.now() + storage.UNDO_MS);
      kept.push(await Promise.all(keys.map(async (key) => (await store.loadMemory(key)) !== undefined)));
    }
    return kept;
  });
  expect(seen).toEqual([
    [true, true],
    [false, true],
  ]);
});

test('L-03: a dataset of before fingerprints gets its own when the same data comes, and keeps its ledger', async () => {
  const seen = await page.evaluate(async () => {
    const client = data.createDataClient();
    const sample = { shard: 0, examplesPerShard: 10, split: 'iid', seed: 's' } as const;
    const first = await client.importSampleDigits(sample, () => undefined);
    const db = await storage.database();
    const { fingerprint: _, ledger: __, ...old } = first;
    await db.put('datasets', old);
    await db.clear('ledgers');
    const again = await client.importSampleDigits(sample, () => undefined);
    client.close();
    return [
      storage.ledgerIdOf(again) === first.id,
      (await db.get('datasets', first.id))?.fingerprint === again.fingerprint,
    ];
  });
  expect(seen).toEqual([true, true]);
});

test('L-04: the ledgers of a device with an older page are described as they are found', async () => {
  const seen = await page.evaluate(async () => {
    const entry = {
      dataset: 'd',
      run: 'r',
      round: 1,
      atMs: 1,
      event: { mechanism: 'none', released: 'update', clipNorm: 20, weight: 5 },
    } as const;
    const current = await storage.openDatabase('current');
    const store = await storage.runStore(current);
    for (const round of [1, 2]) await store.appendLedger({ ...entry, round });
    const links = await current.getAll('ledger');
    await new Promise<void>((done, fail) => {
      const request = indexedDB.open('old', 2);
      request.onupgradeneeded = () => {
        const { result } = request;
        for (const name of ['identity', 'shards', 'settings']) result.createObjectStore(name);
        result.createObjectStore('datasets', { keyPath: 'id' });
        result.createObjectStore('models', { keyPath: 'run' });
        result.createObjectStore('records', { keyPath: ['run', 'record.round', 'record.hash'] });
        const ledger = result.createObjectStore('ledger', { keyPath: ['entry.dataset', 'seq'] });
        result.createObjectStore('consents', { keyPath: 'federationId' });
        result.createObjectStore('trash', { keyPath: 'dataset.id' });
        result.createObjectStore('transcripts', { keyPath: ['run', 'round'] });
        for (const link of links) ledger.add(link);
      };
      request.onsuccess = () => {
        request.result.close();
        done();
      };
      request.onerror = () => fail(request.error);
    });
    const upgraded = await storage.openDatabase('old');
    const [{ head } = { head: undefined }] = await storage.listLedgers(upgraded);
    await (await storage.runStore(upgraded)).appendLedger({ ...entry, round: 3 });
    const read = (await storage.readLedger('d', upgraded)).length;
    await upgraded.delete('ledger', ['d', 2]);
    const cut = await storage.readLedger('d', upgraded).catch((error) => error.code);
    return { entries: head?.entries, isLast: head?.hash === links[1]?.hash, read, cut };
  });
  expect(seen).toEqual({ entries: 2, isLast: true, read: 3, cut: 'ledger.broken-chain' });
});

test('the identity is made once, survives a reload, signs, and cannot be exported', async () => {
  const first = await page.evaluate(async () => {
    const [one, other] = await Promise.all([storage.loadIdentity(), storage.loadIdentity()]);
    const message = new TextEncoder().encode('message');
    const signature = await one.sign(message);
    const key = await crypto.subtle.importKey('raw', one.publicKey, 'Ed25519', true, ['verify']);
    const kept = await (await storage.database()).get('identity', 'device');
    return {
      ids: [one.id, other.id],
      verified: await crypto.subtle.verify('Ed25519', key, signature, message),
      extractable: kept?.kind === 'webcrypto' ? kept.privateKey.extractable : 'no WebCrypto key',
    };
  });
  await page.reload();
  await page.waitForFunction(() => document.title === 'ready');
  const again = await page.evaluate(async () => (await storage.loadIdentity()).id);
  expect(first).toEqual({ ids: [again, again], verified: true, extractable: false });
});

test('without Ed25519 in WebCrypto the identity is made another way, and survives too', async () => {
  const ids = await page.evaluate(async () => {
    const generateKey = () => Promise.reject(new DOMException('', 'NotSupportedError'));
    Object.defineProperty(crypto.subtle, 'generateKey', { value: generateKey });
    const { id, publicKey, sign } = await storage.loadIdentity();
    const message = new TextEncoder().encode('message');
    const key = await crypto.subtle.importKey('raw', publicKey, 'Ed25519', true, ['verify']);
    const verified = await crypto.subtle.verify('Ed25519', key, await sign(message), message);
    return [id, (await storage.loadIdentity()).id, verified];
  });
  expect(ids).toEqual([ids[1], ids[0], true]);
});

test('a table is imported in the worker, read back, deleted, brought back and purged', async () => {
  const seen = await page.evaluate(async () => {
    const client = data.createDataClient();
    const file = new File(['age,sex,label\n40,f,no\n60,m,yes\n50,m,yes\n'], 'people.csv');
    const preview = await client.importFile(file, undefined, {}, () => undefined);
    const info = await client.commit(preview.importId, { name: 'People' }, () => undefined);
    const signal = new AbortController().signal;
    const { count, inputs, targets } = await data.loadExamples(info.id, signal);
    const listed = async () => (await data.listDatasets()).map(({ name }) => name);
    const lists = [await listed()];
    await data.deleteDataset(info.id);
    lists.push(await listed());
    await data.undoDelete(info.id);
    lists.push(await listed());
    await data.deleteDataset(info.id);
    await storage.purgeTrash(Date.now() + storage.UNDO_MS);
    const undo = await data.undoDelete(info.id).catch((error) => error.code);
    const shards = await (await storage.database()).count('shards');
    client.close();
    return { count, inputs: [...inputs], targets: [...targets], lists, undo, shards };
  });
  // Mean 50, standard deviation √(200 / 3), rounded to 8.165; then f, m.
  expect(seen.inputs.map((x) => Number(x.toFixed(3)))).toEqual([-1.225, 1, 0, 1.225, 0, 1, 0, 0, 1]);
  expect(seen).toMatchObject({
    count: 3,
    targets: [0, 1, 1],
    lists: [['People'], [], ['People']],
    shards: 0,
  });
  expect(seen.undo).toBe('data.unreadable');
});

test('a refused and a cancelled import leave nothing behind, and errors keep their codes', async () => {
  const seen = await page.evaluate(async () => {
    const client = data.createDataClient();
    const file = new File(['age,label\n40,no\n60,yes\n'], 'people.csv');
    const { schema } = await client.importFile(file, undefined, {}, () => undefined);
    const bad = await client.importFile(
      new File(['age,label\n1,no\nx,yes\n'], 'b.csv'),
      schema,
      {},
      () => undefined,
    );
    const refused = await client
      .commit(bad.importId, {}, () => undefined)
      .catch((error) => [error.code, error.facts.path]);
    const large = new File([`age,label\n${'40,no\n'.repeat(500_000)}`], 'large.csv');
    const controller = new AbortController();
    const cancelled = await client
      .importFile(large, schema, {}, () => controller.abort(), controller.signal)
      .catch((error) => error.code);
    const under = client.importFile(large, schema, {}, () => undefined).catch((error) => error.code);
    client.close();
    const closed = [await under, await client.discard('any').catch((error) => error.code)];
    return { refused, cancelled, closed, shards: await (await storage.database()).count('shards') };
  });
  expect(seen).toEqual({
    refused: ['data.invalid-value', 'row 2, column "age"'],
    cancelled: 'aborted',
    closed: ['aborted', 'aborted'],
    shards: 0,
  });
});

test('a disk that fills up during an import is named, and what was written is removed', async () => {
  const seen = await page.evaluate(async () => {
    const put = IDBObjectStore.prototype.put;
    let puts = 0;
    IDBObjectStore.prototype.put = function (...values: Parameters<typeof put>) {
      if (++puts === 2) throw new DOMException('', 'QuotaExceededError');
      return put.apply(this, values);
    };
    const format = { size: 1, inputs: 'uint8', targets: 'uint16' } as const;
    const shard = { count: 1, inputs: new Blob(['x']), targets: new Blob(['xx']) };
    const failed = await storage
      .createDataset(format, async (writer) => {
        await writer.writeShard(shard);
        await writer.writeShard(shard);
        throw new Error('not reached');
      })
      .catch((error) => error.code);
    IDBObjectStore.prototype.put = put;
    return [failed, await (await storage.database()).count('shards')];
  });
  expect(seen).toEqual(['storage.full', 0]);
});

test('shards of an import whose tab was closed are swept, those of datasets are kept', async () => {
  const seen = await page.evaluate(async () => {
    const client = data.createDataClient();
    await client.importSampleDigits({ examplesPerShard: 10, split: 'iid', seed: 's' }, () => undefined);
    client.close();
    const db = await storage.database();
    const [key] = await db.getAllKeys('shards');
    await db.put('shards', (await db.get('shards', key!))!, ['nobody', 0]);
    return [await storage.sweepOrphans(), await db.count('shards'), await storage.sweepOrphans()];
  });
  expect(seen).toEqual([1, 1, 0]);
});

test('shards are opened without reading them, give any rows, and name what is wrong with them', async () => {
  const outcome = await page.evaluate(async () => {
    const { signal } = new AbortController();
    const format = { size: 2, inputs: 'float32', targets: 'uint16' } as const;
    // Example i is [2i, 2i + 1] with the target i, in parts of 3 and 2.
    const { id } = await storage.createDataset(format, async (writer) => {
      for (const [start, end] of [
        [0, 3],
        [3, 5],
      ] as const) {
        const count = end - start;
        const inputs = Float32Array.from({ length: 2 * count }, (_, i) => 2 * start + i);
        const targets = Uint16Array.from({ length: count }, (_, i) => start + i);
        await writer.writeShard({ count, inputs: new Blob([inputs]), targets: new Blob([targets]) });
      }
      return writer.finish({
        name: 'rows',
        kind: 'records',
        schema: {
          kind: 'records',
          features: 2,
          target: { name: 'label', type: 'class', labels: ['a', 'b', 'c', 'd', 'e'] },
        },
        schemaHash: '',
        skippedRows: 0,
        format,
        createdAtMs: 0,
        columns: [],
      });
    });
    const shards = await storage.openShards(id, signal);
    const { inputs, targets } = await shards.read(1, 1, 2);
    const db = await storage.database();
    const second = (await db.get('shards', [id, 1]))!;
    const errors: [string, string | undefined][] = [];
    const attempt = (work: Promise<unknown>) =>
      work.then(
        () => errors.push(['none', undefined]),
        (error) => errors.push([error.code, error.facts.path]),
      );
    await db.put('shards', { ...second, inputs: new Blob([new Float32Array(3)]) }, [id, 1]);
    await attempt(storage.openShards(id, signal));
    await db.delete('shards', [id, 1]);
    await attempt(storage.openShards(id, signal));
    await db.put('shards', { ...second, count: 2 }, [id, 1]);
    await attempt(storage.openShards(id, AbortSignal.abort()));
    await attempt(shards.checkPresent());
    await storage.deleteDataset(id);
    await attempt(shards.checkPresent());
    await attempt(storage.openShards(id, signal));
    return { counts: shards.counts, row: [...inputs, ...targets], errors };
  });
  expect(outcome).toEqual({
    counts: [3, 2],
    row: [8, 9, 4],
    errors: [
      ['storage.corrupt', 'shard 1'],
      ['storage.corrupt', 'shard 1'],
      ['aborted', undefined],
      ['none', undefined],
      ['data.unreadable', undefined],
      ['data.unreadable', undefined],
    ],
  });
});

test('images are scaled and labelled by their folders; files that are no images are named', async () => {
  const seen = await page.evaluate(async () => {
    const image = async (color: string) => {
      const canvas = new OffscreenCanvas(300, 20);
      const context = canvas.getContext('2d')!;
      context.fillStyle = color;
      context.fillRect(0, 0, 300, 20);
      return new File([await canvas.convertToBlob()], 'image.png', { type: 'image/png' });
    };
    const client = data.createDataClient();
    const files = [
      { file: await image('red'), path: 'set/warm/1.png' },
      { file: await image('blue'), path: 'set/cold/2.png' },
      { file: new File(['junk'], '3.png', { type: 'image/png' }), path: 'set/warm/3.png' },
      { file: await image('lime'), path: 'set/green/4.png' },
      { file: new File(['x'], '.DS_Store'), path: 'set/.DS_Store' },
    ];
    const schema = { kind: 'image', width: 2, height: 2, channels: 3, labels: ['cold', 'warm'] } as const;
    const preview = await client.importFile(
      files,
      { ...schema, labels: [...schema.labels] },
      {},
      () => undefined,
    );
    client.close();
    const { examples, classCounts, problems, images } = preview;
    return {
      examples,
      classCounts,
      problems: problems.map(({ code, path }) => [code, path]),
      pixels: images?.map(({ label, pixels }) => [label, ...pixels.slice(0, 3)]),
    };
  });
  expect(seen).toEqual({
    examples: 2,
    classCounts: { cold: 1, warm: 1 },
    problems: [
      ['data.unreadable', 'set/warm/3.png'],
      ['data.unknown-label', 'set/green/4.png'],
    ],
    pixels: [
      ['warm', 255, 0, 0],
      ['cold', 0, 0, 255],
      ['green', 0, 255, 0],
    ],
  });
});

test('the sample digits come in different shards, and the test digits stay when the server is gone', async () => {
  const seen = await page.evaluate(async () => {
    const client = data.createDataClient();
    const sample = { examplesPerShard: 20_000, split: 'iid', seed: 's' } as const;
    const parts: (number | undefined)[] = [];
    let loaded = 0;
    let last: [number, number | undefined] = [0, undefined];
    for (let i = 0; i < 3; i++) {
      const info = await client.importSampleDigits(sample, ({ doneBytes, totalBytes }) => {
        last = [doneBytes, totalBytes];
      });
      parts.push(info.sample?.shard);
      loaded += (await data.loadExamples(info.id, new AbortController().signal)).count;
    }
    const full = await client.importSampleDigits(sample, () => undefined).catch((error) => error.code);
    client.close();
    const { count } = await data.loadSampleTest(new AbortController().signal);
    return { parts: parts.toSorted(), loaded, last, full, count };
  });
  expect(seen).toEqual({
    parts: [0, 1, 2],
    loaded: 60_000,
    last: [15_700_000, 15_700_000],
    full: 'data.empty',
    count: 10_000,
  });
  await page.route('**/api/**', (route) => route.abort());
  const offline = await page.evaluate(
    async () => (await data.loadSampleTest(new AbortController().signal)).count,
  );
  expect(offline).toBe(10_000);
});

test('a browser that forbids storage is named', async () => {
  const code = await page.evaluate(() => {
    IDBFactory.prototype.open = () => {
      throw new DOMException('', 'SecurityError');
    };
    return storage.listDatasets().catch((error) => error.code);
  });
  expect(code).toBe('storage.unavailable');
});

async function serve(folder: string): Promise<Server> {
  const samples = sampleData();
  const listening = createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
    const [offset, count] = ['offset', 'count'].map((name) => Number(searchParams.get(name))) as [
      number,
      number,
    ];
    try {
      if (pathname === '/api/sample/digits/test') response.end(await samples.test());
      else if (pathname === '/api/sample/digits/train')
        response.end(await samples.trainShard({ offset, count }));
      else {
        const file = pathname === '/' ? '/index.html' : pathname;
        const content = readFileSync(join(folder, file));
        response.setHeader('content-type', TYPES[extname(file)] ?? 'application/octet-stream').end(content);
      }
    } catch (error) {
      response.writeHead(404).end(String(error));
    }
  });
  await new Promise<void>((done) => listening.listen(0, '127.0.0.1', done));
  return listening;
}
