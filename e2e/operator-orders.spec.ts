import { createHmac } from 'node:crypto';
import type { Locator, Page } from '@playwright/test';
import { defineFederation } from './harness/api.ts';
import { violations } from './harness/axe.ts';
import { quickFederation } from './harness/federations.ts';
import { ROUNDS_MS } from './harness/one-model.ts';
import { apiOf } from './harness/operator.ts';
import { expect, test } from './harness/test.ts';
import { openWebhookReceiver } from './harness/webhook-receiver.ts';

const OPERATOR_KEY = 'operator-key-of-these-tests';
test.use({ environment: { OPERATOR_KEY, WEBHOOK_ALLOW_PRIVATE: '1' } });

/** As somebody without a mouse. */
async function press(locator: Locator, key = 'Enter'): Promise<void> {
  await locator.focus();
  await locator.page().keyboard.press(key);
}

/** Answers a question that wants nothing typed: the focus begins on its first button, which gives up. */
async function confirm(page: Page): Promise<void> {
  await expect(page.getByRole('dialog')).toBeVisible();
  await expect(page.getByTestId('cancel')).toBeFocused();
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
}

/** Answers a question by typing, in the field that has the focus. */
async function confirmTyped(page: Page, text: string): Promise<void> {
  await expect(page.getByRole('dialog')).toBeVisible();
  await page.keyboard.type(text);
  await page.keyboard.press('Enter');
}

/** Holds back the requests with this method until they are let go. */
async function hold(page: Page, method: string, path: RegExp): Promise<() => void> {
  let release = (): void => undefined;
  const released = new Promise<void>((done) => {
    release = done;
  });
  await page.route(path, async (route) => {
    if (route.request().method() === method) await released;
    await route.continue();
  });
  return release;
}

/** On a phone and on a screen, light and dark: axe finds nothing, and nothing is wider than the screen. */
function look(page: Page, view: string): Promise<void> {
  return test.step(`looked at: ${view}`, async () => {
    for (const [width, colorScheme] of [
      [390, 'light'],
      [1280, 'dark'],
    ] as const) {
      await page.setViewportSize({ width, height: 844 });
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      expect.soft(await violations(page), `${view}, ${width}, ${colorScheme}`).toEqual([]);
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      expect.soft(overflow, `${view} at ${width} is wider than the screen`).toBeLessThanOrEqual(0);
    }
  });
}

test('every order of the pages is asked about or undone, shows that it is under way, and is refused in words; by keyboard', async ({
  browser,
  server,
  join,
}) => {
  const operator = apiOf(server.url, OPERATOR_KEY);
  await defineFederation(
    server.url,
    quickFederation('ordered', {
      privacy: { record: { noiseMultiplier: 0.8 }, budget: { epsilon: 60 } },
      rounds: { maximum: 500 },
      evaluation: 'sample',
    }),
  );
  await operator.send('PATCH', '/api/federations/ordered/settings', { control: 'managed' });
  const training = (await operator.send('POST', '/api/training/start', { federation: 'ordered' })).body;
  const participants = await Promise.all(
    [0, 1].map((shard) => join({ federation: 'ordered', shard, examples: 100 })),
  );
  const { self } = await participants[1]!.until(({ records }) => records.length >= 3, ROUNDS_MS);
  expect((await operator.send('POST', `/api/training/${training.id}/pause`, {})).status).toBe(200);
  await expect
    .poll(async () => (await operator.get('/api/system/drain')).body.roundsUnderWay, { timeout: ROUNDS_MS })
    .toBe(0);

  const context = await browser.newContext({ serviceWorkers: 'block', reducedMotion: 'reduce' });
  const page = await context.newPage();
  const at = (testId: string) => page.getByTestId(testId);
  const open = (section: string) => page.goto(`${server.url}/operator/${section}`);
  const receiver = await openWebhookReceiver();
  try {
    await open('versions/ordered');
    await at('credential').fill(OPERATOR_KEY);
    await at('remember').check();
    await press(at('credential'));
    await expect(at('me')).toBeVisible();

    await test.step('a version is rolled back to', async () => {
      await expect(at('version').first()).toBeVisible();
      await press(at('choose-version'), 'ArrowDown');
      const version = await at('choose-version').inputValue();
      await press(at('roll-back'));
      await expect(at('confirm')).toBeDisabled();
      await page.keyboard.press('Escape');
      await expect(at('roll-back')).toBeFocused();
      const release = await hold(page, 'POST', /\/rollback$/);
      await page.keyboard.press('Enter');
      await confirmTyped(page, `version ${version}`);
      await expect(at('working')).toBeVisible();
      await expect(at('roll-back')).toBeDisabled();
      release();
      await expect(at('version').first()).toContainText(`Went back to version ${version}`);
      await expect(at('working')).toBeHidden();
      await expect(at('roll-back')).toBeFocused();
    });

    const secret = await test.step('a webhook is refused in words, and another one is added', async () => {
      await open('alerts');
      await expect(at('no-webhooks')).toBeVisible();
      await press(at('new-webhook'));
      await at('webhook-url').fill('ftp://127.0.0.1/');
      await press(at('webhook-url'));
      await expect(at('error')).toHaveAttribute('data-code', 'argument.invalid');
      await expect(at('error')).toContainText('This is not an http(s) URL.');
      await expect(at('error')).toBeInViewport();
      await look(page, 'a webhook that was refused');
      await at('webhook-url').fill(receiver.url);
      await press(at('webhook-url'));
      await expect(at('secret-value')).toBeFocused();
      await expect(at('error')).toBeHidden();
      const shown = await at('secret-value').inputValue();
      await press(at('secret-done'));
      await expect(at('webhooks')).toContainText(receiver.url);
      return shown;
    });

    await test.step('a limit is changed, and who is told hears that it is passed', async () => {
      await open('privacy/ordered');
      await press(at('kind-department'));
      await press(at('new-limit'));
      await at('limit-epsilon').fill('3');
      await press(at('limit-epsilon'));
      await expect(at('limit-subject')).toHaveAttribute('aria-invalid', 'true');
      await expect(page.getByRole('dialog')).toHaveCount(0);
      await press(at('kind-federation'));
      await press(page.locator('[data-subject="federation/ordered"]').getByTestId('edit-limit'));
      await at('limit-epsilon').fill('0.5');
      await press(at('limit-epsilon'));
      await expect(page.getByRole('dialog')).toContainText('from epsilon 60 to 0.5');
      await page.keyboard.press('Escape');
      await expect(at('limit-epsilon')).toHaveValue('0.5');
      await look(page, 'the form of a limit');
      await press(at('save-limit'));
      await confirm(page);
      await expect(at('forecast')).toHaveAttribute('data-kind', 'spent');
      await expect.poll(() => receiver.received.length).toBe(1);
      const [{ headers, body }] = receiver.received as [(typeof receiver.received)[0]];
      expect(headers['x-murmuration-signature']).toBe(
        `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`,
      );
      expect(JSON.parse(body)).toMatchObject({ type: 'alert.firing', alert: { kind: 'budget-exceeded' } });
    });

    await test.step('an alert is silenced, the silence ended, and that undone', async () => {
      await open('alerts');
      const alert = page.locator('[data-testid="alert"][data-kind="budget-exceeded"]');
      await press(alert.getByTestId('silence'));
      await press(at('silence-reason'));
      await expect(at('silence-reason')).toHaveAttribute('aria-invalid', 'true');
      await look(page, 'the form of a silence, with a fault');
      await at('silence-reason').fill('We know');
      await press(at('silence-reason'));
      await expect(alert).toContainText('Silenced');
      await press(at('end-silence'));
      await expect(alert).not.toContainText('Silenced');
      await expect(at('toast')).toContainText('The silence has ended.');
      await press(at('toast-action'));
      await expect(at('silences')).toContainText('We know');
      await press(at('end-silence'));
      await expect(at('silences')).toHaveCount(0);
    });

    await test.step('the webhook is removed', async () => {
      await press(at('remove-webhook'));
      await confirm(page);
      await expect(at('no-webhooks')).toBeVisible();
      await expect(page.getByRole('heading', { name: 'Webhooks' })).toBeFocused();
    });

    await test.step('a participant is blocked, and unblocked', async () => {
      await page.setViewportSize({ width: 390, height: 844 });
      await open('participants/ordered');
      const row = page.locator(`[data-participant="${self}"]`);
      await row.scrollIntoViewIfNeeded();
      // On a phone too what can be done is in sight.
      await expect(row.getByTestId('block')).toBeInViewport({ ratio: 1 });
      await press(row.getByTestId('block'));
      await confirmTyped(page, 'Sends nonsense');
      await expect(row).toHaveAttribute('data-standing', 'blocked');
      await look(page, 'a blocked participant');
      await press(row.getByTestId('unblock'));
      await expect(row).toHaveAttribute('data-standing', 'clear');
    });

    await test.step('a participant is deleted, and not twice', async () => {
      await open('rights');
      await at('rights-participant').fill(self as string);
      await press(at('delete-participant'));
      await page.keyboard.type('del');
      await expect(at('confirm')).toBeDisabled();
      await page.keyboard.press('Escape');
      await page.keyboard.press('Enter');
      await confirmTyped(page, 'delete');
      await expect(at('receipt')).toBeVisible();
      await look(page, 'the receipt of a deletion');
      await at('rights-participant').fill(self as string);
      await press(at('delete-participant'));
      await confirmTyped(page, 'delete');
      await expect(at('error')).toContainText('This participant was deleted before.');
      await expect(at('receipt')).toBeHidden();
    });

    await test.step('a certificate is added, not twice, and revoked', async () => {
      await open('keys');
      await press(at('new-certificate'));
      await press(at('create-certificate'));
      await expect(at('certificate')).toHaveAttribute('aria-invalid', 'true');
      await expect(at('key-name')).toHaveAttribute('aria-invalid', 'true');
      await look(page, 'the form of a certificate, with faults');
      const add = async (): Promise<void> => {
        await at('certificate').fill('AB:'.repeat(32).slice(0, -1));
        await at('key-name').fill('Kiosk');
        await press(at('create-certificate'));
      };
      await add();
      await expect(at('key')).toContainText('Certificate');
      await press(at('new-certificate'));
      await add();
      await expect(at('error')).toHaveAttribute('data-code', 'http.conflict');
      await expect(at('error')).toContainText('This certificate is registered already.');
      await press(at('revoke-key'));
      await confirm(page);
      await expect(at('key')).toHaveAttribute('data-state', 'Revoked');
      await expect(at('error')).toBeHidden();
    });

    await test.step('the audit knows of it all, and its entries fit the screen', async () => {
      await open('audit');
      await press(at('entry').first().locator('summary'));
      await press(at('audit-filter').locator('summary'));
      await look(page, 'the audit with an entry open');
    });

    await test.step('a server that is away is said to be, and nothing is pretended', async () => {
      await open('incident');
      await expect(at('stop-all')).toBeVisible();
      await server.kill();
      await press(at('stop-all'));
      await page.keyboard.type('A leak');
      await page.keyboard.press('Tab');
      await confirmTyped(page, 'stop all rounds');
      await expect(at('error')).toHaveAttribute('data-code', 'http.unavailable');
      await expect(at('error')).toContainText('The server cannot be reached.');
      await expect(at('incident')).toHaveAttribute('data-halted', 'false');
      await expect(at('stop-all')).toBeFocused();
    });
  } finally {
    await receiver.close();
    await context.close();
  }
});
