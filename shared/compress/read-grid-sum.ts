import type { Grid } from './grid.ts';
import { unrotateSum } from './round-to-grid.ts';
import { expandSketch } from './sketch.ts';

/**
 * A sum of vectors on the grid, as floats in units still: turned back, and of the model's length where a part of its coordinates was
 * sent. With an adaptive norm the indicator follows. SPEC N-05, Z-01.
 * @param sum exact, or off by multiples of the ring's size where it did not fit.
 */
export function readGridSum(sum: Int32Array, grid: Grid, baseHash: string): Float64Array<ArrayBuffer> {
  const values = unrotateSum(sum, grid, baseHash);
  const { sketch } = grid;
  if (sketch === undefined) return values;
  const indicator = values.subarray(sketch.count);
  const whole = new Float64Array(sketch.length + indicator.length);
  whole.set(expandSketch(sketch, values.subarray(0, sketch.count), baseHash));
  whole.set(indicator, sketch.length);
  return whole;
}
