import { describe, expect, test } from 'vitest';
import { parseFederation } from '../../shared/federation/index.ts';
import { encodeQueryRows, MAX_QUERY_ROWS } from './query-rows.ts';

const schemaOf = (data: unknown) =>
  parseFederation({
    format: 'murmuration/federation',
    formatVersion: 1,
    id: 'any',
    name: 'Any',
    data,
    model: { loss: 'softmaxCrossEntropy', layers: [{ type: 'flatten' }, { type: 'dense', units: 2 }] },
  }).data;
const target = { name: 'y', type: 'class', labels: ['no', 'yes'] };

describe('rows of a table', () => {
  const schema = schemaOf({
    kind: 'tabular',
    columns: [
      { name: 'age', type: 'number', mean: 50, scale: 10, missing: 40 },
      { name: 'ward', type: 'category', values: ['a', 'b'], optional: true },
    ],
    target,
  });

  test('are objects of columns, scaled, one-hot, and filled up as imports are', () => {
    const rows = [{ age: 70, ward: 'b' }, { age: '45' }, { age: null, ward: 'a' }];
    expect([...encodeQueryRows(schema, rows)]).toEqual([2, 0, 1, -0.5, 0, 0, -1, 1, 0]);
  });

  test.each([
    [[{ age: 'old', ward: 'a' }], 'data.invalid-value'],
    [[{ age: 50, ward: 'c' }], 'data.invalid-value'],
    [[{ age: 50, height: 180 }], 'data.missing-column'],
    [[{ age: [50] }], 'data.invalid-value'],
    [[[50, 'a']], 'data.wrong-shape'],
    [[null], 'data.wrong-shape'],
  ])('%j is refused, without repeating what is in it', (rows, code) => {
    let thrown: unknown;
    try {
      encodeQueryRows(schema, [{ age: 1 }, ...rows]);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({ code, facts: { path: expect.stringMatching(/^row 2/) } });
    expect(String(thrown)).not.toContain('old');
  });
});

test('records are arrays of features', () => {
  const schema = schemaOf({ kind: 'records', features: 2, mean: [1, 0], target });
  expect([
    ...encodeQueryRows(schema, [
      [3, 4],
      [1, 0],
    ]),
  ]).toEqual([2, 4, 0, 0]);
  for (const row of [[1], [1, 'x'], [1, 1e300], 'x'])
    expect(() => encodeQueryRows(schema, [row])).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^data\./) }),
    );
});

test('images are whole numbers up to 255', () => {
  const schema = schemaOf({ kind: 'image', width: 2, height: 1, channels: 1, labels: ['no', 'yes'] });
  expect(encodeQueryRows(schema, [[0, 255]])).toEqual(Uint8Array.of(0, 255));
  for (const row of [[0], [0, 256], [0, 0.5], [0, -1], ['0', '0']])
    expect(() => encodeQueryRows(schema, [row])).toThrow(
      expect.objectContaining({ code: 'data.wrong-shape' }),
    );
});

test('there are neither none nor too many', () => {
  const schema = schemaOf({ kind: 'records', features: 1, target });
  for (const rows of [[], new Array(MAX_QUERY_ROWS + 1).fill([1])])
    expect(() => encodeQueryRows(schema, rows)).toThrow(
      expect.objectContaining({ code: 'argument.invalid' }),
    );
});
