import {
  type DataProblem,
  exampleFormat,
  inputSize,
  type RowEncoder,
  recordEncoder,
  tableEncoder,
  tokenEncoder,
} from '../../shared/dataset/index.ts';
import { check, MurmurationError } from '../../shared/errors/index.ts';
import type { DataSchema, ImageSchema, TabularSchema, Target } from '../../shared/federation/index.ts';

/** Most rows of one query. */
export const MAX_QUERY_ROWS = 1_000;

/**
 * Encodes rows without targets as the page encodes what it imports: for a table an object of its columns (a number, a text or null), for records
 * an array of features, for images an array of values from 0 to 255, for tokens an array of ids.
 * @returns rows × {@link inputSize}.
 * @throws `data.*` naming row and column, never what is in it; `model.unsupported` where each token has a target of its own.
 */
export function encodeQueryRows(schema: DataSchema, rows: readonly unknown[]): Float32Array | Uint8Array {
  check(
    rows.length > 0 && rows.length <= MAX_QUERY_ROWS,
    'argument.invalid',
    'These are not rows to ask about.',
    {
      path: 'rows',
      expected: `1 to ${MAX_QUERY_ROWS} rows`,
      received: `${rows.length}`,
    },
  );
  const size = inputSize(schema);
  const inputs =
    exampleFormat(schema).inputs === 'uint8'
      ? new Uint8Array(rows.length * size)
      : new Float32Array(rows.length * size);
  const encode = rowEncoderOf(schema);
  const scratch = new Float32Array(size);
  for (const [i, row] of rows.entries()) {
    scratch.fill(0);
    encode(row, i + 1, scratch);
    inputs.set(scratch, i * size);
  }
  return inputs;
}

type Encode = (row: unknown, number: number, into: Float32Array) => void;

function rowEncoderOf(schema: DataSchema): Encode {
  switch (schema.kind) {
    case 'tabular':
      return tabular(schema);
    case 'records': {
      const encoder = recordEncoder(schema);
      const label = someTarget(schema.target);
      return (features, row, into) =>
        encoded(encoder, { text: JSON.stringify({ features, label }), line: row, row }, into);
    }
    case 'tokens': {
      const { target } = schema;
      check(
        target.type !== 'next',
        'model.unsupported',
        'This model answers for each token, not for a row.',
        {
          expected: 'a model with one target for each example',
        },
      );
      const encoder = tokenEncoder(schema);
      const label = someTarget(target);
      return (tokens, row, into) =>
        encoded(encoder, { text: JSON.stringify({ tokens, label }), line: row, row }, into);
    }
    case 'image':
      return image(schema);
  }
}

function tabular(schema: TabularSchema): Encode {
  const names = schema.columns.map(({ name }) => name);
  const known = new Set(names);
  const encoder = tableEncoder(
    schema,
    [...names, ''].map((_, i) => i),
  );
  const target = someTarget(schema.target);
  return (value, row, into) => {
    const fields = objectOf(value);
    check(
      fields !== undefined,
      'data.wrong-shape',
      'A row of a table is an object with a field for each column.',
      {
        path: `row ${row}`,
        expected: '{"column": value, …}',
      },
    );
    const stray = Object.keys(fields).some((name) => !known.has(name));
    check(!stray, 'data.missing-column', 'The row has a column that the federation does not know.', {
      path: `row ${row}`,
      expected: names.join(', '),
      remedy: 'Spell the columns the way the federation does, and leave the target out.',
    });
    const cells = names.map((name) => cellOf(fields[name], row, name));
    encoded(encoder, { cells: [...cells, target], line: row, row }, into);
  };
}

function image({ width, height, channels }: ImageSchema): Encode {
  const size = width * height * channels;
  return (value, row, into) => {
    const isRight =
      Array.isArray(value) &&
      value.length === size &&
      value.every((each) => Number.isInteger(each) && each >= 0 && each <= 255);
    check(isRight, 'data.wrong-shape', 'The row is not an image of the size that the federation needs.', {
      path: `row ${row}`,
      expected: `${size} whole numbers from 0 to 255: ${height} rows of ${width} pixels with ${channels} channels`,
    });
    into.set(value as number[]);
  };
}

function encoded<Row>(encoder: RowEncoder<Row>, row: Row, into: Float32Array): void {
  let first: DataProblem | undefined;
  encoder.encode(row, into, (problem) => {
    first ??= problem;
  });
  if (first === undefined) return;
  const { code, summary, path, expected, received, remedy } = first;
  throw new MurmurationError(code, summary, { path, expected, received, remedy });
}

/** Encoders want a target; any that fits will do, since nobody looks at it. */
function someTarget(target: Target): string {
  return target.type === 'class' ? target.labels[0]! : String(target.mean);
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  return value as Record<string, unknown>;
}

function cellOf(value: unknown, row: number, column: string): string {
  if (value === undefined || value === null) return '';
  check(
    typeof value === 'string' || typeof value === 'number',
    'data.invalid-value',
    'The cell is no value.',
    {
      path: `row ${row}, column "${column}"`,
      expected: 'a number, a text or null',
      received: Array.isArray(value) ? 'an array' : typeof value,
    },
  );
  return String(value);
}
