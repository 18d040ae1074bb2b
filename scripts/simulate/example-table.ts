import { flipLabels } from '../../shared/aggregate/attacks/index.ts';
import { type Examples, emptyExamples, exampleFormat } from '../../shared/dataset/index.ts';
import type { DataSchema } from '../../shared/federation/index.ts';
import type { StudyImages } from '../study-data.ts';

/** Encoded examples in memory that all threads share. */
export interface ExampleTable {
  readonly count: number;
  /** Numbers per example, and targets. */
  readonly size: number;
  readonly targetsEach: number;
  readonly inputs: Uint8Array<SharedArrayBuffer> | Float32Array<SharedArrayBuffer>;
  readonly targets: Uint16Array<SharedArrayBuffer> | Float32Array<SharedArrayBuffer>;
  /** What each byte is fed as, where that is not byte / 255. */
  readonly feed?: Float32Array;
}

export function tableOfImages({ count, size, pixels, labels, feed }: StudyImages): ExampleTable {
  const targets = new Uint16Array(new SharedArrayBuffer(2 * count));
  targets.set(labels);
  return { count, size, targetsEach: 1, inputs: pixels, targets, ...(feed === undefined ? {} : { feed }) };
}

export function tableOfExamples(schema: DataSchema, { count, inputs, targets }: Examples): ExampleTable {
  const { size, targetsPerExample: targetsEach = 1 } = exampleFormat(schema);
  return {
    count,
    size,
    targetsEach,
    inputs: inputs instanceof Uint8Array ? sharedBytes(inputs) : sharedFloats(inputs),
    targets: targets instanceof Uint16Array ? sharedShorts(targets) : sharedFloats(targets),
  };
}

/** Copies of the chosen rows. */
export function gatherRows(table: ExampleTable, rows: ArrayLike<number>): Examples {
  const { size, targetsEach, inputs, targets, feed } = table;
  const taken = emptyExamples(
    {
      size,
      targetsPerExample: targetsEach,
      inputs: inputs instanceof Uint8Array ? 'uint8' : 'float32',
      targets: targets instanceof Uint16Array ? 'uint16' : 'float32',
    },
    rows.length,
  );
  for (let place = 0; place < rows.length; place++) {
    const row = rows[place]!;
    taken.inputs.set(inputs.subarray(row * size, (row + 1) * size), place * size);
    taken.targets.set(targets.subarray(row * targetsEach, (row + 1) * targetsEach), place * targetsEach);
  }
  if (feed === undefined) return taken;
  return { ...taken, inputs: Float32Array.from(taken.inputs, (byte) => feed[byte]!) };
}

/** What a liar makes of its examples: other classes, or the negatives of values. */
export function flipTargets(examples: Examples, classes: number | undefined): Examples {
  const { targets } = examples;
  if (classes !== undefined && targets instanceof Uint16Array)
    return { ...examples, targets: flipLabels(targets, classes) };
  return { ...examples, targets: Float32Array.from(targets, (value) => -value) };
}

function sharedBytes(bytes: Uint8Array): Uint8Array<SharedArrayBuffer> {
  const copy = new Uint8Array(new SharedArrayBuffer(bytes.length));
  copy.set(bytes);
  return copy;
}

function sharedShorts(values: Uint16Array): Uint16Array<SharedArrayBuffer> {
  const copy = new Uint16Array(new SharedArrayBuffer(2 * values.length));
  copy.set(values);
  return copy;
}

function sharedFloats(values: Float32Array): Float32Array<SharedArrayBuffer> {
  const copy = new Float32Array(new SharedArrayBuffer(4 * values.length));
  copy.set(values);
  return copy;
}
