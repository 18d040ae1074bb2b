import type { Column, TabularSchema, Target } from '../federation/index.ts';
import { type DecimalSeparator, isMissing, labelIndex, parseNumber } from './cell.ts';
import type { EncodedTarget } from './example-builder.ts';
import { inputSize } from './examples.ts';
import { type DataProblem, rowPath, shortened } from './problems.ts';
import type { DataRow } from './table-reader.ts';

/** Encodes examples one by one into an array that is used again for each. */
export interface RowEncoder<Row> {
  /**
   * Writes one example into `into` (length inputSize(schema)).
   * @returns its target: a class index, or a standardized value; or its targets, of next tokens. Undefined when a
   * problem was reported.
   */
  encode(row: Row, into: Float32Array, report: (problem: DataProblem) => void): EncodedTarget | undefined;
}

type Fault = Pick<DataProblem, 'code' | 'summary' | 'expected' | 'received' | 'remedy'>;

/**
 * Checks and encodes rows of a table: a number as (x − mean) / scale, a missing one as the schema's `missing`
 * value encoded; a category as one-hot, a missing optional one as zeros; a class as its index.
 * @param indices - where each column lies in the file, as from `resolveColumns`.
 */
export function tableEncoder(
  schema: TabularSchema,
  indices: readonly number[],
  decimalSeparator: DecimalSeparator = '.',
): RowEncoder<DataRow> {
  let offset = 0;
  const columns = schema.columns.map((column, i) => {
    const encodeCell =
      column.type === 'number' ? numberEncoder(column, decimalSeparator) : categoryEncoder(column);
    const placed = { name: column.name, index: indices[i]!, offset, encodeCell };
    offset += column.type === 'number' ? 1 : column.values.length;
    return placed;
  });
  const targetIndex = indices[schema.columns.length]!;
  const encodeTarget = targetEncoder(schema.target, decimalSeparator);
  const size = inputSize(schema);

  return {
    encode({ cells, row, line, problem }, into, report) {
      if (problem !== undefined) {
        report(problem);
        return undefined;
      }
      into.fill(0, 0, size);
      let isValid = true;
      const fail = (column: string, cell: string, fault: Fault): void => {
        isValid = false;
        report({ ...fault, row, line, column, path: rowPath(row, column), value: shortened(cell) });
      };
      for (const { name, index, offset, encodeCell } of columns) {
        const fault = encodeCell(cells[index]!, into, offset);
        if (fault !== undefined) fail(name, cells[index]!, fault);
      }
      const target = encodeTarget(cells[targetIndex]!);
      if (typeof target !== 'number') fail(schema.target.name, cells[targetIndex]!, target);
      return isValid && typeof target === 'number' ? target : undefined;
    },
  };
}

type CellEncoder = (cell: string, into: Float32Array, offset: number) => Fault | undefined;

function numberEncoder(
  { min, max, mean, scale, missing }: Extract<Column, { type: 'number' }>,
  decimalSeparator: DecimalSeparator,
): CellEncoder {
  const expected =
    min === undefined && max === undefined
      ? 'a number'
      : min === undefined
        ? `a number of at most ${max}`
        : max === undefined
          ? `a number of at least ${min}`
          : `a number from ${min} to ${max}`;
  return (cell, into, offset) => {
    const value = parseNumber(cell, decimalSeparator);
    if (value === undefined) {
      if (!isMissing(cell)) return notANumber(cell, expected);
      if (missing === undefined) return missingCell(expected);
      into[offset] = (missing - mean) / scale;
      return undefined;
    }
    const encoded = (value - mean) / scale;
    if (!fitsFloat32(encoded)) return tooLarge(expected);
    if ((min !== undefined && value < min) || (max !== undefined && value > max)) {
      return {
        code: 'data.invalid-value',
        summary: 'The number is out of range.',
        expected,
        received: min !== undefined && value < min ? 'a smaller number' : 'a larger number',
        remedy: 'Correct the cell; check that it is in the unit the federation uses.',
      };
    }
    into[offset] = encoded;
    return undefined;
  };
}

function categoryEncoder({ values, optional }: Extract<Column, { type: 'category' }>): CellEncoder {
  const indexOf = labelIndex(values);
  const expected = `one of ${someOf(values)}`;
  return (cell, into, offset) => {
    const index = indexOf(cell);
    if (index !== undefined) {
      into[offset + index] = 1;
      return undefined;
    }
    if (isMissing(cell)) return optional ? undefined : missingCell(expected);
    return {
      code: 'data.invalid-value',
      summary: 'The category is not one that the federation knows.',
      expected,
      received: 'another text',
      remedy: 'Spell it the way the federation does.',
    };
  };
}

/** A target from its text; shared by tables and records. */
export function targetEncoder(
  target: Target,
  decimalSeparator: DecimalSeparator = '.',
): (cell: string) => number | Fault {
  if (target.type === 'value') {
    return (cell) => {
      const value = parseNumber(cell, decimalSeparator);
      if (value !== undefined) {
        const encoded = (value - target.mean) / target.scale;
        return fitsFloat32(encoded) ? encoded : tooLarge('a number');
      }
      return isMissing(cell) ? missingCell('a number') : notANumber(cell, 'a number');
    };
  }
  const indexOf = labelIndex(target.labels);
  const expected = `one of the labels ${someOf(target.labels)}`;
  return (cell) => {
    const index = indexOf(cell);
    if (index !== undefined) return index;
    if (isMissing(cell)) return missingCell(expected);
    return {
      code: 'data.unknown-label',
      summary: 'The label is not one that the federation knows.',
      expected,
      received: 'another label',
      remedy: 'Spell the label the way the federation does, or leave the row out.',
    };
  };
}

function missingCell(expected: string): Fault {
  return {
    code: 'data.invalid-value',
    summary: 'The cell is missing.',
    expected,
    received: 'nothing, ?, NA or NaN',
    remedy: 'Fill the cell, or leave the row out: the federation has no value to use instead.',
  };
}

/** Infinity by any of its names, or a number that no double holds. */
const INFINITE = /^[+-]?(inf|infinity|∞|\d[\d.]*e\+?\d+)$/i;

function notANumber(cell: string, expected: string): Fault {
  return {
    code: 'data.invalid-value',
    summary: 'The cell is not a finite number.',
    expected,
    received: INFINITE.test(cell) ? 'an infinite number' : 'text that is not a number',
    remedy: 'Write the number in digits, without unit or thousands separator.',
  };
}

/** Training is done in single precision, where larger numbers than 3.4e38 are infinite. */
export function fitsFloat32(value: number): boolean {
  return Number.isFinite(Math.fround(value));
}

function tooLarge(expected: string): Fault {
  return {
    code: 'data.invalid-value',
    summary: 'The number is too large to train on.',
    expected: `${expected}, below 3.4e38 once it is scaled`,
    received: 'a larger number',
    remedy: 'Correct the cell; check that it is in the unit the federation uses.',
  };
}

const MAX_SHOWN = 12;

export function someOf(values: readonly string[]): string {
  const shown = values.slice(0, MAX_SHOWN).join(', ');
  return values.length > MAX_SHOWN ? `${shown} and ${values.length - MAX_SHOWN} more` : shown;
}
