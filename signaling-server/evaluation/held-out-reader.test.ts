import { describe, expect, test } from 'vitest';
import { writeSampleShard } from '../../shared/dataset/index.ts';
import type { DataSchema } from '../../shared/federation/index.ts';
import { readHeldOut } from './held-out-reader.ts';

const bytesOf = (text: string) => new TextEncoder().encode(text);

const table: DataSchema = {
  kind: 'tabular',
  columns: [
    { name: 'age', type: 'number', min: 0, max: 120, mean: 50, scale: 10 },
    { name: 'colour', type: 'category', values: ['red', 'blue'], optional: false },
  ],
  target: { name: 'ill', type: 'class', labels: ['no', 'yes'] },
};
const records: DataSchema = {
  kind: 'records',
  features: 2,
  target: { name: 'y', type: 'value', mean: 1, scale: 2 },
};
const tokens: DataSchema = { kind: 'tokens', length: 3, vocabulary: 256, target: { type: 'next' } };
const images: DataSchema = { kind: 'image', width: 2, height: 1, channels: 1, labels: ['3', '5'] };

describe('a held-out set is encoded as the page encodes data', () => {
  test('a table, whatever its columns are called by, or in what order', () => {
    const { examples, classes } = readHeldOut(
      bytesOf('Ill;Age;colour\nyes;60;red\nno;40,5;blue\n'),
      'csv',
      table,
    );
    expect([...examples.inputs]).toEqual([1, 1, 0, Math.fround(-0.95), 0, 1]);
    expect([...examples.targets]).toEqual([1, 0]);
    expect(classes).toEqual({ no: 1, yes: 1 });
  });

  test('records, in an array or one per line', () => {
    const array = '[{"features": [1, 2], "label": 3}, {"features": [3, 4], "label": 1}]';
    const lines = '{"features": [1, 2], "label": 3}\n{"features": [3, 4], "label": 1}\n';
    for (const text of [array, lines]) {
      const { examples, classes } = readHeldOut(bytesOf(text), 'json', records);
      expect([...examples.inputs]).toEqual([1, 2, 3, 4]);
      expect([...examples.targets]).toEqual([1, 0]);
      expect(classes).toBeUndefined();
    }
  });

  test('text, whose bytes are tokens', () => {
    const { examples } = readHeldOut(bytesOf('abcdefg'), 'txt', tokens);
    expect(Buffer.from(examples.inputs).toString()).toBe('abcdef');
    expect(Buffer.from(examples.targets).toString()).toBe('bcdefg');
  });

  test('images, whose labels are numbers', () => {
    const pixels = Uint8Array.of(0, 255, 7, 8);
    const file = writeSampleShard({ count: 2, width: 2, height: 1, pixels, labels: Uint8Array.of(5, 3) });
    const { examples, classes } = readHeldOut(file, 'images', images);
    expect([...examples.inputs]).toEqual([...pixels]);
    expect([...examples.targets]).toEqual([1, 0]);
    expect(classes).toEqual({ 3: 1, 5: 1 });
  });
});

describe('a bad row refuses the set, by row and column and without what is in it', () => {
  test('one of a table, and where the next are', () => {
    const text = 'age,colour,ill\n60,red,yes\n777,red,yes\n50,green,perhaps\n40,blue,no\nsecret,red,no\n';
    const read = () => readHeldOut(bytesOf(text), 'csv', table);
    expect(read).toThrow(
      expect.objectContaining({
        code: 'data.invalid-value',
        facts: expect.objectContaining({ path: 'row 2, column "age"', expected: 'a number from 0 to 120' }),
        message: expect.stringContaining('4 problems in 3 rows; the next in row 3, 5'),
      }),
    );
    expect(read).not.toThrow(/secret|777|perhaps/);
  });

  test.each([
    [
      'a row with too few cells',
      'age,colour,ill\n60,red,yes\n60\n',
      'csv',
      table,
      'data.invalid-value',
      'row 2',
    ],
    ['a column that is missing', 'age,ill\n60,yes\n', 'csv', table, 'data.missing-column', undefined],
    ['a table without rows', 'age,colour,ill\n', 'csv', table, 'data.empty', undefined],
    ['no bytes at all', '', 'csv', table, 'data.empty', undefined],
    [
      'a record of another length',
      '[{"features": [1, 2], "label": 1}, {"features": [1], "label": 1}]',
      'json',
      records,
      'data.wrong-shape',
      'row 2, column "features"',
    ],
    ['an empty list', '[]', 'json', records, 'data.empty', undefined],
    ['a format of other data', 'age,colour,ill\n', 'csv', records, 'argument.invalid', undefined],
    ['a text that is too short', 'ab', 'txt', tokens, 'data.empty', undefined],
    ['images that are cut short', 'ab', 'images', images, 'data.unreadable', undefined],
  ] as const)('%s', (_, text, format, schema, code, path) => {
    expect(() => readHeldOut(bytesOf(text), format, schema)).toThrow(
      expect.objectContaining({
        code,
        ...(path === undefined ? {} : { facts: expect.objectContaining({ path }) }),
      }),
    );
  });

  test('an image of another size, and one of an unknown label', () => {
    const file = (width: number, label: number) =>
      writeSampleShard({
        count: 1,
        width,
        height: 1,
        pixels: new Uint8Array(width),
        labels: Uint8Array.of(label),
      });
    expect(() => readHeldOut(file(3, 3), 'images', images)).toThrow(
      expect.objectContaining({ code: 'data.wrong-shape' }),
    );
    expect(() => readHeldOut(file(2, 4), 'images', images)).toThrow(
      expect.objectContaining({
        code: 'data.unknown-label',
        facts: expect.objectContaining({ path: 'image 1' }),
      }),
    );
  });
});
