import { checkRows, type Need } from './check-rows.ts';
import { coordinateMedian, meanNearest } from './coordinate-wise.ts';
import { type AggregationKernels, plainKernels, type Row } from './kernels.ts';
import { krumScorer } from './krum.ts';

/**
 * Takes θ = n − 2f rows by Krum, one after the other among those that are left, then of each coordinate the mean of the
 * β = θ − 2f numbers nearest the median (El Mhamdi, Guerraoui, Rouault 2018, "The Hidden Vulnerability of Distributed Learning in
 * Byzantium", section 4). Flower since 1.20 ranks by Krum once instead.
 * @throws `aggregate.too-few` unless n ≥ 4f + 3.
 */
export function bulyan(
  rows: readonly Row[],
  byzantine: number,
  kernels: AggregationKernels = plainKernels,
): Row {
  checkRows(rows, bulyanNeed(byzantine), byzantine, kernels);
  const selected = selectByKrum(rows, rows.length - 2 * byzantine, byzantine, kernels);
  const median = coordinateMedian(selected, kernels);
  return meanNearest(selected, median, rows.length - 4 * byzantine);
}

export const bulyanNeed = (f: number): Need => ({ rule: 'Bulyan', formula: '4f + 3', fewest: 4 * f + 3 });

function selectByKrum(
  rows: readonly Row[],
  count: number,
  byzantine: number,
  kernels: AggregationKernels,
): Row[] {
  const score = krumScorer(rows, kernels);
  const left = new Set(rows.keys());
  const selected: Row[] = [];
  while (selected.length < count) {
    const neighbours = left.size - byzantine - 2;
    const scored = [...left].map((row) => ({ row, score: score(row, left, neighbours) }));
    const best = scored.reduce((a, b) => (b.score < a.score ? b : a)).row;
    left.delete(best);
    selected.push(rows[best]!);
  }
  return selected;
}
