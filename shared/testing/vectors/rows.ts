import type { Row } from '../../aggregate/robust/index.ts';
import { type Inputs, UnsupportedVector } from './vector.ts';

/** Numbers as deep in lists as the vector has them: 3, [1, 2], [[1, 2], [[1, 2], [3, 4]]]. */
type Nested = number | readonly Nested[];

/** Updates of any shape as rows, and a row back in the shape of the first. */
export interface ShapedRows {
  readonly rows: readonly Row[];
  readonly like: Nested;
}

const ROW_NAMES = ['vectors', 'updates', 'weights', 'inputs', 'gradients'];

export function readRows(inputs: Inputs, ...names: readonly string[]): ShapedRows {
  const found = (names.length === 0 ? ROW_NAMES : names).find((name) => Array.isArray(inputs[name]));
  const list = found === undefined ? undefined : inputs[found];
  if (!Array.isArray(list) || list.length === 0 || !list.every(isNested))
    throw new UnsupportedVector(`No rows among ${Object.keys(inputs).join(', ')}.`);
  return { rows: list.map(toRow), like: list[0]! };
}

export function toRow(nested: Nested): Row {
  return Float64Array.from([nested].flat(20) as number[]);
}

/** The numbers of a row in the shape of `like`. */
export function shaped(row: Row, like: Nested): Nested {
  let at = 0;
  const fill = (part: Nested): Nested => (typeof part === 'number' ? row[at++]! : part.map(fill));
  return fill(like);
}

function isNested(value: unknown): value is Nested {
  return typeof value === 'number' || (Array.isArray(value) && value.every(isNested));
}
