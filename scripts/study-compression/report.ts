import type { Stages } from '../../shared/compress/index.ts';
import { formatTable, grouped } from '../table.ts';
import type { Row } from './rows.ts';
import type { Outcome } from './run-row.ts';
import type { Unit } from './worker.ts';

export interface RowResult extends Omit<Outcome, 'accuracy'> {
  readonly row: Row;
  /** Mean over seeds. */
  readonly accuracy: number;
  readonly accuracies: readonly number[];
  /** Bytes that float32 takes, over those that are sent. */
  readonly ratio: number;
  /** Points of accuracy below float32. */
  readonly pointsLost: number;
}

/** @param outcomes outcomes[i] is that of units[i]; the first row is what others are compared with. */
export function summarize(
  rows: readonly Row[],
  units: readonly Unit[],
  outcomes: readonly Outcome[],
): RowResult[] {
  const ofRow = (row: Row) => outcomes.filter((_, i) => units[i]!.row === row);
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const baseline = ofRow(rows[0]!);
  const best = mean(baseline.map(({ accuracy }) => accuracy));
  return rows.map((row) => {
    const own = ofRow(row);
    const accuracies = own.map(({ accuracy }) => accuracy);
    const accuracy = mean(accuracies);
    return {
      ...own[0]!,
      row,
      accuracy,
      accuracies,
      measuredError: Math.sqrt(mean(own.map(({ measuredError }) => measuredError ** 2))),
      wrapped: own.reduce((sum, { wrapped }) => sum + wrapped, 0),
      ratio: baseline[0]!.cost.upBytes / own[0]!.cost.upBytes,
      pointsLost: 100 * (best - accuracy),
    };
  });
}

export function tableOf(results: readonly RowResult[]): string {
  return formatTable(
    [
      '',
      'stages',
      'bytes up',
      'bytes down',
      'ratio',
      'left out',
      'rounding expected',
      'error of the sum',
      'wrapped',
      'accuracy %',
      'points lost',
    ],
    results.map(
      ({
        row,
        stages,
        cost,
        ratio,
        sketchError,
        predictedError,
        measuredError,
        wrapped,
        accuracy,
        pointsLost,
      }) => [
        row.name,
        describe(stages),
        grouped(cost.upBytes),
        grouped(cost.downBytes),
        ratio.toFixed(1),
        sketchError.toFixed(3),
        Math.sqrt(Math.max(0, predictedError ** 2 - sketchError ** 2)).toPrecision(2),
        measuredError.toPrecision(2),
        wrapped,
        (100 * accuracy).toFixed(2),
        pointsLost.toFixed(2),
      ],
    ),
  );
}

function describe({ keep, rank, bits }: Stages): string {
  const parts = [
    ...(keep === undefined ? [] : [`keep ${keep.toFixed(4)}`]),
    ...(rank === undefined ? [] : [`rank ${rank}`]),
    ...(bits === undefined ? [] : [`${bits} bits`]),
  ];
  return parts.length === 0 ? '–' : parts.join(', ');
}

export interface Bound {
  readonly name: string;
  readonly isMet: boolean;
  readonly reached: string;
}

/** At least so many times fewer bytes for at most so many points. */
export function boundsOf(results: readonly RowResult[]): Bound[] {
  return results.flatMap(({ row, ratio, pointsLost }) => {
    if (row.bound === undefined) return [];
    const { ratio: wanted, points } = row.bound;
    return {
      name: `${wanted} times fewer bytes than float32 for at most ${points} points`,
      isMet: ratio >= wanted && pointsLost <= points,
      reached: `${ratio.toFixed(1)} times, ${pointsLost.toFixed(2)} points`,
    };
  });
}
