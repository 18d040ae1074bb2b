import { type AggregationKernels, plainKernels, type Row } from '../robust/kernels.ts';
import { squaredDistancesPlainly } from './distances-plainly.ts';
import { checkFiniteRows } from './finite.ts';
import { type NativeKernels, nativeKernels } from './module.ts';
import { median, trimmedMean } from './order-statistics.ts';
import { homeOf } from './placed-rows.ts';
import { squaredDistances } from './squared-distances.ts';
import { weightedSum, weightedSumInPlace } from './weighted-sum.ts';
import { weightedSumPlainly } from './weighted-sum-plainly.ts';

export interface ChosenKernels extends AggregationKernels {
  readonly kind: 'wasm' | 'plain';
  readonly refusesNonFinite: true;
}

/**
 * WebAssembly with SIMD where there is one, else loops in JavaScript that give the same bits. Rows that are not finite are
 * refused (`update.non-finite`). Rows in double precision are always left to the loops of plainKernels.
 */
export function createAggregationKernels(): ChosenKernels {
  const native = nativeKernels();
  return native === undefined ? loopKernels : wasmKernels(native);
}

/** plainKernels of rows that were looked at. */
const checkedKernels: AggregationKernels = {
  weightedSum(rows, weights, out) {
    checkFiniteRows(rows);
    plainKernels.weightedSum(rows, weights, out);
  },
  median(rows, out) {
    checkFiniteRows(rows);
    plainKernels.median(rows, out);
  },
  trimmedMean(rows, trim, out) {
    checkFiniteRows(rows);
    plainKernels.trimmedMean(rows, trim, out);
  },
  squaredDistances(rows) {
    checkFiniteRows(rows);
    return plainKernels.squaredDistances(rows);
  },
};

const loopKernels: ChosenKernels = {
  ...checkedKernels,
  kind: 'plain',
  refusesNonFinite: true,
  weightedSum(rows, weights, out) {
    if (areSingle(rows) && isSingle(out)) weightedSumPlainly(rows, weights, out);
    else checkedKernels.weightedSum(rows, weights, out);
  },
  squaredDistances(rows) {
    return areSingle(rows) ? squaredDistancesPlainly(rows) : checkedKernels.squaredDistances(rows);
  },
};

function wasmKernels(native: NativeKernels): ChosenKernels {
  return {
    kind: 'wasm',
    refusesNonFinite: true,
    weightedSum(rows, weights, out) {
      if (!areSingle(rows) || !isSingle(out)) return checkedKernels.weightedSum(rows, weights, out);
      const home = homeOf(rows);
      if (home === undefined) weightedSum(native, rows, weights, out);
      else weightedSumInPlace(home, rows, weights, out);
    },
    median(rows, out) {
      if (areSingle(rows) && isSingle(out)) median(native, rows, out);
      else checkedKernels.median(rows, out);
    },
    trimmedMean(rows, trim, out) {
      if (areSingle(rows) && isSingle(out)) trimmedMean(native, rows, trim, out);
      else checkedKernels.trimmedMean(rows, trim, out);
    },
    squaredDistances(rows) {
      return areSingle(rows) ? squaredDistances(native, rows) : checkedKernels.squaredDistances(rows);
    },
  };
}

function areSingle(rows: readonly Row[]): rows is readonly Float32Array<ArrayBuffer>[] {
  return rows.every(isSingle);
}

function isSingle(row: Row): row is Float32Array<ArrayBuffer> {
  return row instanceof Float32Array;
}
