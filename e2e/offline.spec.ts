import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import { type BrowserContext, chromium } from '@playwright/test';
import { defineFederation } from './harness/api.ts';
import { CHROMIUM_ARGS, chromiumPath } from './harness/browser.ts';
import { quickFederation } from './harness/federations.ts';
import { ROUNDS_MS } from './harness/one-model.ts';
import { expect, test } from './harness/test.ts';

/** A profile on disk, as an installed page has it; the service worker is its own. */
async function openProfile(folder: string): Promise<BrowserContext> {
  return chromium.launchPersistentContext(folder, { executablePath: chromiumPath(), args: CHROMIUM_ARGS });
}

test('the installed page works without the server: federations, model, prediction', async ({
  server,
  join,
}) => {
  await defineFederation(server.url, quickFederation('installed', { rounds: { maximum: 3 } }));
  const profile = mkdtempSync(joinPath(tmpdir(), 'murmuration-profile-'));
  let context = await openProfile(profile);
  try {
    const page = await context.newPage();
    await page.goto(server.url);
    await expect(page.getByTestId('federation').first()).toBeVisible();
    await page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined));
    await page.goto(`${server.url}/f/installed?autojoin=1&sample=0&examples=200`);
    await join({ federation: 'installed', shard: 1, examples: 200 });
    await expect(page.getByTestId('phase')).toHaveAttribute('data-phase', 'finished', { timeout: ROUNDS_MS });
    const hash = await page.getByTestId('model-hash').getAttribute('data-hash');
    await page.goto(server.url);
    await expect(page.getByTestId('federation').first()).toBeVisible();

    await server.kill();
    await context.close(); // the browser is closed and opened again: nothing is left but what is on the disk
    context = await openProfile(profile);
    const again = await context.newPage();
    await again.goto(server.url);
    await expect(again.getByText('These are the federations this device remembers.')).toBeVisible();
    await expect(again.getByTestId('federation').filter({ hasText: 'Test installed' })).toBeVisible();
    await again.reload();
    await again.getByTestId('federation').filter({ hasText: 'Test installed' }).click();
    await again.getByTestId('try-model').click();
    await expect(again.getByTestId('model-hash')).toHaveAttribute('data-hash', hash!);
    const pad = (await again.getByTestId('digit-pad').boundingBox())!;
    const [x, top, bottom] = [pad.x + pad.width / 2, pad.y + pad.height / 5, pad.y + (pad.height * 4) / 5];
    await again.mouse.move(x, top);
    await again.mouse.down();
    await again.mouse.move(x, bottom, { steps: 10 });
    await again.mouse.up();
    await expect(again.getByTestId('prediction')).toHaveText(/^\d$/);
  } finally {
    await context.close();
    rmSync(profile, { recursive: true, force: true });
  }
});
