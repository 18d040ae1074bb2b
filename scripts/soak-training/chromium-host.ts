import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { extname, join, resolve } from 'node:path';
import type { Browser, CDPSession, Page } from '@playwright/test';
import { build } from 'vite';
import { launchBrowser } from '../../e2e/harness/browser.ts';
import { remoteSoak, type SoakHost } from './host.ts';
import type { soak } from './page/main.ts';

const TYPES: Record<string, string> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.wasm': 'application/wasm',
};

/** What page/main.ts puts on the window. */
interface SoakWindow {
  readonly soak: typeof soak;
}

/** In a module worker of Chromium, built as the page builds its own. */
export async function chromiumSoak(): Promise<SoakHost> {
  const outDir = mkdtempSync(join(tmpdir(), 'soak-training-'));
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
    browser = await launchBrowser();
    const page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    await page.waitForFunction(() => document.title === 'ready');
    const ask = await inspectWorker(page);
    return {
      name: `Chromium ${browser.version()}, module worker`,
      ...remoteSoak((call) =>
        page.evaluate((call) => (window as unknown as SoakWindow).soak.ask(call), call),
      ),
      async jsHeapBytes() {
        await ask('HeapProfiler.enable');
        await ask('HeapProfiler.collectGarbage');
        const usage = await ask('Runtime.getHeapUsage');
        return usage.usedSize! + (usage.backingStorageSize ?? 0);
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

type Inspect = (
  method: string,
) => Promise<{ readonly usedSize?: number; readonly backingStorageSize?: number }>;

/**
 * Speaks to the page's worker, which cannot measure its own heap. Playwright's sessions reach pages only, so that
 * messages to the worker travel inside those to the page.
 */
async function inspectWorker(page: Page): Promise<Inspect> {
  const session: CDPSession = await page.context().newCDPSession(page);
  const answers = new Map<number, (result: never) => void>();
  let id = 0;
  session.on('Target.receivedMessageFromTarget', ({ message }) => {
    const { id, result } = JSON.parse(message) as { id: number; result: never };
    answers.get(id)?.(result);
    answers.delete(id);
  });
  const attached = new Promise<string>((done) =>
    session.on('Target.attachedToTarget', ({ sessionId, targetInfo }) => {
      if (targetInfo.type === 'worker') done(sessionId);
    }),
  );
  await session.send('Target.setAutoAttach', {
    autoAttach: true,
    waitForDebuggerOnStart: false,
    flatten: false,
  });
  const sessionId = await attached;
  return async (method) => {
    const message = JSON.stringify({ id: ++id, method });
    const answered = new Promise<never>((done) => answers.set(id, done));
    await session.send('Target.sendMessageToTarget', { sessionId, message });
    return answered;
  };
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
