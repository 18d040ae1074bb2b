import type { DataSchema } from '../federation/index.ts';
import { type Examples, inputSize, targetLabels } from './examples.ts';

/** How the numbers of encoded examples are stored. */
export interface ExampleFormat {
  /** Numbers per example. */
  readonly size: number;
  readonly inputs: 'float32' | 'uint8';
  readonly targets: 'float32' | 'uint16';
}

/** Images are bytes; a class target is an index of 16 bits (a schema has at most 1000 labels). */
export function exampleFormat(schema: DataSchema): ExampleFormat {
  return {
    size: inputSize(schema),
    inputs: schema.kind === 'image' ? 'uint8' : 'float32',
    targets: targetLabels(schema) === undefined ? 'float32' : 'uint16',
  };
}

export function emptyExamples({ size, inputs, targets }: ExampleFormat, count: number): Examples {
  return {
    count,
    inputs: inputs === 'uint8' ? new Uint8Array(count * size) : new Float32Array(count * size),
    targets: targets === 'uint16' ? new Uint16Array(count) : new Float32Array(count),
  };
}

/** Bytes of one stored example. */
export function bytesPerExample({ size, inputs, targets }: ExampleFormat): number {
  return size * (inputs === 'uint8' ? 1 : 4) + (targets === 'uint16' ? 2 : 4);
}

/** Gathers examples one by one into shards of about `maxBytes`. */
export interface ExampleBuilder {
  readonly count: number;
  readonly isFull: boolean;
  append(inputs: ArrayLike<number>, target: number): void;
  /** What was gathered, as arrays of its own; the builder starts anew. */
  take(): Examples;
}

export function exampleBuilder(format: ExampleFormat, maxBytes: number): ExampleBuilder {
  const capacity = Math.max(1, Math.floor(maxBytes / bytesPerExample(format)));
  let held = emptyExamples(format, Math.min(capacity, 256));
  let count = 0;

  function grow(): void {
    const larger = emptyExamples(format, Math.min(capacity, held.count * 2));
    larger.inputs.set(held.inputs);
    larger.targets.set(held.targets);
    held = larger;
  }

  return {
    get count() {
      return count;
    },
    get isFull() {
      return count >= capacity;
    },
    append(inputs, target) {
      if (count === held.count) grow();
      held.inputs.set(inputs, count * format.size);
      held.targets[count] = target;
      count++;
    },
    take() {
      const taken = {
        count,
        inputs: held.inputs.slice(0, count * format.size),
        targets: held.targets.slice(0, count),
      };
      held = emptyExamples(format, Math.min(capacity, 256));
      count = 0;
      return taken;
    },
  };
}

/** Examples of the class, by label; undefined for a value target. */
export function classCounts(
  schema: DataSchema,
  targets: ArrayLike<number>,
): Record<string, number> | undefined {
  const labels = targetLabels(schema);
  if (labels === undefined) return undefined;
  const counts = new Array<number>(labels.length).fill(0);
  for (let i = 0; i < targets.length; i++) counts[targets[i]!]!++;
  return Object.fromEntries(labels.map((label, i) => [label, counts[i]!]));
}
