import { expect, test } from 'vitest';
import { federationSchema } from '../federation/index.ts';
import { summarizeColumns } from './column-summary.ts';
import { inferSchema } from './infer-schema.ts';

function summarize(header: string, ...lines: string[]) {
  const summarizer = summarizeColumns(header.split(','));
  for (const line of lines) summarizer.add(line.split(','));
  return summarizer.summaries();
}

const table = summarize('row,age,sex,note,same,label', '1,2,f,a,x,yes', '2,,m,b,x,no', '3,6,,c,x,yes');

test('numbers, categories and a class target are drafted, and what comes from the data is told', () => {
  const { schema, computedFromData, skipped } = inferSchema(table);
  expect(schema).toEqual({
    kind: 'tabular',
    columns: [
      { name: 'age', type: 'number', mean: 4, scale: 2, missing: 4 },
      { name: 'sex', type: 'category', values: ['f', 'm'], optional: true },
      { name: 'note', type: 'category', values: ['a', 'b', 'c'], optional: false },
    ],
    target: { name: 'label', type: 'class', labels: ['no', 'yes'] },
  });
  expect(federationSchema.shape.data.parse(schema)).toEqual(schema);
  expect(computedFromData).toEqual([
    'columns[0].mean',
    'columns[0].scale',
    'columns[0].missing',
    'columns[1].values',
    'columns[2].values',
    'target.labels',
  ]);
  expect(skipped).toEqual([
    { column: 'row', reason: 'it numbers the rows' },
    { column: 'same', reason: 'it holds one value only' },
  ]);
});

test('another target may be chosen, and numbers may be classes', () => {
  expect(inferSchema(table, { target: 'sex' }).schema.target).toMatchObject({
    type: 'class',
    labels: ['f', 'm'],
  });
  const grades = summarize('x,grade', '1.5,3', '2.5,10', '0.5,7');
  expect(inferSchema(grades).schema.target).toMatchObject({ name: 'grade', type: 'value', mean: 6.667 });
  expect(inferSchema(grades, { targetType: 'class' }).schema.target).toMatchObject({
    labels: ['3', '7', '10'],
  });
  const two = summarize('x,c', '1.5,4', '2.5,2', '0.5,4');
  expect(inferSchema(two).schema.target).toMatchObject({ type: 'class', labels: ['2', '4'] });
});

test('text with more than 50 different values is left out as free text', () => {
  const lines = Array.from({ length: 51 }, (_, i) => `name ${i},${i * i},${i % 2}`);
  expect(inferSchema(summarize('name,n,c', ...lines)).skipped).toEqual([
    { column: 'name', reason: 'it is free text' },
  ]);
});

test('nothing to learn from, and nothing to predict, are refused', () => {
  expect(() => inferSchema(summarize('a', '1', '2'))).toThrow('No column is left to learn from');
  expect(() => inferSchema(summarize('a,b', '1,5', '3,5'))).toThrow(
    'column "b": The column to predict holds one value',
  );
  expect(() => inferSchema(table, { target: 'nowhere' })).toThrow('received nowhere');
  expect(() => inferSchema(table, { targetType: 'value' })).toThrow('holds texts');
});
