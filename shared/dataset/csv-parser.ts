/// <reference path="./papaparse.d.ts" />
import papa from 'papaparse/papaparse.min.js';
import { check } from '../errors/index.ts';
import type { Dialect } from './dialect.ts';

export interface TableRow {
  /** Trimmed of outer white space. */
  readonly cells: readonly string[];
  /** Line of the file on which the row begins, from 1. */
  readonly line: number;
}

/** Turns text, in pieces of any size, into rows. Blank rows are left out. */
export interface CsvParser {
  /** @throws `data.unreadable` when a row grows past the limit, as it does after a quote that is never closed. */
  push(text: string): TableRow[];
  /** The last row, where the file does not end with a line break. Call once. */
  finish(): TableRow[];
}

/** No row of a table people train on is this long; a file of one unclosed quote would be. */
const MAX_ROW_CHARACTERS = 4_000_000;

export function csvParser({ delimiter, quote }: Pick<Dialect, 'delimiter' | 'quote'>): CsvParser {
  const parser = new papa.Parser({ delimiter, newline: '\n', quoteChar: quote });
  let pending = '';
  let line = 1;
  let started = false;
  let endsWithReturn = false;

  function rowsOf(text: string, isLast: boolean): TableRow[] {
    pending += text;
    if (delimiter === ' ') pending = squeezeSpaces(pending);
    const { data, meta } = parser.parse(pending, 0, !isLast);
    pending = isLast ? '' : pending.slice(meta.cursor);
    check(pending.length <= MAX_ROW_CHARACTERS, 'data.unreadable', 'The row does not end.', {
      path: `line ${line}`,
      expected: `a row of at most ${MAX_ROW_CHARACTERS} characters`,
      remedy: `Look for a ${quote} that is opened on this line and never closed.`,
    });
    const rows: TableRow[] = [];
    for (const cells of data) {
      const begin = line;
      line += 1 + cells.reduce((breaks, cell) => breaks + lineBreaks(cell), 0);
      const trimmed = cells.map((cell) => cell.trim());
      if (trimmed.some((cell) => cell !== '')) rows.push({ cells: trimmed, line: begin });
    }
    return rows;
  }

  return {
    push(text) {
      if (text === '') return [];
      let clean = started ? text : text.replace(/^\uFEFF/, '');
      started = true;
      // A \r\n may be cut in two: its \r has already been taken as a line break.
      if (endsWithReturn && clean.startsWith('\n')) clean = clean.slice(1);
      endsWithReturn = text.endsWith('\r');
      return rowsOf(clean.replace(/\r\n?/g, '\n'), false);
    },
    finish: () => rowsOf('', true),
  };
}

/** For tables laid out in columns of spaces: runs become one, and those at the ends of a line go. */
function squeezeSpaces(text: string): string {
  return text
    .replace(/[ \t]+/g, ' ')
    .replace(/\n /g, '\n')
    .replace(/^ /, '')
    .replace(/ \n/g, '\n');
}

function lineBreaks(cell: string): number {
  let breaks = 0;
  for (let at = cell.indexOf('\n'); at >= 0; at = cell.indexOf('\n', at + 1)) breaks++;
  return breaks;
}
