import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readSampleShard } from '../shared/dataset/index.ts';
import { sampleData } from './sample-data.ts';

const data = sampleData();

/** Which image it is, for telling images apart. */
function image(shard: { pixels: Uint8Array }, index: number): string {
  return shard.pixels.subarray(784 * index, 784 * (index + 1)).join(',');
}

test('the same range is the same digits, and ranges side by side are different digits', async () => {
  const whole = readSampleShard(await data.trainShard({ offset: 0, count: 20 }));
  const second = readSampleShard(await data.trainShard({ offset: 10, count: 10 }));
  expect([whole.count, whole.width, whole.height]).toEqual([20, 28, 28]);
  expect([...second.labels]).toEqual([...whole.labels.subarray(10)]);
  expect(image(second, 0)).toBe(image(whole, 10));
  expect(new Set(Array.from({ length: 20 }, (_, i) => image(whole, i))).size).toBe(20);
});

test('a shard of a thousand holds all ten digits, each about a tenth', async () => {
  const { labels } = readSampleShard(await data.trainShard({ offset: 3000, count: 1000 }));
  for (let digit = 0; digit < 10; digit++) {
    const count = labels.filter((label) => label === digit).length;
    expect(count).toBeGreaterThan(60); // 100 expected, standard deviation 9.5
    expect(count).toBeLessThan(140);
  }
});

test('a shard by label holds those labels only', async () => {
  const { labels } = readSampleShard(await data.trainShard({ offset: 10_900, count: 100, labels: [4, 5] }));
  expect(new Set(labels)).toEqual(new Set([4, 5]));
});

test('the test set is whole, and begins with the 7 that the MNIST test set begins with', async () => {
  const shard = readSampleShard(await data.test());
  expect(shard.count).toBe(10_000);
  expect(shard.labels[0]).toBe(7);
});

test('a range beyond the end is refused, with the end', async () => {
  await expect(data.trainShard({ offset: 11_000, count: 1000, labels: [4, 5] })).rejects.toMatchObject({
    code: 'argument.invalid',
    facts: { expected: 'offset + count of at most 11263', received: '12000' },
  });
  await expect(data.trainShard({ offset: 0, count: 10_001 })).rejects.toMatchObject({
    code: 'argument.invalid',
  });
  await expect(data.trainShard({ offset: 0, count: 1, labels: [10] })).rejects.toMatchObject({
    code: 'argument.invalid',
  });
});

test('without the files the sample data is unavailable, and says how to get it', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'no-digits-'));
  try {
    await expect(sampleData(folder).test()).rejects.toMatchObject({ code: 'http.unavailable' });
    await expect(sampleData(folder).trainShard({ offset: 0, count: 1 })).rejects.toThrow('npm install');
  } finally {
    await rm(folder, { recursive: true });
  }
});
