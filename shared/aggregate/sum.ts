import { check } from '../errors/index.ts';
import { addWords } from './native/add-words.ts';

/** A slice of one masked update, or of a sum of them. Sums are commutative and associative: order never matters. */
export interface WeightedSlice {
  readonly values: Int32Array<ArrayBuffer>;
  readonly weight: number;
}

/**
 * Adds slices coordinate by coordinate, in memory for the sum and for one of them at a time. Exact: the bound of shared/compress/fixed-point.ts keeps every sum in 32 bits.
 * @throws `argument.invalid` for no slices, `update.wrong-length` when lengths differ.
 */
export function sumSlices(slices: Iterable<WeightedSlice>): WeightedSlice {
  let values: WeightedSlice['values'] | undefined;
  let weight = 0;
  for (const slice of slices) {
    weight += slice.weight;
    if (values === undefined) {
      values = slice.values.slice();
      continue;
    }
    check(
      slice.values.length === values.length,
      'update.wrong-length',
      'Slices of different lengths cannot be added.',
      {
        expected: String(values.length),
        received: String(slice.values.length),
      },
    );
    addWords(values, slice.values);
  }
  check(values !== undefined, 'argument.invalid', 'There is nothing to add up.');
  return { values, weight };
}
