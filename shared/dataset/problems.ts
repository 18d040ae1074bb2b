import { type ErrorCode, MurmurationError } from '../errors/index.ts';

/**
 * One thing wrong with one row of a person's file. It is shown to that person only: `value` is what the cell
 * holds and never goes into an error, a log or a message.
 */
export interface DataProblem {
  readonly code: ErrorCode;
  /** Rows of data from 1: header and blank lines are not counted. */
  readonly row: number;
  /** Line of the file from 1, where the file has lines. */
  readonly line?: number;
  readonly column?: string;
  /** `row 14, column "age"`, or the name of the file for an image. */
  readonly path: string;
  readonly summary: string;
  readonly expected: string;
  /** What kind of thing came instead. */
  readonly received: string;
  readonly remedy: string;
  /** The cell itself, shortened; for this device's screen only. */
  readonly value?: string;
}

/** The first problems of an import in full, and the number of the rest. */
export interface ProblemReport {
  readonly problems: readonly DataProblem[];
  readonly problemCount: number;
  /** Rows with at least one problem. */
  readonly invalidRows: number;
}

export interface ProblemCollector {
  add(problem: DataProblem): void;
  report(): ProblemReport;
}

const MAX_VALUE_LENGTH = 40;

/** Keeps the first `limit` problems and counts all. Problems must come in the order of rows. */
export function collectProblems(limit = 100): ProblemCollector {
  const problems: DataProblem[] = [];
  let problemCount = 0;
  let invalidRows = 0;
  let lastRow = 0;
  return {
    add(problem) {
      problemCount++;
      if (problem.row !== lastRow) invalidRows++;
      lastRow = problem.row;
      if (problems.length < limit) problems.push(problem);
    },
    report: () => ({ problems: [...problems], problemCount, invalidRows }),
  };
}

export function shortened(cell: string): string {
  return cell.length <= MAX_VALUE_LENGTH ? cell : `${cell.slice(0, MAX_VALUE_LENGTH - 1)}…`;
}

/** `row 14, column "age"`. */
export function rowPath(row: number, column?: string): string {
  return column === undefined ? `row ${row}` : `row ${row}, column "${column}"`;
}

/** The error that refuses a whole import: the first problem, without the cell, and how many there are. */
export function refusal({ problems, problemCount, invalidRows }: ProblemReport): MurmurationError {
  const first = problems[0]!;
  const others =
    problemCount === 1 ? '' : ` (and ${problemCount - 1} more problems, in ${invalidRows} rows altogether)`;
  return new MurmurationError(first.code, `${first.summary}${others}`, {
    path: first.path,
    expected: first.expected,
    received: first.received,
    remedy: `${first.remedy} Or import without the rows that have errors.`,
  });
}
