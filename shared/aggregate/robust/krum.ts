import { check, checkInteger } from '../../errors/index.ts';
import { checkRows, type Need } from './check-rows.ts';
import { type AggregationKernels, plainKernels, type Row } from './kernels.ts';
import { meanOf } from './mean.ts';

/**
 * The row whose n − f − 2 nearest are nearest to it in squared distance (Blanchard, El Mhamdi, Guerraoui, Stainer 2017, "Machine
 * Learning with Adversaries", section 4). ByzFL sums over n − f − 1. Of two as good the earlier.
 * @throws `aggregate.too-few` unless n ≥ 2f + 3.
 */
export function krum(
  rows: readonly Row[],
  byzantine: number,
  kernels: AggregationKernels = plainKernels,
): Row {
  checkRows(rows, krumNeed('Krum', byzantine), byzantine, kernels);
  const [best] = rankByKrum(rows, rows.length - byzantine - 2, kernels);
  return rows[best!]!.slice();
}

/**
 * The mean of the `select` rows that Krum ranks best (Blanchard et al. 2017, section 4, "Multi-Krum"): ranked once. Left out,
 * n − f, as ByzFL has it; the paper proves its bound for n − 2f − 2 and fewer.
 * @throws `aggregate.too-few` unless n ≥ 2f + 3 and n ≥ select.
 */
export function multiKrum(
  rows: readonly Row[],
  byzantine: number,
  select?: number,
  kernels: AggregationKernels = plainKernels,
): Row {
  checkRows(rows, krumNeed('Multi-Krum', byzantine), byzantine, kernels);
  const count = select ?? rows.length - byzantine;
  checkInteger('select', count, 1, 2 ** 20);
  check(count <= rows.length, 'aggregate.too-few', 'Multi-Krum cannot take the mean of more than came.', {
    expected: `n ≥ select = ${count}`,
    received: `n = ${rows.length}`,
  });
  const ranked = rankByKrum(rows, rows.length - byzantine - 2, kernels);
  return meanOf(
    ranked.slice(0, count).map((r) => rows[r]!),
    kernels,
  );
}

export const krumNeed = (rule: string, f: number): Need => ({ rule, formula: '2f + 3', fewest: 2 * f + 3 });

/**
 * Indices of rows, best first: by the sum of squared distances to the `neighbours` nearest others, then by index.
 * @param neighbours fewer than one count as one, as in Flower; more than all others as all others.
 */
export function rankByKrum(
  rows: readonly Row[],
  neighbours: number,
  kernels: AggregationKernels = plainKernels,
): number[] {
  const score = krumScorer(rows, kernels);
  const everyone = new Set(rows.keys());
  const scores = rows.map((_, r) => score(r, everyone, neighbours));
  return [...everyone].sort((a, b) => scores[a]! - scores[b]! || a - b);
}

/** Of a row, the sum of squared distances to so many nearest of the others that are left. */
export type KrumScorer = (row: number, left: ReadonlySet<number>, neighbours: number) => number;

/** Sorts the neighbours of each row once, however often rows are scored among fewer. */
export function krumScorer(rows: readonly Row[], kernels: AggregationKernels): KrumScorer {
  const n = rows.length;
  const squares = kernels.squaredDistances(rows);
  const nearest = rows.map((_, r) =>
    [...rows.keys()].filter((other) => other !== r).sort((a, b) => squares[r * n + a]! - squares[r * n + b]!),
  );
  return (r, left, neighbours) => {
    let wanted = Math.max(1, neighbours);
    let score = 0;
    for (const other of nearest[r]!) {
      if (wanted === 0) break;
      if (!left.has(other)) continue;
      score += squares[r * n + other]!;
      wanted--;
    }
    return score;
  };
}
