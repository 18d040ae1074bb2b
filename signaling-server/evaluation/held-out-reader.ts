import {
  byteWindowEncoder,
  classCounts,
  collectProblems,
  type DataProblem,
  type Examples,
  exampleBuilder,
  exampleFormat,
  type JsonText,
  jsonSplitter,
  labelIndex,
  type ProblemReport,
  type RowEncoder,
  readSampleShard,
  recordEncoder,
  resolveColumns,
  schemaColumnNames,
  sniffDialect,
  tableEncoder,
  tableReader,
  textSplitter,
  tokenEncoder,
} from '../../shared/dataset/index.ts';
import { check, MurmurationError } from '../../shared/errors/index.ts';
import type {
  DataSchema,
  ImageSchema,
  RecordsSchema,
  TabularSchema,
  TokensSchema,
} from '../../shared/federation/index.ts';

/** How a held-out set is written: a table, JSON records, plain text, or labelled grey images in one file. */
export type HeldOutFormat = 'csv' | 'json' | 'txt' | 'images';

export interface HeldOutSet {
  readonly examples: Examples;
  /** Examples of each class, where there are classes. */
  readonly classes: Readonly<Record<string, number>> | undefined;
}

/** Encoded examples of one held-out set. */
const MAX_ENCODED_BYTES = 512 * 1024 * 1024;
const SNIFF_CHARACTERS = 65_536;
/** Rows that an error names, beside the first. */
const NAMED_ROWS = 10;

/** What a federation's data may be written as. */
export function formatsFor(schema: DataSchema): readonly HeldOutFormat[] {
  switch (schema.kind) {
    case 'tabular':
      return ['csv'];
    case 'records':
      return ['json'];
    case 'tokens':
      return schema.target.type === 'next' ? ['json', 'txt'] : ['json'];
    case 'image':
      return ['images'];
  }
}

/**
 * Reads a whole held-out set with the encoders that the page imports data with, so that a row means the same in both.
 * One bad row refuses all: an operator's test set is mended, not thinned.
 * @param name what errors call it, where it is another set of examples.
 * @throws `data.*` naming the row and column at fault, never what is in it; `argument.invalid` for another format.
 */
export function readHeldOut(
  bytes: Uint8Array,
  format: HeldOutFormat,
  schema: DataSchema,
  name = 'held-out set',
): HeldOutSet {
  const formats = formatsFor(schema);
  check(formats.includes(format), 'argument.invalid', `The ${name} has the wrong format.`, {
    expected: `${formats.join(' or ')}, for data of kind ${schema.kind}`,
    received: format,
    remedy: 'Save the examples in a format that fits the data of the federation.',
  });
  check(bytes.byteLength > 0, 'data.empty', `The ${name} is empty.`, {
    expected: 'at least one example',
    remedy: 'Supply a file with examples in it.',
  });
  const collected = collectFrom(bytes, format, schema);
  if (collected.report.problemCount > 0) throw refusalOf(collected.report);
  const { examples } = collected;
  check(examples.count > 0, 'data.empty', `The ${name} has no examples.`, {
    expected: 'at least one row of data',
    remedy: 'Supply a file with examples in it.',
  });
  return { examples, classes: classCounts(schema, examples.targets) };
}

interface Collected {
  readonly examples: Examples;
  readonly report: ProblemReport;
}

function collectFrom(bytes: Uint8Array, format: HeldOutFormat, schema: DataSchema): Collected {
  switch (schema.kind) {
    case 'tabular':
      return readTable(textOf(bytes), schema);
    case 'records':
      return readRecords(textOf(bytes), schema, recordEncoder(schema));
    case 'tokens':
      return format === 'txt'
        ? readText(textOf(bytes), schema)
        : readRecords(textOf(bytes), schema, tokenEncoder(schema));
    case 'image':
      return readImages(bytes, schema);
  }
}

function readTable(text: string, schema: TabularSchema): Collected {
  const dialect = sniffDialect(
    text.slice(0, SNIFF_CHARACTERS),
    { expectedColumns: schemaColumnNames(schema) },
    text.length <= SNIFF_CHARACTERS,
  );
  const encoder = tableEncoder(schema, resolveColumns(schema, dialect), dialect.decimalSeparator);
  const reader = tableReader(dialect);
  return encodeAll(
    schema,
    encoder,
    (function* () {
      yield* reader.push(text);
      yield* reader.finish();
    })(),
  );
}

function readRecords(
  text: string,
  schema: RecordsSchema | TokensSchema,
  encoder: RowEncoder<JsonText & { readonly row: number }>,
): Collected {
  const splitter = jsonSplitter();
  return encodeAll(
    schema,
    encoder,
    (function* () {
      let row = 0;
      for (const record of splitter.push(text)) yield { ...record, row: ++row };
      for (const record of splitter.finish()) yield { ...record, row: ++row };
    })(),
  );
}

function readText(text: string, schema: TokensSchema): Collected {
  return encodeAll(schema, byteWindowEncoder(schema), textSplitter(schema).push(text));
}

function readImages(bytes: Uint8Array, schema: ImageSchema): Collected {
  const shard = readSampleShard(bytes);
  const { width, height } = shard;
  check(
    schema.width === width && schema.height === height && schema.channels === 1,
    'data.wrong-shape',
    'The images have another size than the federation needs.',
    {
      expected: `${schema.width} × ${schema.height} with ${schema.channels} channels`,
      received: `${width} × ${height} with 1 channel`,
    },
  );
  const indexOf = labelIndex(schema.labels);
  const size = width * height;
  const encoder: RowEncoder<number> = {
    encode(image, into, report) {
      const target = indexOf(String(shard.labels[image]));
      if (target === undefined) {
        report({
          code: 'data.unknown-label',
          row: image + 1,
          path: `image ${image + 1}`,
          summary: 'The label is not one that the federation knows.',
          expected: `one of its ${schema.labels.length} labels, as a number`,
          received: 'another number',
          remedy: 'Correct the label, or leave the image out.',
        });
        return undefined;
      }
      into.set(shard.pixels.subarray(image * size, (image + 1) * size));
      return target;
    },
  };
  return encodeAll(
    schema,
    encoder,
    Array.from({ length: shard.count }, (_, image) => image),
  );
}

function encodeAll<Row>(schema: DataSchema, encoder: RowEncoder<Row>, rows: Iterable<Row>): Collected {
  const format = exampleFormat(schema);
  const builder = exampleBuilder(format, MAX_ENCODED_BYTES);
  const problems = collectProblems(NAMED_ROWS + 1);
  const scratch = new Float32Array(format.size);
  for (const row of rows) {
    const target = encoder.encode(row, scratch, (problem: DataProblem) => problems.add(problem));
    if (target === undefined) continue;
    check(!builder.isFull, 'data.wrong-shape', 'There are too many examples once they are encoded.', {
      expected: `at most ${builder.count} examples of this shape`,
      remedy: 'Leave examples out: a few thousand tell accuracy to within a point.',
    });
    builder.append(scratch, target);
  }
  return { examples: builder.take(), report: problems.report() };
}

/** As the page decodes text: by its byte order mark, else UTF-8 if all of it is, else Windows-1252. */
function textOf(bytes: Uint8Array): string {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return new TextDecoder('utf-16le').decode(bytes);
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return new TextDecoder('utf-16be').decode(bytes);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) return new TextDecoder('windows-1252').decode(bytes);
    throw error;
  }
}

/** The first problem in full, without the cell, and where the next are. */
function refusalOf({ problems, problemCount, invalidRows }: ProblemReport): MurmurationError {
  const [first, ...others] = problems;
  const rows = [...new Set(others.map(({ row }) => row))].filter((row) => row !== first!.row);
  const more = invalidRows - 1 > rows.length ? ', …' : '';
  const rest =
    problemCount === 1
      ? ''
      : ` (${problemCount} problems in ${invalidRows} rows${rows.length === 0 ? '' : `; the next in row ${rows.join(', ')}${more}`})`;
  return new MurmurationError(first!.code, `${first!.summary}${rest}`, {
    path: first!.path,
    expected: first!.expected,
    received: first!.received,
    remedy: first!.remedy,
  });
}
