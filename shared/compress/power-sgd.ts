import { check, checkInteger } from '../errors/index.ts';
import { orthonormalBasis, orthonormalize } from './projection.ts';

/**
 * PowerSGD (Vogels et al. 2019, algorithms 1 and 2) of one matrix, for those who may exchange twice a round: first the mean of P = M Q,
 * then that of M ᵀP̂, P̂ being P made orthonormal. Q is where the next round begins (warm start), and what M had beyond P̂ Qᵀ is added to the
 * next M (error feedback). Both exchanges are means, so both could be masked.
 */
export interface PowerSgd {
  readonly rows: number;
  readonly columns: number;
  readonly rank: number;
  /** `rank` vectors as long as a row, one after the other: the same for all. */
  readonly q: Float64Array<ArrayBuffer>;
  /** Row-major; of this participant. */
  readonly error: Float64Array<ArrayBuffer>;
}

/** @param label what the first Q follows from; the same for all. */
export function initPowerSgd(rows: number, columns: number, rank: number, label: string): PowerSgd {
  checkInteger('rank', rank, 1, Math.min(rows, columns));
  return {
    rows,
    columns,
    rank,
    q: orthonormalBasis(columns, rank, label),
    error: new Float64Array(rows * columns),
  };
}

/** M + error, and P = (M + error) Q: `rank` vectors as long as a column, one after the other. @throws `update.wrong-length`. */
export function projectRows(
  state: PowerSgd,
  matrix: ArrayLike<number>,
): { readonly target: Float64Array<ArrayBuffer>; readonly p: Float64Array<ArrayBuffer> } {
  const { rows, columns, rank, q, error } = state;
  check(matrix.length === rows * columns, 'update.wrong-length', 'A matrix has another size.', {
    expected: `${rows} · ${columns}`,
    received: String(matrix.length),
  });
  const target = Float64Array.from(error, (value, i) => value + matrix[i]!);
  const p = new Float64Array(rows * rank);
  for (let r = 0; r < rank; r++)
    for (let i = 0; i < rows; i++) {
      let sum = 0;
      for (let j = 0; j < columns; j++) sum += target[i * columns + j]! * q[r * columns + j]!;
      p[r * rows + i] = sum;
    }
  return { target, p };
}

/**
 * P̂ from the mean of P, and Q = targetᵀ P̂. Vectors of which nothing is left once those before are taken off become zero.
 */
export function projectColumns(
  { rows, columns, rank }: PowerSgd,
  target: Float64Array,
  meanP: Float64Array,
): { readonly basis: Float64Array<ArrayBuffer>; readonly q: Float64Array<ArrayBuffer> } {
  const basis = new Float64Array(meanP);
  for (let r = 0; r < rank; r++) if (!orthonormalize(basis, r, rows)) basis.fill(0, r * rows, (r + 1) * rows);
  const q = new Float64Array(columns * rank);
  for (let r = 0; r < rank; r++)
    for (let i = 0; i < rows; i++)
      for (let j = 0; j < columns; j++)
        q[r * columns + j]! += target[i * columns + j]! * basis[r * rows + i]!;
  return { basis, q };
}

/** P̂ Qᵀ from the mean of Q, what all take as the mean of M, and the state of the next round. */
export function finishPowerSgd(
  state: PowerSgd,
  target: Float64Array,
  basis: Float64Array,
  meanQ: Float64Array<ArrayBuffer>,
): { readonly approximation: Float64Array<ArrayBuffer>; readonly state: PowerSgd } {
  const { rows, columns, rank } = state;
  const approximation = new Float64Array(rows * columns);
  for (let r = 0; r < rank; r++)
    for (let i = 0; i < rows; i++)
      for (let j = 0; j < columns; j++)
        approximation[i * columns + j]! += basis[r * rows + i]! * meanQ[r * columns + j]!;
  const error = target.map((value, i) => value - approximation[i]!) as Float64Array<ArrayBuffer>;
  return { approximation, state: { ...state, q: meanQ, error } };
}

/** All of it for one participant alone. */
export function powerSgd(
  state: PowerSgd,
  matrix: ArrayLike<number>,
): { readonly approximation: Float64Array<ArrayBuffer>; readonly state: PowerSgd } {
  const { target, p } = projectRows(state, matrix);
  const { basis, q } = projectColumns(state, target, p);
  return finishPowerSgd(state, target, basis, q);
}
