import { defineFederation } from './harness/api.ts';
import { violations } from './harness/axe.ts';
import { quickFederation } from './harness/federations.ts';
import { hasFinished, ROUNDS_MS } from './harness/one-model.ts';
import { startServerProcess } from './harness/server-process.ts';
import { expect, test } from './harness/test.ts';

for (const colorScheme of ['light', 'dark'] as const) {
  test(`axe finds nothing wrong in any view (${colorScheme})`, async ({ server, join }) => {
    await defineFederation(
      server.url,
      quickFederation('seen', { rounds: { maximum: 2 }, evaluation: 'sample' }),
    );
    const [first] = await Promise.all(
      [0, 1].map((shard) => join({ federation: 'seen', shard, examples: 100 })),
    );
    const { page } = first!;
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    const look = (view: string) =>
      test.step(view, async () => expect.soft(await violations(page), view).toEqual([]));

    await expect(page.getByTestId('phase')).toHaveAttribute('data-phase', /training|waiting/);
    await look('a session under way');
    await first!.until(hasFinished, ROUNDS_MS);
    await expect(page.getByTestId('phase')).toHaveAttribute('data-phase', 'finished');
    await look('a finished session');
    await page.getByTestId('share').click();
    await expect(page.getByRole('dialog')).toBeVisible();
    await look('the share dialog');

    await page.goto(`${server.url}/f/digits`);
    await expect(page.getByTestId('join')).toBeVisible();
    await look('a federation');
    await page.goto(`${server.url}/f/digits-secure`);
    await expect(page.getByTestId('who-learns')).toBeVisible();
    await expect(page.getByRole('img', { name: 'From the devices to the shared model' })).toBeVisible();
    await look('a federation that aggregates securely');

    await defineFederation(
      server.url,
      quickFederation('robust', {
        strategy: {
          type: 'fedavg',
          weighting: 'uniform',
          robust: { rule: { type: 'median' }, byzantine: 2 },
          compression: { uploadBytes: 30_000 },
          selection: { by: 'resources' },
        },
        cohort: { minParticipants: 20, groupSize: 4, maxParticipants: 40 },
        paths: ['server'],
      }),
    );
    await page.goto(`${server.url}/f/robust`);
    await expect(page.getByTestId('tolerance')).toBeVisible();
    await page.getByTestId('compression').scrollIntoViewIfNeeded();
    await page.getByText('What else was weighed').click();
    await expect(page.getByTestId('reports-speed')).toBeVisible();
    await look('a federation with a robust rule and few bytes');

    await page.goto(server.url);
    await expect(page.getByTestId('federation').first()).toBeVisible();
    await look('federations');
    await page.getByTestId('open-document').click();
    await page.getByTestId('document').fill('{"format": 1}');
    await page.getByTestId('submit-document').click();
    await expect(page.getByTestId('error')).toHaveAttribute('data-code', 'federation.invalid');
    await look('a document with an error');
    await page.getByTestId('document').fill(JSON.stringify(quickFederation('seen-securely')));
    await page.getByTestId('submit-document').click();
    await page.getByTestId('secure-toggle').check();
    await expect(page.getByTestId('document')).toHaveValue(/"secureAggregation": "secagg"/);
    await look('a document with secure aggregation');

    await page.goto(`${server.url}/data`);
    await expect(page.getByTestId('dataset-card').first()).toBeVisible();
    await look('data');

    await page.goto(`${server.url}/model/seen`);
    await expect(page.getByTestId('digit-pad')).toBeVisible();
    await expect(page.getByTestId('version')).toHaveCount(2);
    await page.getByTestId('compare').click();
    await expect(page.getByTestId('comparison')).toBeVisible();
    await page.getByTestId('personalize-start').click();
    await expect(page.getByTestId('personal-result')).toBeVisible({ timeout: ROUNDS_MS });
    await look('a model, its versions and an own one');
    await page.goto(`${server.url}/model/digits-cnn`);
    await expect(page.getByRole('heading', { name: 'No model yet' })).toBeVisible();
    await look('no model yet');

    await page.goto(`${server.url}/settings`);
    await expect(page.getByTestId('identity')).toBeVisible();
    await look('settings');

    await page.goto(`${server.url}/f/digits?kiosk`);
    await expect(page.getByTestId('kiosk-consent')).toBeVisible();
    await look('the kiosk');

    await page.goto(`${server.url}/nothing/here`);
    await expect(page.getByRole('heading', { name: 'There is no page here' })).toBeVisible();
    await look('page not found');
  });
}

const WIDTHS = [390, 1280];

for (const colorScheme of ['light', 'dark'] as const) {
  test(`axe finds nothing wrong in what speaks of privacy (${colorScheme})`, async ({ server, join }) => {
    const federation = quickFederation('guarded', {
      privacy: { record: { noiseMultiplier: 0.8 }, budget: { epsilon: 20 } },
      rounds: { maximum: 2 },
      evaluation: 'sample',
    });
    await defineFederation(server.url, federation);
    const [first] = await Promise.all(
      [0, 1].map((shard) => join({ federation: 'guarded', shard, examples: 100 })),
    );
    const { page } = first!;
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    const look = (view: string) =>
      test.step(view, async () => {
        for (const width of WIDTHS) {
          await page.setViewportSize({ width, height: 844 });
          expect.soft(await violations(page), `${view} at ${width}`).toEqual([]);
          const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
          expect.soft(overflow, `${view} at ${width} is wider than the screen`).toBeLessThanOrEqual(0);
        }
      });
    await first!.until(hasFinished, ROUNDS_MS);

    await page.goto(`${server.url}/f/guarded`);
    await expect(page.getByTestId('round-forecast')).toBeVisible();
    await look('what a round spends, before joining');

    await page.goto(`${server.url}/data`);
    await page.getByTestId('dataset-privacy').first().click();
    await expect(page.getByTestId('privacy-meter')).toHaveAttribute('data-spent', /^\d+\.\d+$/);
    await look('the privacy of a dataset');
    await page.getByTestId('limit-epsilon').fill('0.5');
    await page.getByTestId('set-limit').click();
    await expect(page.getByTestId('meter-warning')).toBeVisible();
    await look('a limit below what was spent');
    await page.getByTestId('limit-epsilon').fill('30');
    await page.getByTestId('set-limit').click();
    await expect(page.getByRole('dialog')).toBeVisible();
    await look('the question before a limit is raised');

    await page.goto(`${server.url}/privacy?federation=guarded&examples=100`);
    await expect(page.getByTestId('epsilon')).toHaveAttribute('data-value', /^\d+\.\d+$/);
    await look('the calculator');
    await page.getByTestId('noiseMultiplier').fill('-1');
    await expect(page.getByTestId('noiseMultiplier')).toHaveAttribute('aria-invalid', 'true');
    await look('the calculator with an error');
    await page.getByTestId('noiseMultiplier').fill('2');
    await page.getByTestId('unit-participant').check({ force: true });
    await expect(page.getByTestId('noise-in-model')).toBeVisible();
    await look('the calculator, by participant');

    await page.goto(`${server.url}/settings`);
    await expect(page.getByTestId('privacy-meter')).toBeVisible();
    await look('the ledger in the settings');
  });
}

const OPERATOR_KEY = 'operator-key-of-these-tests';
const SECTIONS = [
  ['runs', 'trainings'],
  ['participants/operated', 'board'],
  ['versions/operated', 'choose-version'],
  ['privacy/operated', 'forecast'],
  ['alerts', 'no-webhooks'],
  ['audit', 'entries'],
  ['keys', 'keys'],
  ['rights', 'rights-participant'],
  ['incident', 'no-incidents'],
] as const;

const operated = test.extend({
  server: async ({ browserName: _ }, use) => {
    const server = await startServerProcess({ OPERATOR_KEY });
    await use(server);
    await server.stop();
  },
});

for (const colorScheme of ['light', 'dark'] as const) {
  operated(`axe finds nothing wrong in the operator's pages (${colorScheme})`, async ({ server, join }) => {
    const federation = quickFederation('operated', {
      privacy: { record: { noiseMultiplier: 0.8 }, budget: { epsilon: 20 } },
      rounds: { maximum: 3 },
      evaluation: 'sample',
    });
    await defineFederation(server.url, federation);
    const send = async (path: string, body: unknown) => {
      const headers = { authorization: `Bearer ${OPERATOR_KEY}`, 'content-type': 'application/json' };
      const response = await fetch(server.url + path, {
        method: 'POST',
        headers,
        body: JSON.stringify(body),
      });
      expect(response.status, path).toBe(201);
      return (await response.json()) as { readonly id: string };
    };
    const expiresAtMs = Date.now() + 86_400_000;
    const { id } = await send('/api/training/start', { federation: 'operated', config: { maxRounds: 3 } });
    await send('/api/keys', { name: 'Dashboard', role: 'auditor', expiresAtMs });
    await send('/api/federations/operated/invitations', { label: 'Ward 7', maxUses: 5, expiresAtMs });
    const [first] = await Promise.all(
      [0, 1].map((shard) => join({ federation: 'operated', shard, examples: 100 })),
    );
    await first!.until(hasFinished, ROUNDS_MS);
    const { page } = first!;
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    const look = (view: string) =>
      operated.step(view, async () => {
        for (const width of WIDTHS) {
          await page.setViewportSize({ width, height: 844 });
          expect.soft(await violations(page), `${view} at ${width}`).toEqual([]);
          const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
          expect.soft(overflow, `${view} at ${width} is wider than the screen`).toBeLessThanOrEqual(0);
        }
      });

    await page.goto(`${server.url}/operator`);
    await page.getByTestId('credential').fill('mk_of_nobody');
    await page.getByTestId('sign-in-button').click();
    await expect(page.getByTestId('sign-in')).toHaveAttribute('data-because', 'http.unauthorized');
    await look('signing in');
    await page.getByTestId('credential').fill(OPERATOR_KEY);
    await page.getByTestId('remember').check();
    await page.getByTestId('sign-in-button').click();
    // Gone before the server answered, it would not be remembered.
    await expect(page.getByTestId('me')).toBeVisible();
    for (const [section, shown] of SECTIONS) {
      await page.goto(`${server.url}/operator/${section}`);
      await expect(page.getByTestId(shown)).toBeVisible();
      await look(section);
    }
    await page.getByTestId('stop-all').click();
    await expect(page.getByRole('dialog')).toBeVisible();
    await look('the question before everything is stopped');

    await page.goto(`${server.url}/operator/runs/${id}`);
    await expect(page.getByTestId('accuracy-chart')).toBeVisible();
    await look('a training');
    await page.goto(`${server.url}/operator/runs`);
    await page.getByTestId('new-training').click();
    await page.getByTestId('maxRounds').fill('0');
    await page.getByTestId('start-training').click();
    await expect(page.getByTestId('maxRounds')).toHaveAttribute('aria-invalid', 'true');
    await look('the form of a training, with a fault');
    await page.goto(`${server.url}/operator/keys`);
    await page.getByTestId('new-key').click();
    await page.getByTestId('key-narrow').check();
    await look('the form of a key');
    await page.getByTestId('key-name').fill('Laptop');
    await page.getByTestId('key-narrow').uncheck();
    await page.getByTestId('create-key').click();
    await expect(page.getByTestId('secret')).toBeVisible();
    await look('a key, shown once');
  });
}
