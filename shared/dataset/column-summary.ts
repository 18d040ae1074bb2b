import { type DecimalSeparator, isMissing, parseNumber } from './cell.ts';

/** What a column holds, at a glance. */
export interface ColumnSummary {
  readonly name: string;
  /** `number`: all cells that are not missing are numbers. `empty`: all are missing. */
  readonly type: 'number' | 'text' | 'empty';
  readonly rows: number;
  readonly missing: number;
  /** Over the cells that are numbers; population standard deviation. Absent for text. */
  readonly numbers?: {
    readonly min: number;
    readonly max: number;
    readonly mean: number;
    readonly stdDev: number;
    readonly whole: boolean;
  };
  /** Different values; when `distinctIsCapped` there are more: beyond 1000, and texts over 120 characters. */
  readonly distinct: number;
  readonly distinctIsCapped: boolean;
  /** The most frequent values, most frequent first; ties in alphabetical order. */
  readonly top: readonly { readonly value: string; readonly count: number }[];
  /** All values, sorted (numbers by size); empty when `distinctIsCapped`. */
  readonly values: readonly string[];
}

export interface ColumnSummarizer {
  /** One cell per column. */
  add(cells: readonly string[]): void;
  summaries(): ColumnSummary[];
}

const MAX_DISTINCT = 1000;
const MAX_TOP = 10;
/** Longer texts are prose: they are counted, not kept. */
const MAX_VALUE_LENGTH = 120;

/** Summarizes a table row by row, in memory that does not grow with the rows. */
export function summarizeColumns(
  names: readonly string[],
  decimalSeparator: DecimalSeparator = '.',
): ColumnSummarizer {
  const columns = names.map(() => ({
    rows: 0,
    missing: 0,
    numeric: 0,
    min: Infinity,
    max: -Infinity,
    mean: 0,
    squares: 0,
    whole: true,
    counts: new Map<string, number>(),
    capped: false,
  }));
  return {
    add(cells) {
      columns.forEach((column, i) => {
        const cell = (cells[i] ?? '').trim();
        column.rows++;
        if (isMissing(cell)) {
          column.missing++;
          return;
        }
        const seen = column.counts.get(cell);
        const isKept = cell.length <= MAX_VALUE_LENGTH && column.counts.size < MAX_DISTINCT;
        if (seen !== undefined || isKept) column.counts.set(cell, (seen ?? 0) + 1);
        else column.capped = true;
        const value = parseNumber(cell, decimalSeparator);
        if (value === undefined) return;
        column.numeric++;
        column.min = Math.min(column.min, value);
        column.max = Math.max(column.max, value);
        if (!Number.isInteger(value)) column.whole = false;
        // Welford's update: one pass, and no loss of digits where the mean is far from zero.
        const delta = value - column.mean;
        column.mean += delta / column.numeric;
        column.squares += delta * (value - column.mean);
      });
    },
    summaries: () =>
      columns.map((column, i) => {
        const present = column.rows - column.missing;
        const type = present === 0 ? 'empty' : column.numeric === present ? 'number' : 'text';
        const ranked = [...column.counts].sort(
          ([a, countA], [b, countB]) => countB - countA || (a < b ? -1 : 1),
        );
        const values = [...column.counts.keys()].sort(
          type === 'number'
            ? (a, b) => parseNumber(a, decimalSeparator)! - parseNumber(b, decimalSeparator)!
            : (a, b) => (a < b ? -1 : 1),
        );
        const { min, max, mean, whole } = column;
        return {
          name: names[i]!,
          type,
          rows: column.rows,
          missing: column.missing,
          ...(type === 'number' && {
            numbers: { min, max, mean, stdDev: Math.sqrt(column.squares / column.numeric), whole },
          }),
          distinct: column.counts.size,
          distinctIsCapped: column.capped,
          top: ranked.slice(0, MAX_TOP).map(([value, count]) => ({ value, count })),
          values: column.capped ? [] : values,
        };
      }),
  };
}
