import { csvParser, type TableRow } from './csv-parser.ts';
import type { Dialect } from './dialect.ts';
import { type DataProblem, rowPath } from './problems.ts';

/** A row of data: as many cells as the table has columns, or the problem that it does not. */
export interface DataRow extends TableRow {
  /** From 1; the header and blank lines are not counted. */
  readonly row: number;
  readonly problem?: DataProblem;
}

/** Reads a table in pieces of text of any size; memory stays at one piece and one row. */
export interface TableReader {
  push(text: string): DataRow[];
  finish(): DataRow[];
}

export function tableReader(dialect: Dialect): TableReader {
  const parser = csvParser(dialect);
  const width = dialect.columns.length;
  let row = 0;
  let headerPending = dialect.header;

  const dataRows = (rows: TableRow[]): DataRow[] => {
    const data = headerPending ? rows.slice(1) : rows;
    if (rows.length > 0) headerPending = false;
    return data.map(({ cells, line }) => {
      row++;
      // A delimiter at the end of each line makes empty cells that mean nothing.
      const extra = cells.slice(width).some((cell) => cell !== '');
      if (cells.length >= width && !extra) return { cells: cells.slice(0, width), line, row };
      return { cells, line, row, problem: raggedRow(row, line, width, cells.length) };
    });
  };
  return { push: (text) => dataRows(parser.push(text)), finish: () => dataRows(parser.finish()) };
}

function raggedRow(row: number, line: number, expected: number, received: number): DataProblem {
  return {
    code: 'data.invalid-value',
    row,
    line,
    path: rowPath(row),
    summary: `The row has too ${received < expected ? 'few' : 'many'} cells.`,
    expected: `${expected} cells`,
    received: `${received} cells`,
    remedy: 'Check the delimiters and quotes of this row.',
  };
}
