import { describe, expect, test } from 'vitest';
import type { TabularSchema } from '../federation/index.ts';
import { resolveColumns } from './column-mapping.ts';
import { sniffDialect } from './dialect.ts';
import { collectProblems, refusal } from './problems.ts';
import { tableEncoder } from './table-encoder.ts';
import { tableReader } from './table-reader.ts';

const schema: TabularSchema = {
  kind: 'tabular',
  columns: [
    { name: 'age', type: 'number', min: 0, max: 120, mean: 40, scale: 10, missing: 50 },
    { name: 'size', type: 'number', mean: 0, scale: 1 },
    { name: 'sex', type: 'category', values: ['f', 'm'], optional: false },
    { name: 'job', type: 'category', values: ['none', 'some'], optional: true },
  ],
  target: { name: 'label', type: 'class', labels: ['2', '4'] },
};

/** Encodes a whole table; undefined stands for a row with problems. */
function encodeTable(text: string, of: TabularSchema = schema) {
  const dialect = sniffDialect(text, { expectedColumns: of.columns.map(({ name }) => name) });
  const encoder = tableEncoder(of, resolveColumns(of, dialect), dialect.decimalSeparator);
  const problems = collectProblems();
  const reader = tableReader(dialect);
  const rows = [...reader.push(text), ...reader.finish()].map((row) => {
    const inputs = new Float32Array(6);
    const target = encoder.encode(row, inputs, problems.add);
    return target === undefined ? undefined : [...inputs, target];
  });
  return { rows, ...problems.report() };
}

const HEADER = 'age,size,sex,job,label\n';

test('numbers are standardized, categories one-hot, classes indices, missing cells as the schema says', () => {
  const { rows, problemCount } = encodeTable(`${HEADER}60,1.5,m,some,4\n?,-2,f,NA,2.0\n`);
  expect(problemCount).toBe(0);
  expect(rows).toEqual([
    [2, 1.5, 0, 1, 0, 1, 1], // (60 − 40) / 10
    [1, -2, 1, 0, 0, 0, 0], // missing age is fed as 50; missing job as zeros
  ]);
});

test('what one row wrote does not show in the next', () => {
  const { rows } = encodeTable(`${HEADER}60,1,m,some,4\n60,1,f,,4\n`);
  expect(rows[1]).toEqual([2, 1, 1, 0, 0, 0, 1]);
});

test('a value target is standardized', () => {
  const value: TabularSchema = { ...schema, target: { name: 'label', type: 'value', mean: 10, scale: 4 } };
  expect(encodeTable(`${HEADER}40,0,f,none,12\n`, value).rows).toEqual([[0, 0, 1, 0, 1, 0, 0.5]]);
  expect(encodeTable(`${HEADER}40,0,f,none,Infinity\n`, value).problems).toMatchObject([
    { code: 'data.invalid-value', path: 'row 1, column "label"' },
  ]);
});

describe('a problem says where it is, what was expected, what came and what to do', () => {
  const good = '40,0,f,none,2\n';
  test.each([
    ['130,0,f,none,2', 'data.invalid-value', 'age', 'a number from 0 to 120', 'a larger number'],
    ['abc,0,f,none,2', 'data.invalid-value', 'age', 'a number from 0 to 120', 'text that is not a number'],
    ['40,NaN,f,none,2', 'data.invalid-value', 'size', 'a number', 'nothing, ?, NA or NaN'],
    ['40,Infinity,f,none,2', 'data.invalid-value', 'size', 'a number', 'an infinite number'],
    ['40,1e999,f,none,2', 'data.invalid-value', 'size', 'a number', 'an infinite number'],
    [
      '40,1e39,f,none,2',
      'data.invalid-value',
      'size',
      'a number, below 3.4e38 once it is scaled',
      'a larger number',
    ],
    ['40,0,x,none,2', 'data.invalid-value', 'sex', 'one of f, m', 'another text'],
    ['40,0,,none,2', 'data.invalid-value', 'sex', 'one of f, m', 'nothing, ?, NA or NaN'],
    ['40,0,f,none,3', 'data.unknown-label', 'label', 'one of the labels 2, 4', 'another label'],
    ['40,0,f,none,', 'data.invalid-value', 'label', 'one of the labels 2, 4', 'nothing, ?, NA or NaN'],
  ])('%s', (line, code, column, expected, received) => {
    const { problems, rows } = encodeTable(`${HEADER}${good.repeat(13)}${line}\n`);
    expect(rows.at(-1)).toBeUndefined();
    expect(problems).toEqual([
      expect.objectContaining({
        code,
        row: 14,
        line: 15,
        column,
        path: `row 14, column "${column}"`,
        expected,
        received,
      }),
    ]);
    expect(problems[0]!.remedy).not.toBe('');
  });

  test('for a row with too few or too many cells', () => {
    const { problems } = encodeTable(`${HEADER}${good}40,0,f\n40,0,f,none,2,,\n40,0,f,none,2,7\n`);
    expect(problems.map(({ path, received }) => [path, received])).toEqual([
      ['row 2', '3 cells'],
      ['row 4', '6 cells'],
    ]);
  });
});

test('all problems of a row are told, the first hundred in full, the others counted', () => {
  const bad = 'x,y,z,none,9\n'; // four problems
  const { problems, problemCount, invalidRows } = encodeTable(`${HEADER}${bad.repeat(30)}`);
  expect(problems).toHaveLength(100);
  expect([problemCount, invalidRows]).toEqual([120, 30]);
});

test('the error that refuses an import names the first problem and holds nothing of the data', () => {
  const error = refusal(encodeTable(`${HEADER}40,0,f,none,2\nsecret,0,f,none,cat\n`));
  expect(error.code).toBe('data.invalid-value');
  expect(error.message).toMatch(/^row 2, column "age": .*1 more problem.*Expected a number from 0 to 120/);
  expect(JSON.stringify(error.toRecord())).not.toMatch(/secret|cat/);
});
