import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { extname, join, resolve } from 'node:path';
import { type Browser, expect, type Page, test } from '@playwright/test';
import { build } from 'vite';
import { launchBrowser } from './harness/browser.ts';
import type { TrainerPage } from './trainer-page/main.ts';

/** What e2e/trainer-page/main.ts puts on the window. */
declare const trainerPage: TrainerPage;

const TYPES: Record<string, string> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.wasm': 'application/wasm',
};
/** Shaders are compiled by software here. */
const SOFTWARE_GPU_MS = 480_000;

let outDir: string;
let server: Server;
let browser: Browser;
let page: Page;

test.beforeAll(async () => {
  outDir = mkdtempSync(join(tmpdir(), 'trainer-page-'));
  await build({
    configFile: false,
    root: resolve(import.meta.dirname, 'trainer-page'),
    logLevel: 'error',
    build: { outDir, emptyOutDir: true, target: 'es2022' },
    worker: { format: 'es' },
  });
  server = createServer(({ url = '/' }, response) => {
    try {
      const content = readFileSync(join(outDir, url === '/' ? 'index.html' : url));
      response.setHeader('content-type', TYPES[extname(url) || '.html'] ?? 'text/plain').end(content);
    } catch (error) {
      response.writeHead(404).end(String(error));
    }
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  browser = await launchBrowser();
});

test.afterAll(async () => {
  await browser?.close();
  server?.close();
  rmSync(outDir, { recursive: true, force: true });
});

test.beforeEach(async () => {
  page = await (await browser.newContext()).newPage();
  await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  await page.waitForFunction(() => document.title === 'ready');
});

test.afterEach(() => page.context().close());

for (const backend of ['wasm', 'cpu', 'webgl', 'webgpu'] as const) {
  test(`${backend} passes the whole self-test`, async () => {
    test.setTimeout(SOFTWARE_GPU_MS);
    const faults = await page.evaluate((backend) => trainerPage.conformanceFaults({ backend }), backend);
    expect(faults).toEqual([]);
  });
}

test('a backend with a broken kernel fails it, in words', async () => {
  const faults = await page.evaluate(() =>
    trainerPage.conformanceFaults({ backend: 'wasm', replace: { kernel: 'Tanh', by: 'Sigmoid' } }),
  );
  expect(faults).toContainEqual(expect.stringMatching(/^It computes wrong outputs for tanh, off by/));
  expect(faults).not.toContainEqual(expect.stringContaining(' for relu,'));
});

for (const backend of ['webgl', 'webgpu'] as const) {
  test(`a round goes on with WebAssembly when ${backend} is lost`, async () => {
    test.setTimeout(SOFTWARE_GPU_MS);
    const { interrupted, plain } = await page.evaluate(
      async (backend) => ({
        interrupted: await trainerPage.round(backend, 'lose'),
        plain: await trainerPage.round('wasm'),
      }),
      backend,
    );
    expect(interrupted.backends).toEqual({ before: backend, after: 'wasm' });
    expect(interrupted.loads).toBe(2);
    expect(interrupted.notices).toEqual([expect.stringMatching(/^Training on GPU \(\w+\) failed: The /)]);
    // From the round's base, not from where the GPU was.
    expect(interrupted.delta).toEqual(plain.delta);
    expect(plain).toMatchObject({ notices: [], loads: 1 });
  });
}

test('a round goes on in a new worker when the worker crashes', async () => {
  const { crashed, plain } = await page.evaluate(async () => ({
    crashed: await trainerPage.round('wasm', 'crash'),
    plain: await trainerPage.round('wasm'),
  }));
  expect(crashed.backends).toEqual({ before: 'wasm', after: 'wasm' });
  expect(crashed.notices).toEqual(['The trainer crashed and was started again.']);
  expect(crashed.delta).toEqual(plain.delta);
});

test('training that is cancelled ends', async () => {
  expect(await page.evaluate(() => trainerPage.cancelled())).toMatchObject({ code: 'training.cancelled' });
});

test('a choice of backend is remembered for the same model, and made anew in another browser', async () => {
  expect(await page.evaluate(() => trainerPage.remembered())).toEqual({
    measured: [true, false, true],
    names: ['wasm', 'wasm', 'wasm'],
  });
});

test('examples that stay in storage train the same update, and none once they are deleted', async () => {
  const { read, streamed, afterDelete } = await page.evaluate(() => trainerPage.streamed());
  expect(read.some((value) => value !== 0)).toBe(true);
  expect(streamed).toEqual(read);
  expect(afterDelete).toBe('data.unreadable');
});
