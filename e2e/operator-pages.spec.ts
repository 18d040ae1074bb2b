import type { Browser, Locator, Page, WebSocketRoute } from '@playwright/test';
import { defineFederation } from './harness/api.ts';
import { quickFederation } from './harness/federations.ts';
import { ROUNDS_MS } from './harness/one-model.ts';
import { openParticipant } from './harness/participant.ts';
import { startServerProcess } from './harness/server-process.ts';
import { test as base, expect } from './harness/test.ts';

const OPERATOR_KEY = 'operator-key-of-these-tests';

/** A server whose operator is known. */
const test = base.extend({
  server: async ({ browserName: _ }, use) => {
    const server = await startServerProcess({ OPERATOR_KEY });
    await use(server);
    await server.stop();
  },
});

async function signIn(page: Page, url: string, section: string, key = OPERATOR_KEY): Promise<void> {
  await page.goto(`${url}/operator/${section}`);
  await page.getByTestId('credential').fill(key);
  await page.getByTestId('remember').check();
  await page.getByTestId('sign-in-button').click();
  await expect(page.getByTestId('me')).toBeVisible();
}

async function openOperator(browser: Browser, url: string, section: string): Promise<Page> {
  const context = await browser.newContext({ serviceWorkers: 'block' });
  const page = await context.newPage();
  await signIn(page, url, section);
  return page;
}

/** Stands between the page and its live connection. */
async function overseeLive(page: Page) {
  const open = new Set<WebSocketRoute>();
  let isRefused = false;
  await page.routeWebSocket(/\/ws\/[\w-]+$/, (socket) => {
    if (isRefused) return void socket.close();
    socket.connectToServer();
    open.add(socket);
  });
  return {
    refuse: () => {
      isRefused = true;
      for (const socket of open) void socket.close();
      open.clear();
    },
    allow: () => {
      isRefused = false;
    },
  };
}

/** Presses a key, and says what has the focus then. */
async function focused(page: Page, key: string): Promise<string | null> {
  await page.keyboard.press(key);
  return page.evaluate(() => {
    let element = document.activeElement;
    while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
    return element?.getAttribute('data-testid') ?? element?.tagName ?? null;
  });
}

async function numberIn(locator: Locator, attribute: string): Promise<number> {
  return Number(await locator.getAttribute(attribute));
}

test('a training is started, watched as it goes, paused, resumed, changed and stopped', async ({
  browser,
  server,
  join,
}) => {
  await defineFederation(
    server.url,
    quickFederation('watched', { rounds: { maximum: 500 }, evaluation: 'sample' }),
  );
  const page = await openOperator(browser, server.url, 'participants/watched');
  const live = await overseeLive(page);
  await page.getByTestId('control').selectOption('managed');
  await expect(page.getByTestId('toast')).toBeVisible();
  const [first] = await Promise.all(
    [0, 1].map((shard) => join({ federation: 'watched', shard, examples: 100 })),
  );
  await expect(first!.page.getByTestId('on-hold')).toBeVisible({ timeout: ROUNDS_MS });
  await expect(first!.page.getByTestId('phase')).toHaveText('Paused by the operator');

  await page.goto(`${server.url}/operator/runs`);
  await expect(page.getByTestId('no-trainings')).toBeVisible();
  await page.getByTestId('new-training').click();
  await page.getByTestId('start-federation').selectOption('watched');
  await page.getByTestId('jobName').fill('Autumn');
  await page.getByTestId('maxRounds').fill('0');
  await page.getByTestId('start-training').click();
  await expect(page.getByTestId('maxRounds')).toHaveAttribute('aria-invalid', 'true');
  await page.getByTestId('maxRounds').fill('400');
  await page.getByTestId('start-training').click();

  const training = page.getByTestId('training');
  await expect(training).toHaveAttribute('data-status', 'RUNNING', { timeout: ROUNDS_MS });
  await expect(training).toHaveAttribute('data-live', 'live');
  const chart = page.getByTestId('accuracy-chart');
  await expect(chart).toBeVisible({ timeout: ROUNDS_MS });
  const before = await numberIn(chart, 'data-points');
  await expect(async () => expect(await numberIn(chart, 'data-points')).toBeGreaterThan(before + 1)).toPass({
    timeout: ROUNDS_MS,
  });

  await page.getByTestId('pause-training').click();
  await expect(training).toHaveAttribute('data-status', 'PAUSED');
  await expect(first!.page.getByTestId('on-hold')).toBeVisible({ timeout: ROUNDS_MS });
  await page.getByTestId('toast-action').click();
  await expect(training).toHaveAttribute('data-status', 'RUNNING');
  await expect(first!.page.getByTestId('on-hold')).toBeHidden({ timeout: ROUNDS_MS });

  await page.getByTestId('configure-training').click();
  await page.getByTestId('maxRounds').fill('300');
  await page.getByTestId('save-config').click();
  await expect(page.getByTestId('rounds')).toContainText('of 300');

  // The connection breaks: the page says so, asks instead, and is live again by itself.
  live.refuse();
  await expect(page.getByTestId('polling')).toBeVisible();
  const points = await numberIn(chart, 'data-points');
  await expect(async () => expect(await numberIn(chart, 'data-points')).toBeGreaterThan(points)).toPass({
    timeout: ROUNDS_MS,
  });
  live.allow();
  await expect(training).toHaveAttribute('data-live', 'live', { timeout: ROUNDS_MS });

  await page.getByTestId('stop-training').click();
  await expect(page.getByTestId('confirm')).toBeDisabled();
  await page.getByTestId('confirm-reason').fill('Enough for today');
  await page.getByTestId('confirm').click();
  await expect(training).toHaveAttribute('data-status', 'STOPPED', { timeout: ROUNDS_MS });

  await page.goto(`${server.url}/operator/versions/watched`);
  await expect(page.getByTestId('version').first()).toBeVisible();
  const versions = await page.getByTestId('choose-version').locator('option').all();
  expect(versions.length).toBeGreaterThan(1);
  await page.getByTestId('choose-version').selectOption({ index: 1 });
  await page.getByTestId('promote').click();
  await page.getByTestId('confirm').click();
  await expect(page.getByTestId('promoted')).toBeVisible();
  await page.context().close();
});

test('a participant is blocked with a reason, and let in again', async ({ browser, server, join }) => {
  await defineFederation(server.url, quickFederation('strict', { rounds: { maximum: 500 } }));
  const [first] = await Promise.all(
    [0, 1].map((shard) => join({ federation: 'strict', shard, examples: 100 })),
  );
  const { self } = await first!.until(({ records }) => records.length >= 2, ROUNDS_MS);
  const page = await openOperator(browser, server.url, 'participants/strict');
  const row = page.locator(`[data-participant="${self}"]`);
  await row.getByTestId('block').click();
  await page.getByTestId('confirm-reason').fill('Sends nonsense');
  await page.getByTestId('confirm').click();
  await expect(row).toHaveAttribute('data-standing', 'blocked');
  await expect(first!.page.getByTestId('refusal')).toHaveAttribute('data-code', 'participant.blocked', {
    timeout: ROUNDS_MS,
  });
  await row.getByTestId('unblock').click();
  await expect(row).toHaveAttribute('data-standing', 'clear');
  await page.context().close();
});

test('an invitation lets a device in that is refused without it; its token never reaches an address', async ({
  browser,
  server,
}) => {
  await defineFederation(server.url, quickFederation('closed', { rounds: { maximum: 500 } }));
  const page = await openOperator(browser, server.url, 'participants/closed');
  await page.getByTestId('admission').selectOption('invitation');
  await expect(page.getByTestId('toast')).toBeVisible();
  await page.getByTestId('new-invitation').click();
  await page.getByTestId('invitation-label').fill('Ward 7');
  await page.getByTestId('invitation-uses').fill('2');
  await page.getByTestId('create-invitation').click();
  const link = await page.getByTestId('share-link').inputValue();
  expect(link).toContain(`${server.url}/f/closed#invite=mi_`);
  await page.getByRole('button', { name: 'Done' }).click();

  const stranger = await openParticipant(browser, server.url, {
    federation: 'closed',
    shard: 5,
    examples: 50,
  });
  await expect(stranger.page.getByTestId('not-admitted')).toBeVisible();
  await expect(stranger.page.getByTestId('error').first()).toHaveAttribute('data-code', 'http.unauthorized');
  await stranger.close();

  const asked: string[] = [];
  const guest = await openParticipant(browser, server.url, {
    federation: 'closed',
    shard: 6,
    examples: 50,
    prepare: async (context) => {
      context.on('request', (request) => asked.push(request.url()));
      const opened = await context.newPage();
      await opened.goto(link);
      await expect(opened.getByTestId('join')).toBeVisible();
      expect(new URL(opened.url()).hash).toBe('');
      await opened.close();
    },
  });
  await guest.until(({ serverConnected }) => serverConnected, ROUNDS_MS);
  expect(asked.filter((url) => url.includes('mi_'))).toEqual([]);
  await page.reload();
  await expect(page.getByTestId('member')).toHaveCount(1);
  await expect(page.getByTestId('invitation')).toContainText('1 of 2 used');
  await page.getByTestId('revoke-invitation').click();
  await page.getByTestId('confirm').click();
  await expect(page.getByTestId('invitation')).toContainText('Revoked');
  await guest.close();
  await page.context().close();
});

test('a key is shown once, does no more than it may, and signs out when it is revoked', async ({
  browser,
  server,
}) => {
  const page = await openOperator(browser, server.url, 'keys');
  await page.getByTestId('new-key').click();
  await page.getByTestId('key-name').fill('Dashboard');
  await page.getByTestId('key-role').selectOption('auditor');
  await page.getByTestId('create-key').click();
  const secret = await page.getByTestId('secret-value').inputValue();
  expect(secret).toMatch(/^mk_/);
  await page.getByTestId('secret-done').click();
  await expect(page.getByTestId('secret')).toBeHidden();

  const context = await browser.newContext({ serviceWorkers: 'block' });
  const other = await context.newPage();
  await signIn(other, server.url, 'runs', secret);
  await expect(other.getByTestId('me')).toHaveAttribute('data-role', 'auditor');
  await expect(other.getByTestId('new-training')).toHaveCount(0);
  await other.getByRole('link', { name: 'Keys' }).click();
  await expect(other.getByTestId('lacking')).toBeVisible();

  const row = page.getByTestId('key').filter({ hasText: 'Dashboard' });
  await row.getByTestId('revoke-key').click();
  await page.getByTestId('confirm').click();
  await expect(row).toHaveAttribute('data-state', 'Revoked');
  await other.getByRole('link', { name: 'Audit' }).click();
  await expect(other.getByTestId('sign-in')).toHaveAttribute('data-because', 'access.revoked');
  await context.close();
  await page.context().close();
});

test('everything is stopped by typing it, reported, and resumed; all with the keyboard', async ({
  browser,
  server,
  join,
}) => {
  await defineFederation(server.url, quickFederation('alarm', { rounds: { maximum: 500 } }));
  const [first] = await Promise.all(
    [0, 1].map((shard) => join({ federation: 'alarm', shard, examples: 100 })),
  );
  await first!.until(({ records }) => records.length >= 1, ROUNDS_MS);
  const page = await openOperator(browser, server.url, 'incident');
  await page.getByTestId('stop-all').focus();
  expect(await focused(page, 'Enter')).toBe('confirm-reason');
  await page.keyboard.type('A leak');
  expect(await focused(page, 'Tab')).toBe('confirm-word');
  // Enter does nothing before the words are typed.
  await page.keyboard.type('stop all');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('dialog')).toBeVisible();
  // Escape gives up, and the focus is back where it was.
  expect(await focused(page, 'Escape')).toBe('stop-all');
  await expect(page.getByTestId('incident')).toHaveAttribute('data-halted', 'false');

  await page.keyboard.press('Enter');
  await page.keyboard.type('A leak');
  await page.keyboard.press('Tab');
  await page.keyboard.type('stop all rounds');
  await page.keyboard.press('Enter');
  await expect(page.getByTestId('incident')).toHaveAttribute('data-halted', 'true');
  await expect(page.getByTestId('incident-item')).toContainText('A leak');
  await expect(first!.page.getByTestId('on-hold')).toBeVisible({ timeout: ROUNDS_MS });
  const saved = page.waitForEvent('download');
  await page.getByTestId('save-incident').click();
  expect((await saved).suggestedFilename()).toMatch(/^incident-.*\.md$/);
  const rounds = (await first!.snapshot())!.records.length;

  await page.getByTestId('resume-all').focus();
  await page.keyboard.press('Enter');
  expect(await focused(page, 'Tab')).toBe('confirm');
  await page.keyboard.press('Enter');
  await expect(page.getByTestId('incident')).toHaveAttribute('data-halted', 'false');
  await first!.until(({ records }) => records.length > rounds, ROUNDS_MS);

  await page.goto(`${server.url}/operator/audit`);
  await expect(page.getByTestId('entry').first()).toBeVisible();
  await page.getByTestId('verify-audit').click();
  await expect(page.getByTestId('verdict')).toHaveAttribute('data-ok', 'true');
  await page.context().close();
});

test('a participant downloads what the server knows, withdraws, agrees again and is deleted there', async ({
  server,
  join,
}) => {
  await defineFederation(server.url, quickFederation('mine', { rounds: { maximum: 500 } }));
  const [first] = await Promise.all(
    [0, 1].map((shard) => join({ federation: 'mine', shard, examples: 100 })),
  );
  await first!.until(({ records }) => records.length >= 1, ROUNDS_MS);
  const { page } = first!;
  await page.getByTestId('withdraw-consent').click();
  await page.getByTestId('confirm').click();
  await expect(page.getByTestId('consent-withdrawn')).toBeVisible();
  // By itself the device does not come in again.
  await page.reload();
  await expect(page.getByTestId('refusal')).toHaveAttribute('data-code', 'privacy.consent-withdrawn', {
    timeout: ROUNDS_MS,
  });
  await page.getByTestId('agree-again').click();
  await first!.until(({ serverConnected }) => serverConnected, ROUNDS_MS);

  await page.goto(`${server.url}/settings`);
  const download = page.waitForEvent('download');
  await page.getByTestId('download-about-me').click();
  expect((await download).suggestedFilename()).toBe('about-this-device.json');
  const receipt = page.waitForEvent('download');
  await page.getByTestId('delete-me').click();
  await page.getByTestId('confirm-word').fill('delete me');
  await page.getByTestId('confirm').click();
  expect((await receipt).suggestedFilename()).toBe('deletion-receipt.json');
  await expect(page.getByTestId('erased')).toBeVisible();
});
