import type { BrowserContext, Page } from '@playwright/test';
import type { Services } from '../web/src/app/services.ts';
import { defineFederation } from './harness/api.ts';
import { quickFederation } from './harness/federations.ts';
import { hasFinished, ROUNDS_MS } from './harness/one-model.ts';
import { expect, test } from './harness/test.ts';

interface FakeBattery extends EventTarget {
  charging: boolean;
  level: number;
}
type WithBattery = Window & { readonly fakeBattery: FakeBattery };

/** A battery to plug and unplug. */
async function withBattery(context: BrowserContext): Promise<void> {
  await context.addInitScript(() => {
    const fakeBattery = Object.assign(new EventTarget(), { charging: true, level: 0.9 });
    Object.assign(window, { fakeBattery });
    Object.defineProperty(navigator, 'getBattery', { value: async () => fakeBattery });
  });
}

async function plug(page: Page, charging: boolean): Promise<void> {
  await page.evaluate((charging) => {
    const { fakeBattery } = window as unknown as WithBattery;
    fakeBattery.charging = charging;
    fakeBattery.dispatchEvent(new Event('chargingchange'));
  }, charging);
}

test('a rule that a person sets pauses the session, says why, can be overruled, and resumes it', async ({
  server,
  join,
}) => {
  await defineFederation(server.url, quickFederation('policy'));
  const { page } = await join({ federation: 'policy', shard: 0, examples: 100, prepare: withBattery });
  const phase = page.getByTestId('phase');
  await expect(phase).toHaveAttribute('data-phase', 'waiting');

  await page.getByRole('link', { name: 'Settings' }).click();
  await page.getByTestId('battery').selectOption('charging');
  await expect(page.getByTestId('device-state')).toContainText('battery at 90 %, charging');
  await plug(page, false);
  await expect(page.getByTestId('device-state')).toContainText('not charging');
  await page.goBack();
  await expect(phase).toHaveText('Paused by your settings');
  await expect(
    page.getByText('The device is not charging, and you chose to train only while it is.', { exact: true }),
  ).toBeVisible();

  await page.getByRole('button', { name: 'Train anyway' }).click();
  await expect(phase).toHaveAttribute('data-phase', 'waiting');
  await plug(page, true);
  await plug(page, false);
  await expect(phase).toHaveAttribute('data-phase', 'paused');

  // A rule is asked again after a reload, where the device may be another.
  await page.reload();
  await expect(phase).toHaveAttribute('data-phase', 'waiting');
  await plug(page, false);
  await expect(phase).toHaveAttribute('data-phase', 'paused');
  await plug(page, true);
  await expect(phase).toHaveAttribute('data-phase', 'waiting');
});

test('what was measured is shown, can be measured again, and a backend can be chosen by hand', async ({
  server,
  join,
}) => {
  await defineFederation(server.url, quickFederation('measured', { rounds: { maximum: 2 } }));
  const [first] = await Promise.all(
    [0, 1].map((shard) => join({ federation: 'measured', shard, examples: 100 })),
  );
  const { page } = first!;
  await first!.until(hasFinished, ROUNDS_MS);
  await expect(page.getByTestId('backend')).toHaveText('Processor (WebAssembly)');

  await page.getByRole('link', { name: 'Settings' }).click();
  const measured = page.getByTestId('measured');
  await expect(measured.getByRole('heading')).toContainText('Test measured');
  await expect(measured.getByRole('row', { name: /Processor \(WebAssembly\)/ })).toContainText(/[\d.]+ ms/);
  await expect(measured.getByRole('row', { name: /WebGPU/ })).toContainText('runs in software');
  const before = await measuredAtMs(page);
  await page.getByTestId('measure').click();
  await expect.poll(() => measuredAtMs(page)).toBeGreaterThan(before);
  await expect(page.getByTestId('measure')).toBeEnabled();
  await expect(page.getByTestId('error')).toHaveCount(0);

  await page.getByTestId('backend-choice').selectOption('cpu');
  await page.goto(`${server.url}/f/digits?autojoin=1&sample=1&examples=100`);
  await expect(page.getByTestId('backend')).toHaveText('Processor (JavaScript)');
});

function measuredAtMs(page: Page): Promise<number> {
  return page.evaluate(async () => {
    const app = document.querySelector<HTMLElement & { readonly services: Services }>('mm-app')!;
    return (await app.services.backends.list())[0]!.atMs;
  });
}
