import { describe, expect, it } from 'vitest';
import { type ExampleFormat, type Examples, sliceExamples } from '../dataset/index.ts';
import { MurmurationError } from '../errors/index.ts';
import { type ExampleShards, memorySource, streamedSource } from './source.ts';

const { signal } = new AbortController();
const format: ExampleFormat = { size: 2, inputs: 'uint8', targets: 'uint16' };
/** Bytes of one example in this format: two inputs and a target of 16 bits. */
const EXAMPLE_BYTES = 4;

/** Example i is [i, 10 + i] with the target 100 + i; in three parts of 2, 3 and 1. */
const whole: Examples = {
  count: 6,
  inputs: Uint8Array.of(0, 10, 1, 11, 2, 12, 3, 13, 4, 14, 5, 15),
  targets: Uint16Array.of(100, 101, 102, 103, 104, 105),
};
const counts = [2, 3, 1];

function stored(changes: Partial<ExampleShards> = {}): { shards: ExampleShards; reads: string[] } {
  const reads: string[] = [];
  const shards: ExampleShards = {
    format,
    counts,
    checkPresent: async () => undefined,
    async read(shard, start, end) {
      reads.push(`${shard}: ${start}–${end}`);
      const first = counts.slice(0, shard).reduce((sum, count) => sum + count, 0);
      return sliceExamples(whole, first + start, first + end);
    },
    ...changes,
  };
  return { shards, reads };
}

async function valuesOf(read: ReturnType<ReturnType<typeof memorySource>['read']>): Promise<number[][]> {
  const { examples, indices } = await read;
  return [...indices].map((row) => [
    ...examples.inputs.subarray(row * 2, row * 2 + 2),
    examples.targets[row]!,
  ]);
}

const order = Uint32Array.of(4, 0, 5, 3, 0);
const inOrder = [
  [4, 14, 104],
  [0, 10, 100],
  [5, 15, 105],
  [3, 13, 103],
  [0, 10, 100],
];

describe('a source', () => {
  it.each([0, 3 * EXAMPLE_BYTES, 100])('gives the rows asked for, keeping %s bytes', async (keptBytes) => {
    const source = streamedSource(stored().shards, keptBytes);
    expect(source.count).toBe(6);
    expect(await valuesOf(source.read(order, signal))).toEqual(inOrder);
    expect(await valuesOf(source.read(order, signal))).toEqual(inOrder);
  });

  it('in memory copies nothing', async () => {
    const { examples, indices } = await memorySource(whole).read(order, signal);
    expect(examples).toBe(whole);
    expect(indices).toBe(order);
  });

  it('gives nothing for nothing', async () => {
    const { examples } = await streamedSource(stored().shards, 0).read(new Uint32Array(0), signal);
    expect(examples.count).toBe(0);
  });

  it('keeps parts that fit, and reads no more than the rows of others, neighbours at once', async () => {
    const { shards, reads } = stored();
    const source = streamedSource(shards, 2 * EXAMPLE_BYTES);
    await source.read(Uint32Array.of(0, 4, 2, 3), signal);
    expect(reads.splice(0)).toEqual(['0: 0–2', '1: 0–3']);
    await source.read(Uint32Array.of(1, 4, 2, 0), signal);
    expect(reads.splice(0).sort()).toEqual(['1: 0–1', '1: 2–3']);
  });

  it('can be a part of a data set, in an order of its own', async () => {
    const source = streamedSource(stored().shards, 0, Uint32Array.of(5, 2));
    expect(source.count).toBe(2);
    expect(await valuesOf(source.read(Uint32Array.of(0, 1), signal))).toEqual([
      [5, 15, 105],
      [2, 12, 102],
    ]);
  });

  it('ends with the signal', async () => {
    const controller = new AbortController();
    const { shards } = stored({
      checkPresent: async () => controller.abort(),
    });
    const reading = streamedSource(shards, 0).read(order, controller.signal);
    await expect(reading).rejects.toMatchObject({ code: 'training.cancelled' });
  });
});

describe('what cannot be read', () => {
  it('has a name, and is tried again the next time', async () => {
    let broken = true;
    const { shards } = stored();
    const read: ExampleShards['read'] = async (...part) => {
      if (broken) throw new RangeError('the disk is gone');
      return shards.read(...part);
    };
    const source = streamedSource({ ...shards, read }, 100);
    await expect(source.read(order, signal)).rejects.toMatchObject({
      code: 'data.unreadable',
      facts: { path: expect.stringMatching(/^shard \d$/) },
    });
    broken = false;
    expect(await valuesOf(source.read(order, signal))).toEqual(inOrder);
  });

  it('is damaged when it has another length', async () => {
    const { shards } = stored({ read: async () => sliceExamples(whole, 0, 1) });
    const reading = streamedSource(shards, 100).read(Uint32Array.of(2), signal);
    await expect(reading).rejects.toMatchObject({ code: 'storage.corrupt', facts: { path: 'shard 1' } });
  });

  it('is not read when the data set was deleted, even from what is kept', async () => {
    let deleted = false;
    const { shards } = stored({
      async checkPresent() {
        if (deleted) throw new MurmurationError('data.unreadable', 'The data set was deleted.');
      },
    });
    const source = streamedSource(shards, 100);
    await source.read(order, signal);
    deleted = true;
    await expect(source.read(order, signal)).rejects.toMatchObject({ code: 'data.unreadable' });
  });
});
