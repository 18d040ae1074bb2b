import { checkInteger } from '../../errors/index.ts';
import { WIDTH } from './distance-layout.ts';

export interface CoordinateRange {
  readonly from: number;
  readonly to: number;
}

/**
 * Ranges of coordinates, so that several workers take a part each. Sums, medians and trimmed means of the ranges, side by side,
 * are those of the whole, to the bit; squared distances add up, where the order of doubles moves their last bits.
 * @returns at most `parts`, in order, none of them empty; all lengths but the last are multiples of 1024.
 * @throws `argument.invalid`.
 */
export function splitByCoordinates(length: number, parts: number): CoordinateRange[] {
  checkInteger('length', length, 1, 2 ** 31 - 1);
  checkInteger('parts', parts, 1, 2 ** 16);
  const tiles = Math.ceil(length / WIDTH);
  const count = Math.min(parts, tiles);
  const end = (part: number): number => Math.min(length, WIDTH * Math.floor((part * tiles) / count));
  return Array.from({ length: count }, (_, part) => ({ from: end(part), to: end(part + 1) }));
}
