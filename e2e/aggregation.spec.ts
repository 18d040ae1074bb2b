import type { Page } from '@playwright/test';
import type { RoundRecord } from '../shared/wire/index.ts';
import { defineFederation, roundsOf } from './harness/api.ts';
import { quickFederation, secureFederation } from './harness/federations.ts';
import { expectOneModel, hasFinished, ROUNDS_MS } from './harness/one-model.ts';
import { expect, test } from './harness/test.ts';

/** Of 12,730 parameters, which take 88 kB in a mesh of three without compression. */
const BUDGET_BYTES = 40_000;
/** Public test digits, which every server has. */
const HELD_OUT = 10_000;

const strategy = { type: 'fedavg', weighting: 'uniform' } as const;

test('three train one model by FedAdam, masked and within a budget of bytes', async ({ server, join }) => {
  await defineFederation(
    server.url,
    secureFederation('adaptive', {
      strategy: {
        type: 'fedavg',
        serverOptimizer: { type: 'adam' },
        serverLearningRate: 0.01,
        compression: { uploadBytes: BUDGET_BYTES },
      },
      cohort: { minParticipants: 3, groupSize: 3 },
      rounds: { maximum: 2 },
      evaluation: 'sample',
    }),
  );
  const peers = await Promise.all(
    [0, 1, 2].map((shard) => join({ federation: 'adaptive', shard, examples: 100 })),
  );
  const ends = await Promise.all(peers.map((peer) => peer.until(hasFinished, ROUNDS_MS)));
  await expectOneModel(server.url, peers, 2);
  const models = new Set(ends.map(({ model }) => model?.hash));
  expect(models.size).toBe(1);
  const records = await roundsOf(server.url, ends[0]!.run!);
  expect(records.map(({ round, survivors }) => [round, survivors.length])).toEqual([
    [1, 3],
    [2, 3],
  ]);
  for (const { secure } of records) expect(secure?.confirmations).toBeGreaterThanOrEqual(2);
  expect(models).toContain(records.at(-1)!.hash);

  // What was planned, and what was measured, stands on the page.
  const { page } = peers[0]!;
  const card = page.getByTestId('compression');
  await card.scrollIntoViewIfNeeded();
  await expect(card.getByTestId('stages').getByRole('listitem').first()).toBeVisible();
  await expect(card.getByTestId('measured-rounding')).toHaveText(/%/);
  await expect(card.getByTestId('measured-up')).toHaveText(/kB/);
  const { rounding, roundTraffic } = ends[0]!;
  expect(rounding!.relativeError).toBeGreaterThan(0);
  expect(rounding!.relativeError).toBeLessThan(1);
  expect(roundTraffic!.round).toBe(2);
  await expect(page.getByTestId('strategy')).toHaveText('FedAdam');
});

test('the server trims away liars, evaluates each version, and says so', async ({ server, join }) => {
  await defineFederation(
    server.url,
    quickFederation('trimmed', {
      strategy: { ...strategy, robust: { rule: { type: 'trimmed-mean' }, byzantine: 1 } },
      cohort: { minParticipants: 3 },
      rounds: { maximum: 2 },
      paths: ['server'],
      evaluation: 'server',
    }),
  );
  const peers = await Promise.all(
    [0, 1, 2].map((shard) => join({ federation: 'trimmed', shard, examples: 100 })),
  );
  const [first] = await Promise.all(peers.map((peer) => peer.until(hasFinished, ROUNDS_MS)));
  await expectOneModel(server.url, peers, 2);
  const evaluated = async (): Promise<readonly RoundRecord[]> =>
    (await roundsOf(server.url, first!.run!)).filter(({ evaluation }) => evaluation?.total === HELD_OUT);
  await expect.poll(async () => (await evaluated()).length, { timeout: ROUNDS_MS }).toBe(2);
  const [{ page }] = peers as [(typeof peers)[0]];
  await expect(page.getByTestId('robust-rule')).toHaveText('Against lies: Trimmed mean');
  await expect(page.getByTestId('inspected')).toContainText('The server sees your update by itself');
  await expect(page.getByTestId('tolerance-words')).toContainText('stands 1 that lies');

  await page.goto(`${server.url}/model/trimmed`);
  await expect(page.getByTestId('version')).toHaveCount(2);
  await expect(page.locator('[data-best="true"]')).toHaveCount(1);
  await page.getByTestId('compare').click();
  await expect(page.getByTestId('comparison')).toContainText('10,000 held-out examples');
  await expect(page.getByTestId('changed-predictions')).toBeVisible();
  await personalize(page);
});

/** The head of the model is trained on the data that the device trained on before, kept, and deleted. */
async function personalize(page: Page): Promise<void> {
  await page.getByTestId('personalize-start').click();
  await expect(page.getByTestId('personal-result')).toContainText('on 10 examples', {
    ignoreCase: true,
    timeout: ROUNDS_MS,
  });
  await page.getByTestId('use-personal').click();
  await expect(page.getByTestId('opened-model')).toContainText('Your own model');
  await page.reload();
  await expect(page.getByTestId('personal-result')).toBeVisible();
  await page.getByTestId('delete-personal').click();
  await page.getByTestId('confirm').click();
  await expect(page.getByTestId('personal-result')).toBeHidden();
  await page.reload();
  await expect(page.getByTestId('personalize-start')).toHaveText('Train');
}

test('a budget that nothing meets is refused with its arithmetic before anybody trains', async ({
  server,
  page,
}) => {
  await page.goto(server.url);
  await page.getByTestId('open-document').click();
  const document = secureFederation('tiny', {
    strategy: { type: 'fedavg', compression: { uploadBytes: 300 } },
    cohort: { minParticipants: 3, groupSize: 3 },
  });
  await page.getByTestId('document').fill(JSON.stringify(document));
  await page.getByTestId('submit-document').click();
  await expect(page.getByTestId('error')).toHaveAttribute('data-code', 'compress.no-pipeline');
  await expect(page.getByTestId('error')).toContainText(/at least \d+ bytes/);
});
