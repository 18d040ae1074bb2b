import { check, checkInteger } from '../../errors/index.ts';
import { checkFiniteNumbers } from './finite.ts';
import { type NativeKernels, ownKernels } from './module.ts';
import { COPIED, wholeVectors } from './sum-layout.ts';

/**
 * A weighted sum that grows as rows come, which need not be kept: two model sizes of memory, however many they are. All of it
 * in double precision: the same rows in the same order give the bits of plainKernels.weightedSum.
 */
export interface WeightedAccumulator {
  readonly length: number;
  /** @throws `update.wrong-length`. */
  add(row: Float32Array, weight: number): void;
  /** Σ weight · row so far. @throws `update.wrong-length`; `update.non-finite` where a row or a weight was not. */
  readInto(out: Float32Array): void;
}

/** @throws `argument.invalid`. */
export function weightedAccumulator(length: number): WeightedAccumulator {
  checkInteger('length', length, 1, 2 ** 28);
  const kernels = ownKernels();
  const sums = kernels === undefined ? plainSums(length) : nativeSums(kernels, length);
  const checkLength = (array: Float32Array): void =>
    check(
      array.length === length,
      'update.wrong-length',
      'Updates of different lengths cannot be put together.',
      { expected: String(length), received: String(array.length) },
    );
  return {
    length,
    add(row, weight) {
      checkLength(row);
      sums.add(row, weight);
    },
    readInto(out) {
      checkLength(out);
      sums.readInto(out);
    },
  };
}

type Sums = Pick<WeightedAccumulator, 'add' | 'readInto'>;

function plainSums(length: number): Sums {
  const sums = new Float64Array(length);
  return {
    add(row, weight) {
      for (let i = 0; i < length; i++) sums[i]! += weight * row[i]!;
    },
    readInto(out) {
      checkFiniteNumbers(sums.every(Number.isFinite));
      out.set(sums);
    },
  };
}

const NUMBERS = 0;
const SUMS = NUMBERS + 4 * COPIED.width;

/** The heap holds a tile of the row that comes, and all of the sums. */
function nativeSums(kernels: NativeKernels, length: number): Sums {
  const heap = kernels.heapOf(SUMS + 8 * wholeVectors(length));
  const numbers = new Float32Array(heap, NUMBERS, COPIED.width);
  const eachTile = (visit: (from: number, width: number, sums: number) => void): void => {
    for (let from = 0; from < length; from += COPIED.width)
      visit(from, Math.min(COPIED.width, length - from), SUMS + 8 * from);
  };
  return {
    add(row, weight) {
      eachTile((from, width, sums) => {
        numbers.set(row.subarray(from, from + width));
        numbers.fill(0, width, wholeVectors(width));
        kernels.addRow(NUMBERS, weight, wholeVectors(width), sums);
      });
    },
    readInto(out) {
      eachTile((from, width, sums) => {
        checkFiniteNumbers(kernels.roundSums(sums, wholeVectors(width), NUMBERS, 1) !== 0);
        out.set(numbers.subarray(0, width), from);
      });
    },
  };
}
