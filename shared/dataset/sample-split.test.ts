import { describe, expect, test } from 'vitest';
import { sampleRequest, shardCount } from './sample-split.ts';

describe('iid shards', () => {
  const options = { examplesPerShard: 1000, split: 'iid', seed: 'a' } as const;

  test('cover all 60,000 digits without overlap', () => {
    expect(shardCount(options)).toBe(60);
    const offsets = Array.from({ length: 60 }, (_, shard) => sampleRequest({ ...options, shard }).offset);
    expect(offsets.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 60 }, (_, i) => i * 1000));
    expect(sampleRequest({ ...options, shard: 5 }).labels).toBeUndefined();
  });

  test('are the same for the same seed, and others for another', () => {
    const order = (seed: string) =>
      Array.from({ length: 60 }, (_, shard) => sampleRequest({ ...options, seed, shard }).offset);
    expect(order('a')).toEqual(order('a'));
    expect(order('a')).not.toEqual(order('b'));
  });
});

describe('shards by label', () => {
  const options = { examplesPerShard: 1000, split: 'by-label', seed: 'a' } as const;

  test('hold two digits each, five in a row hold all ten', () => {
    const requests = [0, 1, 2, 3, 4].map((shard) => sampleRequest({ ...options, shard }));
    expect(requests.flatMap(({ labels }) => labels).sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    for (const { labels, offset } of requests) {
      expect(labels).toHaveLength(2);
      expect(offset).toBe(0);
    }
  });

  test('with the same digits do not overlap, and stay within what there is of the rarest', () => {
    expect(sampleRequest({ ...options, shard: 7 })).toMatchObject({
      labels: sampleRequest({ ...options, shard: 2 }).labels,
      offset: 1000,
      count: 1000,
    });
    expect(shardCount(options)).toBe(55);
    expect(sampleRequest({ ...options, shard: 54 }).offset + 1000).toBe(11_000);
  });
});

test('a shard that does not exist is refused', () => {
  const options = { examplesPerShard: 1000, split: 'iid', seed: 'a' } as const;
  expect(() => sampleRequest({ ...options, shard: 60 })).toThrow('an integer from 0 to 59');
  expect(() => shardCount({ ...options, examplesPerShard: 60_001 })).toThrow('from 1 to 60000');
});
