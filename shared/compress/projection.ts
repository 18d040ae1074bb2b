import { checkInteger } from '../errors/index.ts';
import { seededRandom } from '../random/index.ts';

/**
 * A matrix M of rows × columns as its product with an orthonormal basis Q of `rank` vectors of its shorter side, and back: M Q Qᵀ,
 * or Q Qᵀ M. One half step of PowerSGD (Vogels et al. 2019, algorithm 1) with a basis that everyone draws alike, and so linear. Of
 * a matrix that does not know Q, rank / shorter side of the squared norm remains.
 */
export interface Projection {
  /** Row-major to `rank` numbers for each of the longer side. */
  project(matrix: Float32Array | Float64Array, factor: Float64Array): void;
  /** The inverse on what {@link project} can make. */
  expand(factor: Float64Array, matrix: Float64Array): void;
}

/** A vector shorter than this part of its length before is drawn again: what is left of it is rounding. */
const LEAST_REMAINDER = 1e-4;

/** @param label public, and fixed before anyone trains. */
export function createProjection(rows: number, columns: number, rank: number, label: string): Projection {
  checkInteger('rank', rank, 1, Math.min(rows, columns));
  const isTall = rows >= columns;
  const longer = isTall ? rows : columns;
  const shorter = isTall ? columns : rows;
  const basis = orthonormalBasis(shorter, rank, label);
  // Element (i, j), i along the longer side, is at i · stepLonger + j · stepShorter.
  const stepLonger = isTall ? columns : 1;
  const stepShorter = isTall ? 1 : columns;
  return {
    project(matrix, factor) {
      for (let i = 0; i < longer; i++)
        for (let r = 0; r < rank; r++) {
          let sum = 0;
          for (let j = 0; j < shorter; j++)
            sum += matrix[i * stepLonger + j * stepShorter]! * basis[r * shorter + j]!;
          factor[i * rank + r] = sum;
        }
    },
    expand(factor, matrix) {
      for (let i = 0; i < longer; i++)
        for (let j = 0; j < shorter; j++) {
          let sum = 0;
          for (let r = 0; r < rank; r++) sum += factor[i * rank + r]! * basis[r * shorter + j]!;
          matrix[i * stepLonger + j * stepShorter] = sum;
        }
    },
  };
}

/** `count` vectors of unit length at right angles, one after the other; additions, products and square roots only. */
export function orthonormalBasis(length: number, count: number, label: string): Float64Array<ArrayBuffer> {
  const random = seededRandom(`basis/${label}`);
  const basis = new Float64Array(length * count);
  for (let r = 0; r < count; ) {
    const vector = basis.subarray(r * length, (r + 1) * length);
    for (let j = 0; j < length; j++) vector[j] = 2 * random.uniform() - 1;
    if (orthonormalize(basis, r, length)) r++;
  }
  return basis;
}

/**
 * Modified Gram–Schmidt, twice: vector `index` of unit length and at right angles to those before it.
 * @returns false where nothing is left of it.
 */
export function orthonormalize(basis: Float64Array, index: number, length: number): boolean {
  const vector = basis.subarray(index * length, (index + 1) * length);
  const before = norm(vector);
  for (let pass = 0; pass < 2; pass++)
    for (let other = 0; other < index; other++) {
      const earlier = basis.subarray(other * length, (other + 1) * length);
      let product = 0;
      for (let j = 0; j < length; j++) product += vector[j]! * earlier[j]!;
      for (let j = 0; j < length; j++) vector[j]! -= product * earlier[j]!;
    }
  const after = norm(vector);
  if (!(after > before * LEAST_REMAINDER)) return false;
  for (let j = 0; j < length; j++) vector[j]! /= after;
  return true;
}

function norm(values: Float64Array): number {
  let squares = 0;
  for (let i = 0; i < values.length; i++) squares += values[i]! * values[i]!;
  return Math.sqrt(squares);
}
