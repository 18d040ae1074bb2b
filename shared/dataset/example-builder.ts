import type { DataSchema } from '../federation/index.ts';
import { classCount, type Examples, inputSize, targetLabels, targetsPerExample } from './examples.ts';

/** How the numbers of encoded examples are stored. */
export interface ExampleFormat {
  /** Numbers per example. */
  readonly size: number;
  readonly inputs: 'float32' | 'uint8';
  readonly targets: 'float32' | 'uint16';
  /** One when left out. */
  readonly targetsPerExample?: number;
}

/**
 * Images, and tokens of a small vocabulary, are bytes; a class is an index of 16 bits. Where tokens are too many for
 * that they are float32, which holds integers up to 2^24.
 */
export function exampleFormat(schema: DataSchema): ExampleFormat {
  const classes = classCount(schema);
  const each = targetsPerExample(schema);
  const isBytes = schema.kind === 'image' || (schema.kind === 'tokens' && schema.vocabulary <= 2 ** 8);
  return {
    size: inputSize(schema),
    inputs: isBytes ? 'uint8' : 'float32',
    targets: classes !== undefined && classes <= 2 ** 16 ? 'uint16' : 'float32',
    ...(each > 1 && { targetsPerExample: each }),
  };
}

export function emptyExamples(format: ExampleFormat, count: number): Examples {
  const { size, inputs, targets, targetsPerExample: each = 1 } = format;
  return {
    count,
    inputs: inputs === 'uint8' ? new Uint8Array(count * size) : new Float32Array(count * size),
    targets: targets === 'uint16' ? new Uint16Array(count * each) : new Float32Array(count * each),
  };
}

/** Bytes of one stored example. */
export function bytesPerExample({
  size,
  inputs,
  targets,
  targetsPerExample: each = 1,
}: ExampleFormat): number {
  return size * (inputs === 'uint8' ? 1 : 4) + each * (targets === 'uint16' ? 2 : 4);
}

/** The target of one example, or its targets. */
export type EncodedTarget = number | ArrayLike<number>;

/** Gathers examples one by one into shards of about `maxBytes`. */
export interface ExampleBuilder {
  readonly count: number;
  readonly isFull: boolean;
  append(inputs: ArrayLike<number>, target: EncodedTarget): void;
  /** What was gathered, as arrays of its own; the builder starts anew. */
  take(): Examples;
}

export function exampleBuilder(format: ExampleFormat, maxBytes: number): ExampleBuilder {
  const capacity = Math.max(1, Math.floor(maxBytes / bytesPerExample(format)));
  const each = format.targetsPerExample ?? 1;
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
      if (typeof target === 'number') held.targets[count] = target;
      else held.targets.set(target, count * each);
      count++;
    },
    take() {
      const taken = {
        count,
        inputs: held.inputs.slice(0, count * format.size),
        targets: held.targets.slice(0, count * each),
      };
      held = emptyExamples(format, Math.min(capacity, 256));
      count = 0;
      return taken;
    },
  };
}

/** Examples of the class, by label; undefined where targets have no labels. */
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
