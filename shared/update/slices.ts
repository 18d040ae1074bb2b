import { check, checkInteger } from '../errors/index.ts';

/** A half-open range of the flat vector. */
export interface SliceRange {
  readonly start: number;
  readonly end: number;
}

/** Slice `index` of `count` near-equal slices of a vector: lengths differ by at most one. SPEC R-20. */
export function sliceRange(length: number, count: number, index: number): SliceRange {
  checkInteger('slice count', count, 1, 65_536);
  checkInteger('slice index', index, 0, count - 1);
  return { start: Math.floor((length * index) / count), end: Math.floor((length * (index + 1)) / count) };
}

/** Puts slices back together. @throws `update.wrong-length` when one does not fit its range. */
export function joinSlices(length: number, slices: readonly Int32Array[]): Int32Array<ArrayBuffer> {
  const joined = new Int32Array(length);
  slices.forEach((slice, index) => {
    const { start, end } = sliceRange(length, slices.length, index);
    check(slice.length === end - start, 'update.wrong-length', `Slice ${index} has the wrong length.`, {
      expected: String(end - start),
      received: String(slice.length),
    });
    joined.set(slice, start);
  });
  return joined;
}
