import type { Browser, Page } from '@playwright/test';
import type { FederationInput } from '../shared/federation/index.ts';
import { defineFederation, roundsOf, runOf } from './harness/api.ts';
import { ROUNDS_MS } from './harness/one-model.ts';
import { expect, test } from './harness/test.ts';

const ROUNDS = 8;

const FRUIT: FederationInput = {
  format: 'murmuration/federation',
  formatVersion: 1,
  id: 'fruit',
  name: 'Fruit by its measures',
  data: {
    kind: 'tabular',
    columns: [
      { name: 'diameter', type: 'number', min: 0, max: 100, mean: 12, scale: 8 },
      { name: 'weight', type: 'number', min: 0, mean: 1000, scale: 1000, missing: 1000 },
      { name: 'colour', type: 'category', values: ['green', 'blue; dark'], optional: true },
    ],
    target: { name: 'kind', type: 'class', labels: ['plum', 'melon'] },
  },
  model: { layers: [{ type: 'dense', units: 2 }], loss: 'softmaxCrossEntropy' },
  training: { optimizer: { type: 'sgd', learningRate: 0.5 }, batchSize: 8, epochs: 2 },
  rounds: { maximum: ROUNDS },
};

/** Plums of 3 to 5 cm and melons of 18 to 22 cm: one threshold tells them apart. */
function rows(count: number, offset: number): string[] {
  return Array.from({ length: count }, (_, index) => {
    const step = (index + offset) % 5;
    return index % 2 === 0
      ? `${3 + step / 2};${step === 0 ? '' : 40 + step};"blue; dark";plum`
      : `${18 + step};${1800 + step};${step === 0 ? '' : 'green'};"melon"`;
  });
}

function csv(lines: readonly string[], header = 'Diameter;"Weight";colour;kind') {
  return {
    name: 'fruit.csv',
    mimeType: 'text/csv',
    buffer: Buffer.from([header, ...lines, ''].join('\r\n')),
  };
}

async function openPage(browser: Browser, url: string): Promise<Page> {
  const context = await browser.newContext({ serviceWorkers: 'block' });
  const page = await context.newPage();
  await page.goto(url);
  return page;
}

async function chooseFile(page: Page, file: ReturnType<typeof csv>): Promise<void> {
  const chooser = page.waitForEvent('filechooser');
  await page.getByTestId('import').click();
  await (await chooser).setFiles(file);
}

/** As a person would: keep what was read, agree, join. */
async function keepAndJoin(page: Page): Promise<void> {
  await page.getByTestId('import-commit').click();
  await expect(page.getByTestId('dataset')).toBeChecked();
  await page.getByTestId('consent').check();
  await page.getByTestId('join').click();
}

test('from a table in a file to a prediction', async ({ browser, server }) => {
  await defineFederation(server.url, FRUIT);
  const url = `${server.url}/f/fruit`;
  const [first, second] = await Promise.all([openPage(browser, url), openPage(browser, url)]);

  await test.step('a file without a column is refused by name', async () => {
    await chooseFile(first, csv(['4;green;plum'], 'diameter;colour;kind'));
    const error = first.getByTestId('error');
    await expect(error).toHaveAttribute('data-code', 'data.missing-column');
    await expect(error).toContainText('weight');
    await expect(first.getByTestId('import-commit')).toHaveCount(0);
    await first.getByRole('button', { name: 'Choose another file' }).click();
  });

  await test.step('rows that do not fit are shown with row and column, and left out', async () => {
    const bad = ['NaN;40;green;plum', '4;40;green;cherry', '4;40;red;plum', '400;40;green;plum'];
    await chooseFile(first, csv([...rows(4, 0), ...bad]));
    await expect(first.getByTestId('import-ready')).toContainText('4 examples');
    const issues = first.getByTestId('issues');
    await expect(issues).toContainText('4 problems');
    const cells = (await issues.locator('tbody tr').allInnerTexts()).map((text) =>
      text.split('\t').slice(0, 2),
    );
    expect(cells).toEqual([
      ['5', 'diameter'],
      ['6', 'kind'],
      ['7', 'colour'],
      ['8', 'diameter'],
    ]);
    await first.getByRole('button', { name: 'Discard' }).click();
  });

  await test.step('a good file is shown before it is kept', async () => {
    await chooseFile(first, csv(rows(60, 0)));
    await expect(first.getByTestId('import-ready')).toContainText('60 examples');
    await expect(first.getByTestId('issues')).toHaveCount(0);
    await expect(first.getByRole('region', { name: 'First rows' })).toContainText('blue; dark');
    await expect(
      first.getByRole('region', { name: 'Columns' }).getByRole('row', { name: /^Weight/ }),
    ).toContainText('6');
  });

  await chooseFile(second, csv(rows(40, 2)));
  await Promise.all([keepAndJoin(first), keepAndJoin(second)]);
  for (const page of [first, second])
    await expect(page.getByTestId('phase')).toHaveAttribute('data-phase', 'finished', { timeout: ROUNDS_MS });

  await first.goto(`${server.url}/model/fruit`);
  const run = await runOf(server.url, 'fruit');
  await expect(first.getByTestId('model-hash')).toHaveAttribute('data-hash', run.model!.hash);
  for (const [diameter, colour, kind] of [
    ['4', 'blue; dark', 'plum'],
    ['20', 'green', 'melon'],
  ] as const) {
    await first.getByLabel('diameter').fill(diameter);
    await first.getByLabel('colour').selectOption(colour);
    await first.getByTestId('predict').click();
    await expect(first.getByTestId('prediction')).toHaveText(kind);
  }

  // Nobody's rows went anywhere: what the server keeps is the history of the rounds.
  const rounds = await roundsOf(server.url, run.id);
  expect(rounds).toHaveLength(ROUNDS);
  await Promise.all([first.context().close(), second.context().close()]);
});
