import { expect, test } from 'vitest';
import type { ImageSchema, TabularSchema, TokensSchema } from '../federation/index.ts';
import { bytesPerExample, classCounts, exampleBuilder, exampleFormat } from './example-builder.ts';
import { schemaHash } from './schema-hash.ts';

const image: ImageSchema = { kind: 'image', width: 2, height: 1, channels: 1, labels: ['a', 'b'] };
const table: TabularSchema = {
  kind: 'tabular',
  columns: [{ name: 'x', type: 'number', mean: 0, scale: 1 }],
  target: { name: 'y', type: 'value', mean: 0, scale: 1 },
};

test('images are bytes with 16-bit classes, tables with a value target floats', () => {
  expect(exampleFormat(image)).toEqual({ size: 2, inputs: 'uint8', targets: 'uint16' });
  expect(exampleFormat(table)).toEqual({ size: 1, inputs: 'float32', targets: 'float32' });
  expect(bytesPerExample(exampleFormat(image))).toBe(4);
  expect(bytesPerExample(exampleFormat(table))).toBe(8);
});

const tokens: TokensSchema = { kind: 'tokens', length: 3, vocabulary: 256, target: { type: 'next' } };

test('tokens are bytes or floats, with a target for each position', () => {
  const format = exampleFormat(tokens);
  expect(format).toEqual({ size: 3, inputs: 'uint8', targets: 'uint16', targetsPerExample: 3 });
  expect(bytesPerExample(format)).toBe(3 + 3 * 2);
  expect(exampleFormat({ ...tokens, vocabulary: 100_000 })).toMatchObject({
    inputs: 'float32',
    targets: 'float32',
  });
  const builder = exampleBuilder(format, 9 * 2);
  builder.append([1, 2, 3], [2, 3, 4]);
  builder.append([5, 6, 7], [6, 7, 8]);
  expect(builder.isFull).toBe(true);
  expect(builder.take()).toEqual({
    count: 2,
    inputs: Uint8Array.of(1, 2, 3, 5, 6, 7),
    targets: Uint16Array.of(2, 3, 4, 6, 7, 8),
  });
  expect(classCounts(tokens, [1, 2])).toBeUndefined();
});

test('examples are handed out in shards of at most so many bytes, whole and in order', () => {
  const builder = exampleBuilder(exampleFormat(image), 4 * 300);
  const shards = [];
  for (let i = 0; i < 700; i++) {
    builder.append([i % 256, 7], i % 2);
    if (builder.isFull) shards.push(builder.take());
  }
  shards.push(builder.take());
  expect(shards.map(({ count }) => count)).toEqual([300, 300, 100]);
  expect(shards[1]!.inputs.subarray(0, 4)).toEqual(Uint8Array.of(44, 7, 45, 7)); // 300 − 256 = 44
  expect(shards[1]!.targets).toEqual(Uint16Array.from({ length: 300 }, (_, i) => i % 2));
  expect(builder.count).toBe(0);
});

test('an example larger than the limit is a shard of its own', () => {
  const builder = exampleBuilder(exampleFormat(image), 1);
  builder.append([1, 2], 0);
  expect(builder.isFull).toBe(true);
  expect(builder.take()).toEqual({ count: 1, inputs: Uint8Array.of(1, 2), targets: Uint16Array.of(0) });
});

test('classes are counted by label', () => {
  expect(classCounts(image, [0, 1, 1])).toEqual({ a: 1, b: 2 });
  expect(classCounts(table, [0.5])).toBeUndefined();
});

test('the hash of a schema depends on what decides the encoding, not on the order of members', () => {
  const reordered = { labels: ['a', 'b'], channels: 1, height: 1, width: 2, kind: 'image' } as const;
  expect(schemaHash({ ...reordered, labels: [...reordered.labels] })).toBe(schemaHash(image));
  expect(schemaHash({ ...image, sample: 'digits' })).toBe(schemaHash(image));
  expect(schemaHash({ ...image, labels: ['b', 'a'] })).not.toBe(schemaHash(image));
});
