import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { extname, join, resolve } from 'node:path';
import type { Browser } from '@playwright/test';
import { build } from 'vite';
import { launchBrowser } from '../../e2e/harness/browser.ts';
import type { Host } from './host.ts';
import type { bench } from './page/main.ts';

const TYPES: Record<string, string> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.wasm': 'application/wasm',
};
/** Later switches win over the software adapter that tests use. */
const REAL_GPU = [
  '--use-webgpu-adapter=default',
  '--enable-features=Vulkan',
  '--use-angle=vulkan',
  '--ignore-gpu-blocklist',
];

/** What page/main.ts puts on the window. */
interface BenchWindow {
  readonly bench: typeof bench;
}

/**
 * Sides in module workers of Chromium, on a page without cross-origin isolation.
 * @param useGpu whatever graphics hardware there is; otherwise adapters in software, which are everywhere.
 */
export async function chromiumHost(useGpu: boolean): Promise<Host> {
  const outDir = mkdtempSync(join(tmpdir(), 'bench-train-'));
  let server: Server | undefined;
  let browser: Browser | undefined;
  const close = async (): Promise<void> => {
    await browser?.close();
    server?.close();
    server?.closeAllConnections();
    rmSync(outDir, { recursive: true, force: true });
  };
  try {
    await build({
      configFile: false,
      root: resolve(import.meta.dirname, 'page'),
      logLevel: 'error',
      build: { outDir, emptyOutDir: true, target: 'es2022', chunkSizeWarningLimit: 10_000 },
      worker: { format: 'es' },
    });
    server = await serve(outDir);
    browser = await launchBrowser(useGpu ? REAL_GPU : []);
    const page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    await page.waitForFunction(() => document.title === 'ready');
    return {
      name: `Chromium ${browser.version()}, worker`,
      columns: ['stock-cpu', 'stock-wasm', 'ours-wasm', 'ours-webgl', 'ours-webgpu'],
      open: async (column) => {
        await page.evaluate((name) => (window as unknown as BenchWindow).bench.open(name), column);
        return {
          ask: (call) =>
            page.evaluate(([name, call]) => (window as unknown as BenchWindow).bench.ask(name, call), [
              column,
              call,
            ] as const),
          stop: () => page.evaluate((name) => (window as unknown as BenchWindow).bench.stop(name), column),
        };
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function serve(folder: string): Promise<Server> {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    const file = pathname === '/' ? '/index.html' : pathname;
    try {
      const content = readFileSync(join(folder, file));
      response.setHeader('content-type', TYPES[extname(file)] ?? 'application/octet-stream').end(content);
    } catch (error) {
      response.writeHead(404).end(String(error));
    }
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return server;
}
