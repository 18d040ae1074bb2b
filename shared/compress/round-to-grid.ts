import { check } from '../errors/index.ts';
import type { CryptoRandom } from '../random/index.ts';
import { type ClippedUpdate, type QuantizedUpdate, staged } from '../update/index.ts';
import type { Grid } from './grid.ts';
import { type Rotation, rotationOf } from './rotation.ts';

/** More unlucky roundings in a row than this happen once in 10^27. */
const MOST_DRAWS = 128;
const WORDS_AT_ONCE = 16_384;

/**
 * Rotate, scale, and round each coordinate at random to one of the two integers next to it, the nearer the likelier, so that
 * the mean is exact; again from the start until the whole is no longer than the grid's limit (conditional rounding, Kairouz,
 * Liu and Steinke 2021, section 4.1). SPEC N-05, N-06.
 * @param baseHash of the model that the round starts from: what the rotation follows from.
 * @throws `update.wrong-length`; `update.norm-exceeded` for what was not clipped.
 */
export function roundToGrid(
  update: ClippedUpdate,
  grid: Grid,
  baseHash: string,
  random: CryptoRandom,
): QuantizedUpdate {
  const exact = new Float64Array(update.delta);
  gridRotation(grid, baseHash).rotate(exact);
  for (let i = 0; i < exact.length; i++) exact[i]! *= grid.scale;
  const values = new Int32Array(exact.length);
  for (let draw = 0; draw < MOST_DRAWS; draw++)
    if (roundAtRandom(exact, values, random) <= grid.squaredNormLimit)
      return staged<QuantizedUpdate>({ layoutHash: update.layoutHash, values, weight: update.weight });
  check(false, 'update.norm-exceeded', 'An update could not be rounded within its norm.', {
    expected: `a norm of at most ${grid.clipNorm}`,
    received: 'a longer update',
  });
}

/**
 * Each number to one of the two integers next to it, the nearer the likelier, so that the mean is exact.
 * @returns the squared norm of what came out.
 */
export function roundAtRandom(exact: Float64Array, values: Int32Array, random: CryptoRandom): number {
  let squares = 0;
  for (let start = 0; start < exact.length; start += WORDS_AT_ONCE) {
    const end = Math.min(exact.length, start + WORDS_AT_ONCE);
    const words = new Uint32Array(random.bytes(4 * (end - start)).buffer);
    for (let i = start; i < end; i++) {
      const floor = Math.floor(exact[i]!);
      const value = words[i - start]! < (exact[i]! - floor) * 2 ** 32 ? floor + 1 : floor;
      values[i] = value;
      squares += value * value;
    }
  }
  return squares;
}

/**
 * A sum of vectors on the grid, as floats: turned back, and in units still.
 * @param sum exact, or off by multiples of the ring's size where it did not fit.
 */
export function unrotateSum(sum: Int32Array, grid: Grid, baseHash: string): Float64Array<ArrayBuffer> {
  const values = new Float64Array(sum);
  gridRotation(grid, baseHash).unrotate(values);
  return values;
}

function gridRotation({ dimension, hasOneRotation }: Grid, baseHash: string): Rotation {
  return rotationOf(dimension, hasOneRotation === true ? 'tree' : baseHash);
}
