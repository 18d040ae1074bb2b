import { readFile } from 'node:fs/promises';
import AxeBuilder from '@axe-core/playwright';
import type { Download, Page } from '@playwright/test';
import { defineFederation } from './harness/api.ts';
import { quickFederation } from './harness/federations.ts';
import { hasFinished, ROUNDS_MS } from './harness/one-model.ts';
import { expect, test } from './harness/test.ts';

interface Picked {
  readonly name: string;
  readonly mimeType: string;
  readonly buffer: Buffer;
}

async function axe(page: Page): Promise<string[]> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ target }) => `${id} at ${target.flat().join(' ')}`),
  );
}

/** What the page saves on a click, as files that can be chosen again. */
async function saves(page: Page, button: string, count: number): Promise<Picked[]> {
  const downloads: Download[] = [];
  const all = new Promise<void>((resolve) => {
    page.on('download', (download) => {
      downloads.push(download);
      if (downloads.length === count) resolve();
    });
  });
  await page.getByTestId(button).click();
  await all;
  page.removeAllListeners('download');
  return Promise.all(
    downloads.map(async (download) => ({
      name: download.suggestedFilename(),
      mimeType: 'application/octet-stream',
      buffer: await readFile(await download.path()),
    })),
  );
}

/** The answer and the probabilities beside it, as shown. */
async function probabilities(page: Page): Promise<string[]> {
  await expect(page.getByTestId('prediction')).toBeVisible();
  await expect(page.locator('section[aria-labelledby="answer-title"]')).toHaveAttribute('aria-busy', 'false');
  const shown = await page.locator('mm-prediction .number').allInnerTexts();
  expect(shown.length).toBeGreaterThan(1);
  return shown;
}

test('a model is saved in each format, opened again, asked and measured', async ({ server, join }) => {
  await defineFederation(server.url, quickFederation('kept', { rounds: { maximum: 2 } }));
  const [first] = await Promise.all(
    [0, 1].map((shard) => join({ federation: 'kept', shard, examples: 100 })),
  );
  await first!.until(hasFinished, ROUNDS_MS);
  const { page } = first!;
  await page.goto(`${server.url}/model/kept`);
  const file = page.getByTestId('model-file');

  const pad = page.getByTestId('digit-pad');
  const box = (await pad.boundingBox())!;
  await page.mouse.move(box.x + box.width / 2, box.y + box.height * 0.2);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width / 2, box.y + box.height * 0.8, { steps: 8 });
  await page.mouse.up();
  const shared = await probabilities(page);

  const safetensors = await saves(page, 'save-safetensors', 1);
  expect(safetensors[0]!.name).toMatch(/^kept-v2\.safetensors$/);
  const keras = await saves(page, 'save-keras', 2);
  expect(keras.map(({ name }) => name).sort()).toEqual(['kept-v2.json', 'kept-v2.weights.bin']);

  for (const files of [safetensors, keras]) {
    await file.setInputFiles(files);
    await expect(page.getByTestId('opened-model')).toContainText(files[0]!.name);
    await expect(page.getByTestId('close-model')).toBeFocused();
    await expect(page.getByRole('heading', { name: 'The opened model says' })).toBeVisible();
    // The same weights: the same answer.
    expect(await probabilities(page)).toEqual(shared);
    await page.getByTestId('measure-model').click();
    await expect(page.getByTestId('measured')).toContainText('of 100 right');
    expect(await axe(page)).toEqual([]);
    await page.getByTestId('close-model').click();
    await expect(page.getByTestId('open-model')).toBeFocused();
    await expect(page.getByRole('heading', { name: 'The model says' })).toBeVisible();
  }

  await test.step('other weights answer otherwise', async () => {
    const [{ buffer }] = safetensors as [Picked];
    const zeroed = Buffer.from(buffer);
    zeroed.fill(0, 8 + Number(zeroed.readBigUInt64LE(0)));
    await file.setInputFiles([{ ...safetensors[0]!, name: 'zero.bin', buffer: zeroed }]);
    await expect(page.getByTestId('opened-model')).toContainText('zero.bin');
    await expect.poll(() => probabilities(page)).not.toEqual(shared);
    await page.getByTestId('close-model').click();
  });

  await test.step('a file that is damaged, and one of another model', async () => {
    const [whole] = safetensors as [Picked];
    await file.setInputFiles([{ ...whole, buffer: whole.buffer.subarray(0, whole.buffer.length - 1) }]);
    await expect(page.getByTestId('error')).toHaveAttribute('data-code', 'model.corrupt');
    await file.setInputFiles(keras.filter(({ name }) => name.endsWith('.bin')));
    await expect(page.getByTestId('error')).toContainText('model.json with its .bin files');
    const other = keras.map((part) =>
      part.name.endsWith('.json')
        ? { ...part, buffer: Buffer.from(part.buffer.toString().replace('"relu"', '"tanh"')) }
        : part,
    );
    await file.setInputFiles(other);
    await expect(page.getByTestId('error')).toHaveAttribute('data-code', 'model.layout-mismatch');
    await expect(page.getByTestId('error')).toContainText('activation is tanh, not relu');
    expect(await axe(page)).toEqual([]);
  });
});
