/** A number, or lists of them in lists, as vectors write arrays of any shape. */
export type Nested = number | readonly Nested[];

/** All numbers in their order. */
export function flat(value: Nested): number[] {
  return typeof value === 'number' ? [value] : value.flatMap(flat);
}

/** The numbers in the shape that `like` has. */
export function shapedAs(like: Nested, values: readonly number[]): Nested {
  let next = 0;
  const shape = (part: Nested): Nested => (typeof part === 'number' ? values[next++]! : part.map(shape));
  return shape(like);
}
