import { describe, expect, test } from 'vitest';
import { seededRandom } from '../random/index.ts';
import { iidPartition, type Partition, shardPartition } from './partition.ts';

/** As many of each digit as MNIST's training set has, in no particular order. */
const COUNTS = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949];
const labels = COUNTS.flatMap((count, label) => new Array<number>(count).fill(label)).map(
  (_, i, sorted) => sorted[(i * 7919) % sorted.length]!,
);

function expectWholeAndDisjoint(partition: Partition, examples: number): void {
  const all = partition.flatMap((indices) => [...indices]).sort((a, b) => a - b);
  expect(all).toEqual(Array.from({ length: examples }, (_, i) => i));
}

const labelsOf = (indices: Uint32Array) => new Set([...indices].map((index) => labels[index]!));

describe('IID', () => {
  test('100 clients have 600 examples each, every example belongs to one', () => {
    const partition = iidPartition(60_000, 100, seededRandom('iid'));
    expect(partition.map(({ length }) => length)).toEqual(new Array(100).fill(600));
    expectWholeAndDisjoint(partition, 60_000);
  });

  test('every client sees every label', () => {
    const partition = iidPartition(60_000, 100, seededRandom('iid'));
    expect(partition.every((indices) => labelsOf(indices).size === 10)).toBe(true);
  });

  test('what does not divide is left out', () => {
    expect(iidPartition(11, 3, seededRandom(1)).map(({ length }) => length)).toEqual([3, 3, 3]);
  });
});

describe('non-IID', () => {
  const partition = shardPartition(labels, 100, 2, seededRandom('shards'));

  test('100 clients have 600 examples each, every example belongs to one', () => {
    expect(partition.map(({ length }) => length)).toEqual(new Array(100).fill(600));
    expectWholeAndDisjoint(partition, 60_000);
  });

  test('most clients see two labels at most; a shard that spans a boundary adds one', () => {
    const seen = partition.map((indices) => labelsOf(indices).size);
    // Nine boundaries between ten labels, so at most nine shards hold two labels.
    const shardsOver = partition
      .flatMap((indices) => [indices.subarray(0, 300), indices.subarray(300)])
      .filter((shard) => labelsOf(shard).size > 1).length;
    expect(shardsOver).toBeLessThanOrEqual(9);
    expect(seen.filter((count) => count > 2).length).toBeLessThanOrEqual(9);
    expect(Math.max(...seen)).toBeLessThanOrEqual(4);
  });

  test('shards are cut from the sorted examples: by hand', () => {
    // Sorted by label: indices 1 3 | 0 4 | 2 5, each pair in either order.
    const pairs = shardPartition([1, 0, 2, 0, 1, 2], 3, 1, seededRandom('small'))
      .map((indices) => [...indices].sort((a, b) => a - b).join(' '))
      .sort();
    expect(pairs).toEqual(['0 4', '1 3', '2 5']);
  });
});

test('the seed decides, and nothing else', () => {
  expect(shardPartition(labels, 100, 2, seededRandom('a'))).toEqual(
    shardPartition(labels, 100, 2, seededRandom('a')),
  );
  expect(iidPartition(100, 10, seededRandom('a'))).not.toEqual(iidPartition(100, 10, seededRandom('b')));
});

test.each([
  ['more clients than examples', () => iidPartition(9, 10, seededRandom(1))],
  ['more shards than examples', () => shardPartition(labels.slice(0, 19), 10, 2, seededRandom(1))],
  ['no clients', () => shardPartition(labels, 0, 2, seededRandom(1))],
])('%s: refused by name', (_, partition) => {
  expect(partition).toThrow(expect.objectContaining({ code: 'argument.invalid' }));
});
