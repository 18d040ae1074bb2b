import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { layoutOf, makeModel, modelBytes } from '../shared/update/index.ts';
import { loadStudy, removeStudy, type StudyState, saveStudy } from './study-state.ts';

const layout = layoutOf([{ name: 'w', shape: [2] }]);
const modelOf = (version: number) => makeModel(version, layout, Float32Array.of(version, 0.5));
const configuration = { row: 'tiny', learningRate: 0.1 };

function stateOf(rounds: number): StudyState {
  return {
    format: 'murmuration/study',
    formatVersion: 1,
    configuration,
    term: 1,
    modelHash: modelOf(rounds).hash,
    rounds: Array.from({ length: rounds }, (_, i) => ({
      round: i + 1,
      hash: modelOf(i + 1).hash,
      total: 10,
      correct: 5,
      lossSum: 7,
      clients: [1, 2],
      abandoned: 0,
      clipped: 0,
      largestNorm: 1,
      seconds: 1,
    })),
    trouble: [],
  };
}

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'murmuration-study-'));
  file = join(folder, 'row.json');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test('what was saved is loaded, and only the last model is kept', async () => {
  await saveStudy(file, stateOf(1), modelOf(1));
  await saveStudy(file, stateOf(2), modelOf(2));
  expect(await loadStudy(file, layout, configuration)).toEqual({ state: stateOf(2), model: modelOf(2) });
  expect(await readdir(folder)).toHaveLength(2);
});

test('killed between model and state, the earlier state still has its model', async () => {
  await saveStudy(file, stateOf(1), modelOf(1));
  await writeFile(`${file}.${modelOf(2).hash.slice(0, 16)}.model`, modelBytes(modelOf(2)));
  await writeFile(`${file}.new`, '{"format": "murmu');
  expect(await loadStudy(file, layout, configuration)).toEqual({ state: stateOf(1), model: modelOf(1) });
  await saveStudy(file, stateOf(2), modelOf(2));
  expect(await loadStudy(file, layout, configuration)).toEqual({ state: stateOf(2), model: modelOf(2) });
  expect(await readdir(folder)).toHaveLength(2);
});

test('studies in one folder leave each other alone', async () => {
  const other = join(folder, 'other.json');
  await saveStudy(other, stateOf(1), modelOf(1));
  await saveStudy(file, stateOf(2), modelOf(2));
  expect((await loadStudy(other, layout, configuration))?.model).toEqual(modelOf(1));
});

test('without a file there is nothing to go on with', async () => {
  expect(await loadStudy(file, layout, configuration)).toBeUndefined();
  await saveStudy(file, stateOf(1), modelOf(1));
  await removeStudy(file);
  expect(await loadStudy(file, layout, configuration)).toBeUndefined();
});

test('a state of other settings is refused, with the setting', async () => {
  await saveStudy(file, stateOf(1), modelOf(1));
  const other = { ...configuration, learningRate: 0.2 };
  await expect(loadStudy(file, layout, other)).rejects.toMatchObject({
    code: 'argument.invalid',
    facts: { path: 'learningRate', expected: '0.2', received: '0.1' },
  });
});

describe('damage is named', () => {
  const damages: [string, () => Promise<void>][] = [
    ['a state that is cut short', async () => writeFile(file, (await readFile(file)).subarray(0, 40))],
    ['another JSON file', () => writeFile(file, '{"format": "something else"}')],
    [
      'a model that is cut short',
      () => writeFile(`${file}.${modelOf(1).hash.slice(0, 16)}.model`, new Uint8Array(4)),
    ],
    [
      'a model with a flipped bit',
      () => writeFile(`${file}.${modelOf(1).hash.slice(0, 16)}.model`, new Uint8Array(8)),
    ],
    ['a missing model', () => rm(`${file}.${modelOf(1).hash.slice(0, 16)}.model`)],
  ];
  test.each(damages)('%s', async (_, damage) => {
    await saveStudy(file, stateOf(1), modelOf(1));
    await damage();
    await expect(loadStudy(file, layout, configuration)).rejects.toMatchObject({ code: 'storage.corrupt' });
  });
});
