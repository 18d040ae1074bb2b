import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type DataSchema, federationSchema, type TabularSchema } from '../../../shared/federation/index.ts';
import type { ImportOptions, ImportPreview, ImportProgress } from './api.ts';
import { importer } from './importer.ts';

const dataSchema = federationSchema.shape.data;

function schemaOf(input: unknown): DataSchema {
  return dataSchema.parse(input);
}

interface Reading {
  readonly schema?: DataSchema;
  readonly options?: ImportOptions;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: ImportProgress) => void;
}

function read(name: string, content: BlobPart, reading: Reading = {}): Promise<ImportPreview> {
  const {
    schema,
    options = {},
    signal = new AbortController().signal,
    onProgress = () => undefined,
  } = reading;
  const file = new File([content], name);
  return importer().read([{ file, path: name }], schema, options, { signal, report: onProgress });
}

/** Tables of real people and wines, which the repository does not contain. */
const TABLES = resolve(import.meta.dirname, '../../../../shared/data');

function realTable(name: string): Uint8Array<ArrayBuffer> | undefined {
  const path = join(TABLES, name);
  if (existsSync(path)) return new Uint8Array(readFileSync(path));
  console.info(`${name} is not beside the repository: nothing was tried on it.`);
  return undefined;
}

const number = (name: string, more: object = {}) => ({ name, type: 'number', ...more });
const category = (name: string, ...values: string[]) => ({ name, type: 'category', values });

describe('real tables', () => {
  test('titanic: header, quoted names, empty cells, columns nobody asked for', async () => {
    const bytes = realTable('titanic.csv');
    if (bytes === undefined) return;
    const schema = schemaOf({
      kind: 'tabular',
      columns: [
        category('Sex', 'female', 'male'),
        number('Age', { min: 0, max: 100, mean: 30, scale: 15, missing: 30 }),
        number('Fare', { min: 0, mean: 32, scale: 50 }),
        category('P-class', '1', '2', '3'),
        { ...category('embarked', 'C', 'Q', 'S'), optional: true },
      ],
      target: { name: 'survived', type: 'class', labels: ['0', '1'] },
    });
    const preview = await read('titanic.csv', bytes, { schema });
    expect(preview).toMatchObject({
      rows: 891,
      examples: 891,
      problemCount: 0,
      classCounts: { 0: 549, 1: 342 },
    });
    expect(preview.mapping?.mapping).toMatchObject({ Sex: 'sex', 'P-class': 'pclass' });
    expect(preview.firstRows?.rows[0]?.[2]).toBe('Braund, Mr. Owen Harris');
    expect(preview.columns.find(({ name }) => name === 'age')).toMatchObject({
      type: 'number',
      missing: 177,
    });

    const draft = await read('titanic.csv', bytes, { options: { target: 'survived' } });
    const { columns, target } = draft.schema as TabularSchema;
    expect(columns.map(({ name }) => name)).toEqual([
      'pclass',
      'sex',
      'age',
      'sibsp',
      'parch',
      'fare',
      'embarked',
    ]);
    expect(draft.draft?.skipped.map(({ column }) => column)).toEqual(['name', 'ticket', 'cabin']);
    expect(target).toMatchObject({ type: 'class', labels: ['0', '1'] });
    expect(draft).toMatchObject({ examples: 891, problemCount: 0 });
  });

  test('breast cancer: no header, ? for missing, labels 2 and 4', async () => {
    const bytes = realTable('breast-cancer-wisconsin.csv');
    if (bytes === undefined) return;
    const names = [
      'thickness',
      'size',
      'shape',
      'adhesion',
      'epithelial',
      'nuclei',
      'chromatin',
      'nucleoli',
      'mitoses',
    ];
    const columns = names.map((name) => number(name, { min: 1, max: 10, mean: 5, scale: 3 }));
    const target = { name: 'class', type: 'class', labels: ['2', '4'] };
    const strict = await read('breast-cancer.csv', bytes, {
      schema: schemaOf({ kind: 'tabular', columns, target }),
    });
    expect(strict.dialect?.header).toBe(false);
    expect(strict.mapping?.byPosition).toBe(true);
    // 16 cells of "bare nuclei" are missing, and the schema says nothing to use instead.
    expect(strict).toMatchObject({ rows: 699, examples: 683, problemCount: 16, invalidRows: 16 });
    expect(strict.problems[0]).toMatchObject({ path: 'row 24, column "nuclei"', value: '?' });

    const lenient = columns.map((column) => ({ ...column, missing: 1 }));
    const all = await read('breast-cancer.csv', bytes, {
      schema: schemaOf({ kind: 'tabular', columns: lenient, target }),
    });
    expect(all).toMatchObject({ examples: 699, problemCount: 0, classCounts: { 2: 458, 4: 241 } });

    const draft = await read('breast-cancer.csv', bytes);
    expect(draft.schema).toMatchObject({ target: { type: 'class', labels: ['2', '4'] } });
    expect(draft).toMatchObject({ examples: 699, problemCount: 0 });
  });

  test('adult: no header, text categories with spaces before them, ?, an unbalanced label', async () => {
    const bytes = realTable('adult-test.csv');
    if (bytes === undefined) return;
    const draft = await read('adult-test.csv', bytes);
    const { columns, target } = draft.schema as TabularSchema;
    expect(draft.dialect).toMatchObject({ delimiter: ',', header: false });
    expect(columns.map(({ type }) => type === 'category')).toEqual(
      // age, workclass, fnlwgt, education, education-num, marital, occupation, relationship, race, sex, ...
      [false, true, false, true, false, true, true, true, true, true, false, false, false, true],
    );
    expect(columns[1]).toMatchObject({ optional: true });
    expect(target).toMatchObject({ type: 'class', labels: ['<=50K.', '>50K.'] });
    expect(draft).toMatchObject({
      rows: 16_281,
      examples: 16_281,
      classCounts: { '<=50K.': 12_435, '>50K.': 3846 },
    });
  });

  test('wine: a value to predict', async () => {
    const bytes = realTable('winequality-white.csv');
    if (bytes === undefined) return;
    const draft = await read('winequality-white.csv', bytes);
    expect(draft).toMatchObject({ rows: 4898, examples: 4898, problemCount: 0 });
    expect((draft.schema as TabularSchema).columns).toHaveLength(11);
    expect((draft.schema as TabularSchema).target).toMatchObject({ type: 'value', mean: 5.878 });
    expect(draft.classCounts).toBeUndefined();
  });
});

const people = schemaOf({
  kind: 'tabular',
  columns: [number('age', { min: 0, max: 120 }), category('sex', 'f', 'm')],
  target: { name: 'label', type: 'class', labels: ['no', 'yes'] },
});

test('semicolons, a byte order mark and Windows line ends', async () => {
  const preview = await read('people.csv', '\uFEFF"Age";"SEX";"Label"\r\n40;f;no\r\n50;m;yes\r\n', {
    schema: people,
  });
  expect(preview).toMatchObject({
    examples: 2,
    problemCount: 0,
    suggestedName: 'people',
    classCounts: { no: 1, yes: 1 },
  });
});

test('text is read as UTF-8, UTF-16 or Windows-1252, whichever it is', async () => {
  const schema = schemaOf({
    kind: 'tabular',
    columns: [category('größe', 'für', 'groß')],
    target: { name: 'y', type: 'value' },
  });
  const text = 'größe;y\nfür;1\ngroß;2\n';
  const utf16 = new Uint8Array(Buffer.from(`\uFEFF${text}`, 'utf16le'));
  const windows = new Uint8Array(Buffer.from(text, 'latin1'));
  for (const content of [text, utf16, windows]) {
    expect(await read('table.csv', content, { schema })).toMatchObject({ examples: 2, problemCount: 0 });
  }
});

test('a missing column blocks the import but shows the file, and a mapping unblocks it', async () => {
  const csv = 'years,sex,label\n40,f,no\n';
  const preview = await read('people.csv', csv, { schema: people });
  expect(preview).toMatchObject({
    examples: 0,
    blocked: { code: 'data.missing-column', path: 'column "age"' },
  });
  expect(preview.blocked?.message).toContain('a file with the columns years, sex, label');
  expect(preview.firstRows?.rows).toEqual([['40', 'f', 'no']]);
  const mapped = await read('people.csv', csv, { schema: people, options: { mapping: { age: 'years' } } });
  expect(mapped).toMatchObject({ examples: 1, problemCount: 0 });
  expect(mapped.blocked).toBeUndefined();
});

describe('an import that is refused', () => {
  const csv = 'age,sex,label\n40,f,no\n130,m,maybe\n50,m,yes\n';
  const context = { signal: new AbortController().signal, report: () => undefined };

  test('names the first problem, and the rows without errors are told', async () => {
    const imports = importer();
    const file = new File([csv], 'people.csv');
    const preview = await imports.read([{ file, path: 'people.csv' }], people, {}, context);
    expect(preview).toMatchObject({ rows: 3, examples: 2, problemCount: 2, invalidRows: 1 });
    await expect(imports.commit(preview.importId, {}, context)).rejects.toMatchObject({
      code: 'data.invalid-value',
      facts: { path: 'row 2, column "age"', expected: 'a number from 0 to 120', received: 'a larger number' },
    });
  });

  test('is over once it was discarded', async () => {
    const imports = importer();
    const file = new File([csv], 'people.csv');
    const { importId } = await imports.read([{ file, path: 'people.csv' }], people, {}, context);
    imports.discard(importId);
    await expect(imports.commit(importId, { skipInvalidRows: true }, context)).rejects.toMatchObject({
      code: 'argument.invalid',
    });
  });

  test('has nothing left to store when every row is bad', async () => {
    const imports = importer();
    const file = new File(['age,sex,label\nx,f,no\n'], 'people.csv');
    const { importId } = await imports.read([{ file, path: 'people.csv' }], people, {}, context);
    await expect(imports.commit(importId, { skipInvalidRows: true }, context)).rejects.toMatchObject({
      code: 'data.empty',
    });
  });
});

test.each([
  ['empty.csv', '', 'data.empty'],
  ['blank.csv', '\n\n', 'data.empty'],
  ['header.csv', 'age,sex,label\n', 'data.empty'],
  ['table.xlsx', 'PK\u0003\u0004\0\0\0', 'data.unreadable'],
])('%s with %j is refused as %s', async (name, content, code) => {
  await expect(read(name, content, { schema: people })).rejects.toMatchObject({ code });
});

test('records come from an array or from lines, and a bad line is named', async () => {
  const schema = schemaOf({
    kind: 'records',
    features: 2,
    target: { name: 'label', type: 'class', labels: ['a', 'b'] },
  });
  const array = await read('r.json', '[{"features":[1,2],"label":"a"},\n{"features":[3,4],"label":"b"}]', {
    schema,
  });
  expect(array).toMatchObject({ kind: 'records', examples: 2, problemCount: 0, classCounts: { a: 1, b: 1 } });
  const lines = await read('r.jsonl', '{"features":[1,2],"label":"a"}\n\n{"features":[1],"label":"a"}\n', {
    schema,
  });
  expect(lines).toMatchObject({ examples: 1, problemCount: 1 });
  expect(lines.problems[0]).toMatchObject({ code: 'data.wrong-shape', row: 2, line: 3 });
  await expect(read('r.json', '[]', { schema })).rejects.toMatchObject({ code: 'data.empty' });
  await expect(read('r.json', '[{"features":[1,2]', { schema })).rejects.toMatchObject({
    code: 'data.unreadable',
  });
});

test('records without a schema get a draft of one', async () => {
  const draft = await read('r.jsonl', '{"features":[1,2],"label":"b"}\n{"features":[1,2],"label":"a"}');
  expect(draft).toMatchObject({
    examples: 2,
    schema: { kind: 'records', features: 2, target: { labels: ['a', 'b'] } },
  });
});

test('a pair of IDX files is images with labels', async () => {
  const images = Uint8Array.of(0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, 10, 20, 30, 40);
  const labels = Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 2, 7, 3);
  const files = [
    { file: new File([labels], 'labels-idx1-ubyte'), path: 'labels-idx1-ubyte' },
    { file: new File([images], 'images-idx3-ubyte'), path: 'images-idx3-ubyte' },
  ];
  const context = { signal: new AbortController().signal, report: () => undefined };
  const preview = await importer().read(files, undefined, {}, context);
  expect(preview).toMatchObject({
    kind: 'image',
    schema: { width: 2, height: 1, channels: 1, labels: ['3', '7'] },
    classCounts: { 3: 1, 7: 1 },
    images: [
      { label: '7', pixels: Uint8Array.of(10, 20) },
      { label: '3', pixels: Uint8Array.of(30, 40) },
    ],
  });
  await expect(importer().read(files.slice(0, 1), undefined, {}, context)).rejects.toMatchObject({
    code: 'data.wrong-shape',
  });
});

test('a large table is read in pieces, with progress, and can be cancelled on the way', async () => {
  const line = '40,f,no\n';
  const csv = `age,sex,label\n${line.repeat(200_000)}`;
  const seen: ImportProgress[] = [];
  const preview = await read('large.csv', csv, {
    schema: people,
    onProgress: (progress) => seen.push(progress),
  });
  expect(preview).toMatchObject({ rows: 200_000, examples: 200_000, classCounts: { no: 200_000 } });
  expect(seen.length).toBeGreaterThan(2);
  expect(seen.at(-1)).toMatchObject({ doneBytes: csv.length, totalBytes: csv.length });

  const controller = new AbortController();
  const cancelled = read('large.csv', csv, {
    schema: people,
    signal: controller.signal,
    onProgress: () => controller.abort(),
  });
  await expect(cancelled).rejects.toMatchObject({ code: 'aborted' });
});

describe('tokens', () => {
  const next = schemaOf({ kind: 'tokens', length: 3, vocabulary: 256, target: { type: 'next' } });

  test('plain text is cut into windows of bytes', async () => {
    const preview = await read('story.txt', 'Once é', { schema: next });
    // Seven bytes: "Once" and "e é", which share an e.
    expect(preview).toMatchObject({
      kind: 'tokens',
      rows: 2,
      examples: 2,
      problemCount: 0,
      firstRows: { columns: ['text'], rows: [['Once'], ['e é']] },
    });
    expect(preview.classCounts).toBeUndefined();
  });

  test('text in another encoding becomes the bytes of UTF-8', async () => {
    const bytes = new Uint8Array(Buffer.from('Onceé!', 'latin1'));
    expect(await read('story.txt', bytes, { schema: next })).toMatchObject({
      firstRows: { rows: [['Once'], ['eé!']] },
    });
  });

  test('JSON records have one token more than an example', async () => {
    const lines = '{"tokens":[1,2,3,4]}\n{"tokens":[1,2,3]}\n{"tokens":[1,2,3,256]}\n';
    const preview = await read('ids.jsonl', lines, { schema: next });
    expect(preview).toMatchObject({ rows: 3, examples: 1, problemCount: 2 });
    expect(preview.problems.map(({ code, path }) => [code, path])).toEqual([
      ['data.wrong-shape', 'row 2, column "tokens"'],
      ['data.invalid-value', 'row 3, column "tokens[3]"'],
    ]);
  });

  test('labelled sequences are counted by label', async () => {
    const target = { type: 'class', name: 'mood', labels: ['sad', 'glad'] };
    const schema = schemaOf({ kind: 'tokens', length: 2, vocabulary: 9, target });
    const array = '[{"tokens":[1,2],"label":"glad"},{"tokens":[3,8],"target":"glad"}]';
    expect(await read('ids.json', array, { schema })).toMatchObject({
      examples: 2,
      classCounts: { sad: 0, glad: 2 },
    });
  });

  test.each([
    ['too short a text', 'short.txt', 'abc', next, 'data.too-small'],
    ['no text', 'empty.txt', '', next, 'data.too-small'],
    ['no records', 'empty.json', '[]', next, 'data.empty'],
    [
      'text where tokens are few',
      'story.txt',
      'Once upon a time',
      schemaOf({ kind: 'tokens', length: 3, vocabulary: 100, target: { type: 'next' } }),
      'data.wrong-shape',
    ],
  ])('%s is refused', async (_, name, content, schema, code) => {
    await expect(read(name, content, { schema })).rejects.toMatchObject({ code });
  });
});
