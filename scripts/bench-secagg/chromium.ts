import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Browser } from '@playwright/test';
import { build } from 'vite';
import { launchBrowser } from '../../e2e/harness/browser.ts';
import type { bench } from './page/main.ts';
import type { Answer } from './page/worker.ts';

export interface ChromiumHost {
  readonly name: string;
  measure(
    sizes: readonly number[],
    parameters: number,
    rounds: number,
  ): Promise<Exclude<Answer, { readonly error: string }>>;
  close(): Promise<void>;
}

/** A headless Chromium with a page whose worker does what this process does. */
export async function chromiumHost(): Promise<ChromiumHost> {
  const outDir = mkdtempSync(join(tmpdir(), 'bench-secagg-'));
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
      build: { outDir, emptyOutDir: true, target: 'es2022' },
      worker: { format: 'es' },
    });
    server = await serve(outDir);
    browser = await launchBrowser();
    const page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    await page.waitForFunction(() => document.title === 'ready');
    return {
      name: `Chromium ${browser.version()}`,
      async measure(sizes, parameters, rounds) {
        const answer = await page.evaluate(
          (request) => (window as unknown as { bench: typeof bench }).bench.measure(request),
          { sizes, parameters, rounds },
        );
        if ('error' in answer) throw new Error(answer.error);
        return answer;
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
      response.setHeader('content-type', file.endsWith('.js') ? 'text/javascript' : 'text/html').end(content);
    } catch (error) {
      response.writeHead(404).end(String(error));
    }
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return server;
}
