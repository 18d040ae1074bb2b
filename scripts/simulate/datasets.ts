import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import {
  type Examples,
  emptyExamples,
  exampleBuilder,
  exampleFormat,
  holdOut,
  type JsonRow,
  jsonSplitter,
  type RowEncoder,
  recordEncoder,
  resolveColumns,
  schemaColumnNames,
  sniffDialect,
  tableEncoder,
  tableReader,
  targetLabels,
  tokenEncoder,
} from '../../shared/dataset/index.ts';
import { check, MurmurationError } from '../../shared/errors/index.ts';
import type { DataSchema } from '../../shared/federation/index.ts';
import { type SeededRandom, seededRandom } from '../../shared/random/index.ts';
import { drawNormal } from '../../shared/simulate/index.ts';
import { loadMnist } from '../study-data.ts';
import { type ExampleTable, tableOfExamples, tableOfImages } from './example-table.ts';

export interface Datasets {
  readonly train: ExampleTable;
  readonly test: ExampleTable;
  /** In words. */
  readonly name: string;
}

const SYNTHETIC_TRAIN = 20_000;
const SYNTHETIC_TEST = 2_000;
/** Of a file, what the model is evaluated on. */
const HELD_OUT = 0.1;
const MAX_FILE_BYTES = 2 ** 30;

/**
 * @param data `mnist`, `synthetic`, or the path of a CSV or JSON file.
 * @throws `argument.invalid` where the data do not fit the schema; `data.*` for what is wrong with a file.
 */
export async function loadDatasets(data: string, schema: DataSchema, seed: string): Promise<Datasets> {
  if (data === 'mnist') return mnist(schema);
  if (data === 'synthetic') return synthetic(schema, seed);
  const examples = await readExamples(data, schema);
  const { training, held } = holdOut(examples, HELD_OUT, seed);
  return {
    train: tableOfExamples(schema, training),
    test: tableOfExamples(schema, held),
    name: `${data}: ${training.count} examples to train on, ${held.count} held out`,
  };
}

async function mnist(schema: DataSchema): Promise<Datasets> {
  const fits =
    schema.kind === 'image' &&
    schema.width === 28 &&
    schema.height === 28 &&
    schema.channels === 1 &&
    schema.labels.length === 10;
  check(fits, 'argument.invalid', 'The federation does not learn from digits.', {
    path: '--data',
    expected: 'for mnist, images of 28 × 28 × 1 with 10 labels',
    received:
      schema.kind === 'image'
        ? `${schema.width} × ${schema.height} × ${schema.channels} with ${schema.labels.length} labels`
        : `data of kind ${schema.kind}`,
    remedy: 'Name a file with --data, or --data synthetic.',
  });
  const { train, test } = await loadMnist();
  return {
    train: tableOfImages(train),
    test: tableOfImages(test),
    name: 'MNIST: 60,000 digits to train on, 10,000 to test with',
  };
}

async function readExamples(path: string, schema: DataSchema): Promise<Examples> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new MurmurationError('data.unreadable', 'The data file cannot be read.', {
      path,
      remedy: 'Name a CSV or JSON file with --data, or mnist, or synthetic.',
      cause,
    });
  });
  const isTable = extname(path).toLowerCase() === '.csv' || extname(path).toLowerCase() === '.tsv';
  check(
    schema.kind !== 'image' && isTable === (schema.kind === 'tabular'),
    'argument.invalid',
    'The file is not of the kind that the federation learns from.',
    {
      path: '--data',
      expected:
        schema.kind === 'tabular'
          ? 'a .csv file'
          : schema.kind === 'image'
            ? 'mnist, or synthetic'
            : 'a .json or .jsonl file',
      received: path,
    },
  );
  const examples = schema.kind === 'tabular' ? readTable(text, schema) : readRecords(text, schema);
  check(examples.count >= 2, 'data.too-small', 'The file has too few examples.', {
    path,
    expected: 'at least 2',
    received: String(examples.count),
  });
  return examples;
}

function readTable(text: string, schema: Extract<DataSchema, { kind: 'tabular' }>): Examples {
  const dialect = sniffDialect(text.slice(0, 65_536), { expectedColumns: schemaColumnNames(schema) }, true);
  const encoder = tableEncoder(schema, resolveColumns(schema, dialect, {}), dialect.decimalSeparator);
  const reader = tableReader(dialect);
  const rows = [...reader.push(text), ...reader.finish()];
  return encodeAll(schema, encoder, rows);
}

function readRecords(text: string, schema: Exclude<DataSchema, { kind: 'image' | 'tabular' }>): Examples {
  const splitter = jsonSplitter();
  const records = [...splitter.push(text), ...splitter.finish()];
  const rows = records.map((record, i): JsonRow => ({ ...record, row: i + 1 }));
  return encodeAll(schema, schema.kind === 'records' ? recordEncoder(schema) : tokenEncoder(schema), rows);
}

function encodeAll<Row>(schema: DataSchema, encoder: RowEncoder<Row>, rows: readonly Row[]): Examples {
  const format = exampleFormat(schema);
  const builder = exampleBuilder(format, MAX_FILE_BYTES);
  const into = new Float32Array(format.size);
  for (const row of rows) {
    const target = encoder.encode(row, into, ({ code, summary, path, expected, received, remedy }) => {
      throw new MurmurationError(code, summary, { path, expected, received, remedy });
    });
    if (target !== undefined) builder.append(into, target);
  }
  return builder.take();
}

/** Examples that a model can learn something from, for any schema: classes with a centre each, values of a random linear rule. */
function synthetic(schema: DataSchema, seed: string): Datasets {
  const rule = seededRandom(seed).fork('synthetic rule');
  const make = ruleFor(schema, rule);
  const tableOf = (label: string, count: number): ExampleTable => {
    const random = seededRandom(seed).fork(`synthetic ${label}`);
    const format = exampleFormat(schema);
    const examples = emptyExamples(format, count);
    const each = format.targetsPerExample ?? 1;
    for (let row = 0; row < count; row++)
      make(
        random,
        examples.inputs.subarray(row * format.size, (row + 1) * format.size),
        examples.targets.subarray(row * each, (row + 1) * each),
      );
    return tableOfExamples(schema, examples);
  };
  return {
    train: tableOf('train', SYNTHETIC_TRAIN),
    test: tableOf('test', SYNTHETIC_TEST),
    name: `synthetic: ${SYNTHETIC_TRAIN} examples to train on, ${SYNTHETIC_TEST} to test with`,
  };
}

type Maker = (
  random: SeededRandom,
  inputs: Float32Array | Uint8Array,
  targets: Float32Array | Uint16Array,
) => void;

function ruleFor(schema: DataSchema, rule: SeededRandom): Maker {
  const size = exampleFormat(schema).size;
  if (schema.kind === 'tokens') return tokenRule(schema, rule);
  const labels = targetLabels(schema);
  const [centre, spread] = schema.kind === 'image' ? [128, 40] : [0, 1];
  const centres = Array.from({ length: labels?.length ?? 1 }, () =>
    Float32Array.from({ length: size }, () => centre + 1.5 * spread * drawNormal(rule)),
  );
  return (random, inputs, targets) => {
    const label = labels === undefined ? 0 : random.below(labels.length);
    let value = 0;
    for (let i = 0; i < size; i++) {
      const noise = spread * drawNormal(random);
      const drawn = (labels === undefined ? 0 : centres[label]![i]!) + noise;
      inputs[i] = schema.kind === 'image' ? Math.min(255, Math.max(0, Math.round(drawn))) : drawn;
      value += (centres[0]![i]! * noise) / Math.sqrt(size);
    }
    targets[0] = labels === undefined ? value + 0.1 * drawNormal(random) : label;
  };
}

/** Each token follows from the one before, most of the time; a class tells with which the sequence began. */
function tokenRule(schema: Extract<DataSchema, { kind: 'tokens' }>, rule: SeededRandom): Maker {
  const { length, vocabulary, target } = schema;
  const [step, shift] = [1 + rule.below(vocabulary), rule.below(vocabulary)];
  const next = (token: number, random: SeededRandom) =>
    random.uniform() < 0.8 ? (token * step + shift) % vocabulary : random.below(vocabulary);
  return (random, inputs, targets) => {
    let token = random.below(vocabulary);
    const first = token;
    for (let i = 0; i < length; i++) {
      inputs[i] = token;
      token = next(token, random);
      if (target.type === 'next') targets[i] = token;
    }
    if (target.type === 'class') targets[0] = first % target.labels.length;
    if (target.type === 'value') targets[0] = first / vocabulary;
  };
}
