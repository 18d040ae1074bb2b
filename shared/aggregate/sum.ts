import { check } from '../errors/index.ts';

/** A slice of one masked update, or of a sum of them. Sums are commutative and associative: order never matters. */
export interface WeightedSlice {
  readonly values: Int32Array<ArrayBuffer>;
  readonly weight: number;
}

/**
 * Adds slices coordinate by coordinate. Exact: the bound of shared/compress/fixed-point.ts keeps every sum in 32 bits.
 * @throws `argument.invalid` for no slices, `update.wrong-length` when lengths differ.
 */
export function sumSlices(slices: readonly WeightedSlice[]): WeightedSlice {
  const [first, ...others] = slices;
  check(first !== undefined, 'argument.invalid', 'There is nothing to add up.');
  const values = first.values.slice();
  let weight = first.weight;
  for (const slice of others) {
    check(
      slice.values.length === values.length,
      'update.wrong-length',
      'Slices of different lengths cannot be added.',
      {
        expected: String(values.length),
        received: String(slice.values.length),
      },
    );
    weight += slice.weight;
    for (let i = 0; i < values.length; i++) values[i]! += slice.values[i]!;
  }
  return { values, weight };
}
