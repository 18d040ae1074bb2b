import { existsSync } from 'node:fs';
import { type Browser, chromium } from '@playwright/test';

/** Where Debian, Ubuntu, Google's packages and macOS put Chromium. */
const CANDIDATES = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

/** `--no-sandbox` for containers that run as root; the rest keeps Chromium from calling home. */
export const CHROMIUM_ARGS = [
  '--no-sandbox',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--allow-loopback-in-peer-connection',
];

/** What CHROMIUM names, else the first that is installed. @throws when CHROMIUM names nothing. */
export function findChromium(): string | undefined {
  const named = process.env.CHROMIUM;
  if (named === undefined || named === '') return CANDIDATES.find((path) => existsSync(path));
  if (!existsSync(named)) throw new Error(`CHROMIUM names ${named}, and there is no such file.`);
  return named;
}

/** @throws when there is no Chromium, saying how to get one. */
export function chromiumPath(): string {
  const found = findChromium();
  if (found === undefined)
    throw new Error('Chromium was not found. Run `npm run ensure:chromium`, or set CHROMIUM to its path.');
  return found;
}

export function launchBrowser(extra: readonly string[] = []): Promise<Browser> {
  return chromium.launch({ executablePath: chromiumPath(), args: [...CHROMIUM_ARGS, ...extra] });
}
