import { check } from '../errors/index.ts';
import { type DecimalSeparator, isMissing, parseNumber } from './cell.ts';
import { normalizedName } from './column-mapping.ts';
import { csvParser, type TableRow } from './csv-parser.ts';

/** How a table is written down: found by looking at its beginning, or said by the person. */
export interface Dialect {
  /** A space stands for any run of spaces and tabs. */
  readonly delimiter: string;
  readonly quote: '"' | "'";
  readonly decimalSeparator: DecimalSeparator;
  /** Whether the first row names the columns. */
  readonly header: boolean;
  /** Unique names; `column 1`, `column 2` and so on where the file has none. */
  readonly columns: readonly string[];
}

export interface DialectHints {
  readonly delimiter?: string;
  readonly header?: boolean;
  /** Names that the federation's schema expects: a first row that holds them is a header. */
  readonly expectedColumns?: readonly string[];
}

/** Where several fit equally, the first does: `7,0;0,3` is two numbers with decimal commas, not three. */
const DELIMITERS = ['\t', ';', '|', ','] as const;
/** Under this regularity no delimiter fits, and columns may be laid out in spaces. */
const MIN_REGULARITY = 0.5;
/** Rows looked at: enough for types to show, few enough to be instant. */
const SAMPLE_ROWS = 200;

/**
 * Finds out how a table is written from its first characters (64 kB will do; the last, perhaps cut, row is
 * ignored when `isWhole` is false).
 * @throws `data.empty` without a row, `data.unreadable` for what is not text.
 */
export function sniffDialect(sample: string, hints: DialectHints = {}, isWhole = true): Dialect {
  check(!sample.includes('\0'), 'data.unreadable', 'The file is not text.', {
    expected: 'a table as text, such as CSV',
    received: 'bytes that no text contains',
    remedy: 'Save the table as CSV (UTF-8) and choose that file.',
  });
  const quote = sniffQuote(sample);
  const delimiter = hints.delimiter ?? sniffDelimiter(sample, quote, isWhole);
  const rows = parseSample(sample, delimiter, quote, isWhole);
  const first = rows[0];
  check(first !== undefined, 'data.empty', 'The file has no rows.', {
    expected: 'a table with at least one row',
    remedy: 'Choose a file with data in it.',
  });
  const decimalSeparator = sniffDecimalSeparator(rows, delimiter);
  const header = hints.header ?? looksLikeHeader(rows, decimalSeparator, hints.expectedColumns ?? []);
  const width = mostFrequentWidth(header && rows.length > 1 ? rows.slice(1) : rows).width;
  return {
    delimiter,
    quote,
    decimalSeparator,
    header,
    columns: columnNames(header ? first.cells : [], width),
  };
}

function sniffDelimiter(sample: string, quote: '"' | "'", isWhole: boolean): string {
  const scores = DELIMITERS.map((delimiter) => regularity(parseSample(sample, delimiter, quote, isWhole)));
  const best = Math.max(...scores);
  if (best < MIN_REGULARITY) {
    const spaces = regularity(parseSample(sample, ' ', quote, isWhole));
    if (spaces > best) return ' ';
  }
  return best === 0 ? ',' : DELIMITERS[scores.indexOf(best)]!;
}

function parseSample(sample: string, delimiter: string, quote: '"' | "'", isWhole: boolean): TableRow[] {
  const parser = csvParser({ delimiter, quote });
  const rows = parser.push(sample);
  if (isWhole || rows.length === 0) rows.push(...parser.finish());
  return rows.slice(0, SAMPLE_ROWS);
}

/**
 * How much a delimiter makes the rows look like a table: the share of rows with the most frequent number of
 * cells. One cell per row scores least, since any wrong delimiter gives that.
 */
function regularity(rows: readonly TableRow[]): number {
  const { width, count } = mostFrequentWidth(rows);
  return width === 1 ? 0 : count / rows.length;
}

function mostFrequentWidth(rows: readonly TableRow[]): { width: number; count: number } {
  const counts = new Map<number, number>();
  for (const { cells } of rows) counts.set(cells.length, (counts.get(cells.length) ?? 0) + 1);
  let best = { width: 1, count: 0 };
  for (const [width, count] of counts) if (count > best.count) best = { width, count };
  return best;
}

/** Single quotes only where cells are wrapped in them and no double quote is about. */
function sniffQuote(sample: string): '"' | "'" {
  const wrapped = /(^|[,;\t|])[ ]*'[^'\n]*'[ ]*(?=$|[,;\t|\r\n])/gm;
  return !sample.includes('"') && (sample.match(wrapped)?.length ?? 0) >= 2 ? "'" : '"';
}

/** `7,5` is a number where the comma does not separate cells, and more cells read so than with a point. */
function sniffDecimalSeparator(rows: readonly TableRow[], delimiter: string): DecimalSeparator {
  if (delimiter === ',') return '.';
  let [points, commas] = [0, 0];
  for (const { cells } of rows) {
    for (const cell of cells) {
      if (cell.includes('.') && parseNumber(cell) !== undefined) points++;
      if (cell.includes(',') && parseNumber(cell, ',') !== undefined) commas++;
    }
  }
  return commas > points ? ',' : '.';
}

/**
 * A first row is a header when it holds names that the schema expects; or when none of its cells is a number
 * or missing (a first one may be: row numbers often go unnamed), and either a column of numbers stands under
 * it, or, in a table of text alone, its cells never come again below while the others do.
 */
function looksLikeHeader(
  rows: readonly TableRow[],
  decimalSeparator: DecimalSeparator,
  expected: readonly string[],
): boolean {
  const [first, ...rest] = rows;
  const names = first!.cells;
  const wanted = new Set(expected.map(normalizedName));
  const found = names.filter((name) => wanted.has(normalizedName(name))).length;
  if (wanted.size > 0 && found * 2 >= Math.min(wanted.size, names.length)) return true;
  if (
    names.some((cell, i) => parseNumber(cell, decimalSeparator) !== undefined || (i > 0 && isMissing(cell)))
  )
    return false;
  if (rest.length === 0) return false;

  const below = names.map((_, i) => rest.map((row) => row.cells[i] ?? '').filter((cell) => !isMissing(cell)));
  const overNumbers = below.some(
    (cells) =>
      cells.length > 0 &&
      cells.filter((cell) => parseNumber(cell, decimalSeparator) !== undefined).length >= 0.9 * cells.length,
  );
  if (overNumbers) return true;
  const comesAgain = names.some((name, i) => below[i]!.includes(name));
  const othersRepeat = below.some((cells) => new Set(cells).size < cells.length);
  return !comesAgain && othersRepeat && new Set(names).size === names.length;
}

/**
 * Unnamed columns get a number, repeated names too: `age`, `age (2)`. A header one cell shorter than the rows
 * leaves out the name of the first column, which numbers the rows (as R writes them).
 */
function columnNames(names: readonly string[], rowWidth: number): string[] {
  const used = new Set<string>();
  const header = names.length > 0 && names.length === rowWidth - 1 ? ['', ...names] : names;
  return Array.from({ length: header.length || rowWidth }, (_, i) => {
    const base = header[i] === undefined || header[i] === '' ? `column ${i + 1}` : header[i];
    let name = base;
    for (let copy = 2; used.has(name); copy++) name = `${base} (${copy})`;
    used.add(name);
    return name;
  });
}
