import { expect, test } from 'vitest';
import type { RecordsSchema } from '../federation/index.ts';
import { collectProblems } from './problems.ts';
import { recordEncoder, summarizeRecords } from './record-encoder.ts';

const schema: RecordsSchema = {
  kind: 'records',
  features: 2,
  mean: [1],
  scale: [2, 10],
  target: { name: 'label', type: 'class', labels: ['0', 'cat'] },
};

function encode(text: string, of = schema) {
  const problems = collectProblems();
  const inputs = new Float32Array(of.features);
  const target = recordEncoder(of).encode({ text, row: 3, line: 5 }, inputs, problems.add);
  return { inputs: [...inputs], target, problems: problems.report().problems };
}

test('features are standardized one by one, and labels match as text', () => {
  expect(encode('{"features":[5,20],"label":"cat"}')).toEqual({ inputs: [2, 2], target: 1, problems: [] });
  expect(encode('{"features":[1,0],"label":0,"id":7}').target).toBe(0);
});

test('a value label is standardized', () => {
  const value: RecordsSchema = { ...schema, target: { name: 'label', type: 'value', mean: 10, scale: 4 } };
  expect(encode('{"features":[1,0],"label":12}', value).target).toBe(0.5);
});

test.each([
  ['{"features":[1,2],"label":', 'data.unreadable', 'row 3', 'something else'],
  ['[1,2]', 'data.unreadable', 'row 3', 'something else'],
  ['{"label":"cat"}', 'data.wrong-shape', 'row 3, column "features"', 'nothing'],
  ['{"features":[1],"label":"cat"}', 'data.wrong-shape', 'row 3, column "features"', 'an array of 1'],
  ['{"features":[1,"2"],"label":"cat"}', 'data.invalid-value', 'row 3, column "features[1]"', 'a string'],
  ['{"features":[null,2],"label":"cat"}', 'data.invalid-value', 'row 3, column "features[0]"', 'null'],
  [
    '{"features":[1e999,2],"label":"cat"}',
    'data.invalid-value',
    'row 3, column "features[0]"',
    'a larger number',
  ],
  [
    '{"features":[1e39,2],"label":"cat"}',
    'data.invalid-value',
    'row 3, column "features[0]"',
    'a larger number',
  ],
  ['{"features":[1,2],"label":"dog"}', 'data.unknown-label', 'row 3, column "label"', 'another label'],
  ['{"features":[1,2]}', 'data.invalid-value', 'row 3, column "label"', 'nothing'],
])('%s is %s at %s', (text, code, path, received) => {
  const { target, problems } = encode(text);
  expect(target).toBeUndefined();
  expect(problems).toEqual([expect.objectContaining({ code, path, received, row: 3, line: 5 })]);
});

test('a draft takes the features of the first record and the labels of all', () => {
  const draftOf = (...records: string[]) => {
    const summarizer = summarizeRecords();
    records.forEach((text, i) => {
      summarizer.add({ text, row: i + 1, line: i + 1 });
    });
    return summarizer.draft();
  };
  expect(draftOf('{"features":[1,2],"label":"b"}', 'bad', '{"features":[1,2],"label":"a"}')).toEqual({
    kind: 'records',
    features: 2,
    target: { name: 'label', type: 'class', labels: ['a', 'b'] },
  });
  const numbers = [1, 2.5, 3].map((label) => `{"features":[1],"label":${label}}`);
  expect(draftOf(...numbers)?.target).toEqual({ name: 'label', type: 'value', mean: 0, scale: 1 });
  expect(draftOf('1', '{"features":3}')).toBeUndefined();
});
