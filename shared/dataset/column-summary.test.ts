import { expect, test } from 'vitest';
import { summarizeColumns } from './column-summary.ts';

function summaries(rows: string[][]) {
  const summarizer = summarizeColumns(rows[0]!.map((_, i) => `c${i + 1}`));
  for (const row of rows) summarizer.add(row);
  return summarizer.summaries();
}

test('numbers, texts and empty columns are told apart, and missing cells counted', () => {
  const [numbers, texts, empty] = summaries([
    ['2', 'b', ''],
    ['4', 'a', '?'],
    ['NA', 'b', ''],
    ['6', '', 'NaN'],
  ]);
  expect(numbers).toMatchObject({ name: 'c1', type: 'number', rows: 4, missing: 1, distinct: 3 });
  expect(numbers!.numbers).toMatchObject({ min: 2, max: 6, mean: 4, whole: true });
  expect(numbers!.numbers!.stdDev).toBeCloseTo(Math.sqrt(8 / 3), 12);
  expect(texts).toMatchObject({ type: 'text', missing: 1, distinct: 2, values: ['a', 'b'] });
  expect(texts!.top).toEqual([
    { value: 'b', count: 2 },
    { value: 'a', count: 1 },
  ]);
  expect(empty).toMatchObject({ type: 'empty', missing: 4, distinct: 0 });
});

test('values of a number column are sorted by size', () => {
  expect(summaries([['10'], ['9'], ['-1']])[0]!.values).toEqual(['-1', '9', '10']);
});

test('one text makes a column text', () => {
  expect(summaries([['1'], ['2'], ['x']])[0]).toMatchObject({ type: 'text', values: ['1', '2', 'x'] });
});

test('a mean far from zero does not cost the standard deviation its digits', () => {
  expect(summaries([['1000000001'], ['1000000003']])[0]!.numbers!.stdDev).toBe(1);
});

test('memory is bounded: beyond 1000 different values they are no longer listed', () => {
  const [column] = summaries(Array.from({ length: 1001 }, (_, i) => [`text ${i}`]));
  expect(column).toMatchObject({ distinct: 1000, distinctIsCapped: true, values: [] });
  const [prose] = summaries([['x'.repeat(121)], ['x']]);
  expect(prose).toMatchObject({
    type: 'text',
    distinct: 1,
    distinctIsCapped: true,
    top: [{ value: 'x', count: 1 }],
  });
});
