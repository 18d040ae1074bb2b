import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import { check } from '../errors/index.ts';

/** One named parameter tensor, in the order the model declares it. */
export interface ParameterShape {
  readonly name: string;
  readonly shape: readonly number[];
}

/** Where each parameter lies in the flat vector. Two vectors may be combined only if their hashes agree. */
export interface Layout {
  readonly parameters: readonly (ParameterShape & { readonly offset: number; readonly length: number })[];
  /** Coordinates in the flat vector. */
  readonly length: number;
  /** Hex SHA-256 of names and shapes in order: parameters are paired by name and hash, never by position alone. */
  readonly hash: string;
}

/** @throws `model.invalid` on an empty list, a repeated name or a dimension that is not a positive integer. */
export function layoutOf(shapes: readonly ParameterShape[]): Layout {
  check(shapes.length > 0, 'model.invalid', 'The model has no parameters to train.', {
    remedy: 'Add a layer with weights, such as dense.',
  });
  const names = new Set<string>();
  let offset = 0;
  const parameters = shapes.map(({ name, shape }) => {
    check(!names.has(name), 'model.invalid', `Two parameters are named "${name}".`);
    names.add(name);
    for (const dimension of shape) {
      check(
        Number.isInteger(dimension) && dimension > 0,
        'model.invalid',
        `Parameter "${name}" has a bad shape.`,
        {
          expected: 'positive integer dimensions',
          received: `[${shape.join(', ')}]`,
        },
      );
    }
    const length = shape.reduce((product, dimension) => product * dimension, 1);
    const placed = { name, shape: [...shape], offset, length };
    offset += length;
    return placed;
  });
  const canonical = JSON.stringify(shapes.map(({ name, shape }) => [name, ...shape]));
  return { parameters, length: offset, hash: bytesToHex(sha256(utf8ToBytes(canonical))) };
}
