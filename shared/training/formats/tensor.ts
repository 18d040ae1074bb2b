import { check, MurmurationError } from '../../errors/index.ts';
import type { Layout } from '../../update/index.ts';
import { sizeOf } from './json.ts';

/** One parameter as a file holds it: row-major float32. */
export interface NamedTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: Float32Array<ArrayBuffer>;
}

/** Differences that a message lists before it says how many more there are. */
const MAX_LISTED = 5;

/** The parameters of a flat vector, in the layout's order. Copies. */
export function tensorsIn(layout: Layout, weights: Float32Array): NamedTensor[] {
  check(weights.length === layout.length, 'model.layout-mismatch', 'The weights do not fit the model.', {
    expected: `${layout.length} weights`,
    received: String(weights.length),
  });
  return layout.parameters.map(({ name, shape, offset, length }) => ({
    name,
    shape,
    data: Float32Array.from(weights.subarray(offset, offset + length)),
  }));
}

/**
 * Pairs tensors with a layout by name and shape.
 * @returns the flat vector, every bit as it was.
 * @throws `model.layout-mismatch` that lists what differs; `model.invalid` when a weight is not finite.
 */
export function flatWeights(layout: Layout, tensors: readonly NamedTensor[]): Float32Array<ArrayBuffer> {
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const differences: string[] = [];
  for (const { name, shape } of layout.parameters) {
    const tensor = byName.get(name);
    if (tensor === undefined) differences.push(`"${name}" is missing`);
    else if (!sameShape(tensor.shape, shape))
      differences.push(`"${name}" is [${tensor.shape.join(', ')}], not [${shape.join(', ')}]`);
    byName.delete(name);
  }
  for (const name of byName.keys()) differences.push(`"${name.slice(0, 80)}" is not part of the model`);
  refuseDifferences(differences);

  const found = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const weights = new Float32Array(layout.length);
  for (const { name, offset } of layout.parameters) {
    const { data } = found.get(name)!;
    checkFinite(name, data);
    weights.set(data, offset);
  }
  return weights;
}

/** @throws `model.layout-mismatch` when there are any, naming the first few. */
export function refuseDifferences(differences: readonly string[]): void {
  if (differences.length === 0) return;
  const more = differences.length - MAX_LISTED;
  throw new MurmurationError(
    'model.layout-mismatch',
    'The file holds another model than this federation’s.',
    {
      received: `${differences.slice(0, MAX_LISTED).join('; ')}${more > 0 ? `; and ${more} more` : ''}`,
      remedy: 'Choose a file that was saved from this federation, or from a model of the same layers.',
    },
  );
}

/** @throws `model.invalid` naming the tensor and the position. */
export function checkFinite(name: string, data: Float32Array): void {
  const at = data.findIndex((value) => !Number.isFinite(value));
  check(at < 0, 'model.invalid', 'A weight is not a finite number.', {
    path: `${name}[${at}]`,
    expected: 'finite numbers only',
    remedy: 'The model diverged while it was trained: use an earlier one.',
  });
}

/** @throws `model.corrupt` when two tensors share a name, or one has another number of values than its shape. */
export function checkTensors(tensors: readonly NamedTensor[]): void {
  const names = new Set<string>();
  for (const { name, shape, data } of tensors) {
    check(!names.has(name), 'model.corrupt', `Two tensors are named "${name.slice(0, 80)}".`);
    names.add(name);
    check(data.length === sizeOf(shape), 'model.corrupt', 'A tensor has the wrong number of values.', {
      path: name,
      expected: String(sizeOf(shape)),
      received: String(data.length),
    });
  }
}

export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, i) => size === b[i]);
}
