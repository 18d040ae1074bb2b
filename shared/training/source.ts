import { bytesPerExample, type ExampleFormat, emptyExamples } from '../dataset/example-builder.ts';
import type { Examples } from '../dataset/examples.ts';
import { check, MurmurationError } from '../errors/index.ts';
import { throwIfCancelled } from './cancel.ts';

/** Some examples, without a copy of them where they are in memory: the rows of `examples` at `indices`. */
export interface Rows {
  readonly examples: Examples;
  readonly indices: Uint32Array;
}

/** Where training reads its examples from, a batch at a time. This file is free of tfjs, for whoever only stores. */
export interface ExampleSource {
  readonly count: number;
  /** @throws `data.unreadable` or `storage.*` where they cannot be read, `training.cancelled`. */
  read(indices: Uint32Array, signal: AbortSignal): Promise<Rows>;
}

export function memorySource(examples: Examples): ExampleSource {
  return { count: examples.count, read: async (indices) => ({ examples, indices }) };
}

/** A data set that is stored in parts, in order. */
export interface ExampleShards {
  readonly format: ExampleFormat;
  /** Examples in each part. */
  readonly counts: readonly number[];
  /** Asked before each batch. @throws `data.unreadable` once the data set was deleted. */
  checkPresent(): Promise<void>;
  /** The examples from `start` up to `end` of one part. */
  read(shard: number, start: number, end: number): Promise<Examples>;
}

/**
 * Reads examples when they are asked for. Parts are kept in memory, whole, while they fit in `keptBytes`; from the
 * others single rows are read. A shuffled order asks for all parts equally often, so that putting one in the place of
 * another would only move bytes.
 * @param rows which examples of the data set these are, in this order; all of them when left out.
 */
export function streamedSource(shards: ExampleShards, keptBytes: number, rows?: Uint32Array): ExampleSource {
  const { format, counts } = shards;
  const starts = startsOf(counts);
  const kept = new Map<number, Promise<Examples>>();
  let roomBytes = keptBytes;

  function keep(shard: number): Promise<Examples> | undefined {
    const known = kept.get(shard);
    if (known !== undefined) return known;
    const bytes = counts[shard]! * bytesPerExample(format);
    if (bytes > roomBytes) return undefined;
    roomBytes -= bytes;
    const reading = readPart(shards, shard, 0, counts[shard]!);
    kept.set(shard, reading);
    // Whoever waits for it hears of the failure; the next to ask tries again.
    reading.catch(() => {
      roomBytes += bytes;
      kept.delete(shard);
    });
    return reading;
  }

  async function fill(into: Examples, shard: number, places: readonly Place[]): Promise<void> {
    const whole = keep(shard);
    if (whole !== undefined) {
      const examples = await whole;
      for (const { row, at } of places) copyRow(format, examples, row, into, at);
      return;
    }
    await Promise.all(
      runsOf(places).map(async (run) => {
        const { row: start } = run[0]!;
        const examples = await readPart(shards, shard, start, run.at(-1)!.row + 1);
        for (const { row, at } of run) copyRow(format, examples, row - start, into, at);
      }),
    );
  }

  return {
    count: rows?.length ?? starts.at(-1)!,
    async read(indices, signal) {
      throwIfCancelled(signal);
      await shards.checkPresent();
      const byShard = new Map<number, Place[]>();
      indices.forEach((index, at) => {
        const example = rows === undefined ? index : rows[index]!;
        const shard = shardOf(starts, example);
        const places = byShard.get(shard) ?? [];
        byShard.set(shard, places);
        places.push({ row: example - starts[shard]!, at });
      });
      const examples = emptyExamples(format, indices.length);
      await Promise.all([...byShard].map(([shard, places]) => fill(examples, shard, places)));
      throwIfCancelled(signal);
      return { examples, indices: firstIndices(indices.length) };
    },
  };
}

/** 0, 1, … up to `count`. */
export function firstIndices(count: number): Uint32Array {
  return Uint32Array.from({ length: count }, (_, i) => i);
}

/** A row of a part, and where it goes in the batch. */
interface Place {
  readonly row: number;
  readonly at: number;
}

/** Rows that follow each other are read at once. */
function runsOf(places: readonly Place[]): Place[][] {
  const runs: Place[][] = [];
  for (const place of [...places].sort((a, b) => a.row - b.row)) {
    const run = runs.at(-1);
    if (run !== undefined && place.row - run.at(-1)!.row <= 1) run.push(place);
    else runs.push([place]);
  }
  return runs;
}

async function readPart(shards: ExampleShards, shard: number, start: number, end: number): Promise<Examples> {
  const { size, targetsPerExample: each = 1 } = shards.format;
  let part: Examples;
  try {
    part = await shards.read(shard, start, end);
  } catch (error) {
    if (error instanceof MurmurationError) throw error;
    throw new MurmurationError('data.unreadable', 'A part of the data set cannot be read.', {
      path: `shard ${shard}`,
      remedy: 'Delete the data set and import it again.',
      cause: error,
    });
  }
  const count = end - start;
  const fits = part.inputs.length === count * size && part.targets.length === count * each;
  check(fits, 'storage.corrupt', 'A part of the data set is damaged.', {
    path: `shard ${shard}`,
    remedy: 'Delete the data set and import it again.',
  });
  return part;
}

function copyRow(
  { size, targetsPerExample: each = 1 }: ExampleFormat,
  from: Examples,
  row: number,
  into: Examples,
  at: number,
): void {
  into.inputs.set(from.inputs.subarray(row * size, (row + 1) * size), at * size);
  into.targets.set(from.targets.subarray(row * each, (row + 1) * each), at * each);
}

/** Of each part, and after the last one the number of all examples. */
function startsOf(counts: readonly number[]): readonly number[] {
  const starts = [0];
  for (const count of counts) starts.push(starts.at(-1)! + count);
  return starts;
}

/** The part that an example is in, by halving. */
function shardOf(starts: readonly number[], example: number): number {
  let [low, high] = [0, starts.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (starts[middle]! <= example) low = middle;
    else high = middle;
  }
  return low;
}
