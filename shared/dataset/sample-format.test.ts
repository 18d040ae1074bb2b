import { expect, test } from 'vitest';
import { readSampleShard, sampleExamples, writeSampleShard } from './sample-format.ts';

const shard = {
  count: 2,
  width: 3,
  height: 1,
  pixels: Uint8Array.of(1, 2, 3, 4, 5, 6),
  labels: Uint8Array.of(7, 0),
};

test('a shard is written as the table in its description says, and read back', () => {
  const bytes = writeSampleShard(shard);
  expect([...bytes]).toEqual([2, 0, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 0]);
  expect(readSampleShard(bytes)).toEqual(shard);
});

test('as examples, pixels stay bytes and labels become indices', () => {
  expect(sampleExamples(shard)).toEqual({ count: 2, inputs: shard.pixels, targets: Uint16Array.of(7, 0) });
});

test('bytes of any other length are refused', () => {
  const bytes = writeSampleShard(shard);
  for (let length = 0; length < bytes.length; length++) {
    expect(() => readSampleShard(bytes.subarray(0, length))).toThrow(/cut short|wrong length/);
  }
  expect(() => readSampleShard(Uint8Array.of(...bytes, 0))).toThrow(
    'Expected 20 bytes for 2 images of 3 × 1, received 21 bytes',
  );
  expect(() => readSampleShard(new Uint8Array(12))).toThrow('wrong length'); // no images of no size
  expect(() => writeSampleShard({ ...shard, count: 3 })).toThrow('9 pixels and 3 labels');
});
