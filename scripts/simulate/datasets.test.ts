import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseFederation } from '../../shared/federation/index.ts';
import { loadDatasets } from './datasets.ts';
import { sampleFederation } from './sample-federation.ts';

const dataOf = (data: unknown) =>
  parseFederation({
    format: 'murmuration/federation',
    formatVersion: 1,
    id: 'data',
    name: 'Data',
    data,
    model: { layers: [{ type: 'dense', units: 2 }], loss: 'softmaxCrossEntropy' },
  }).data;

const tabular = dataOf({
  kind: 'tabular',
  columns: [
    { name: 'age', type: 'number', mean: 50, scale: 10 },
    { name: 'colour', type: 'category', values: ['red', 'blue'] },
  ],
  target: { name: 'ill', type: 'class', labels: ['no', 'yes'] },
});
const records = dataOf({ kind: 'records', features: 2 });

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'murmuration-data-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function fileOf(name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
}

test('a CSV file is encoded and a tenth of it held out', async () => {
  const rows = Array.from(
    { length: 20 },
    (_, i) => `${40 + i},${i % 2 ? 'red' : 'blue'},${i % 2 ? 'yes' : 'no'}`,
  );
  const path = await fileOf('people.csv', `age,colour,ill\n${rows.join('\n')}\n`);
  const { train, test: held } = await loadDatasets(path, tabular, 'seed');
  expect([train.count, held.count, train.size]).toEqual([18, 2, 3]);
  for (let row = 0; row < train.count; row++) {
    // (40 − 50) ÷ 10 is −1; red are ill.
    expect(train.inputs[3 * row]).toBeGreaterThanOrEqual(-1);
    expect(train.inputs[3 * row + 1]).toBe(train.targets[row]);
  }
});

test('so are JSON records', async () => {
  const path = await fileOf(
    'records.json',
    JSON.stringify([1, 2, 3, 4].map((i) => ({ features: [i, -i], label: i }))),
  );
  const { train, test: held } = await loadDatasets(path, records, 'seed');
  expect([train.count, held.count]).toEqual([3, 1]);
  for (let row = 0; row < 3; row++) expect(train.inputs[2 * row]).toBe(train.targets[row]);
});

describe('synthetic data follow the schema', () => {
  test.each([
    ['images', sampleFederation.data, 784],
    ['a table', tabular, 3],
    ['values', records, 2],
    [
      'classes of sequences',
      dataOf({
        kind: 'tokens',
        length: 8,
        vocabulary: 20,
        target: { name: 'c', type: 'class', labels: ['a', 'b'] },
      }),
      8,
    ],
    ['next tokens', dataOf({ kind: 'tokens', length: 8, vocabulary: 300, target: { type: 'next' } }), 8],
  ] as const)('%s', async (_, schema, size) => {
    const { train, test: held } = await loadDatasets('synthetic', dataOf(schema), 'seed');
    expect(train.size).toBe(size);
    expect(train.inputs).toHaveLength(train.count * size);
    expect(train.targets).toHaveLength(train.count * train.targetsEach);
    expect(Array.from(train.inputs.subarray(0, size * 100)).every(Number.isFinite)).toBe(true);
    expect(new Set(held.targets.subarray(0, 200)).size).toBeGreaterThan(1);
    const again = await loadDatasets('synthetic', dataOf(schema), 'seed');
    expect(again.train.inputs.subarray(0, 1000)).toEqual(train.inputs.subarray(0, 1000));
  });
});

describe('what does not fit is refused', () => {
  test.each([
    ['mnist', tabular, 'argument.invalid'],
    ['nowhere.csv', tabular, 'data.unreadable'],
  ] as const)('%s', async (data, schema, code) => {
    await expect(loadDatasets(data, schema, 'seed')).rejects.toMatchObject({ code });
  });

  test('a file of another kind, and one with a bad cell', async () => {
    const wrong = await fileOf('wrong.json', '[{"features":[1,2],"label":1}]');
    await expect(loadDatasets(wrong, tabular, 'seed')).rejects.toMatchObject({ code: 'argument.invalid' });
    const few = await fileOf('few.jsonl', '{"features":[1,2],"label":1}');
    await expect(loadDatasets(few, records, 'seed')).rejects.toMatchObject({ code: 'data.too-small' });
    const bad = await fileOf('bad.csv', 'age,colour,ill\nforty,red,yes\n41,red,yes\n');
    await expect(loadDatasets(bad, tabular, 'seed')).rejects.toMatchObject({ code: 'data.invalid-value' });
  });
});
