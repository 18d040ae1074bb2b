import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { type DataSchema, federationSchema } from '../../shared/federation/index.ts';
import { formatOf, readData } from './read-data.ts';

const folder = mkdtempSync(join(tmpdir(), 'data-'));
afterAll(() => rmSync(folder, { recursive: true }));

const target = { name: 'label', type: 'class', labels: ['no', 'yes'] };
const schemas: Record<string, DataSchema> = {
  records: federationSchema.shape.data.parse({ kind: 'records', features: 2, target }),
  table: federationSchema.shape.data.parse({
    kind: 'tabular',
    columns: [
      { name: 'age', type: 'number', min: 0, max: 120 },
      { name: 'dose', type: 'number' },
    ],
    target,
  }),
};

function read(kind: string, name: string, content: string) {
  const path = join(folder, name);
  writeFileSync(path, content);
  const schema = schemas[kind]!;
  return readData({ path, format: formatOf(path, schema) }, schema);
}

test('the same data have one name, however they are written and ordered; others have another', async () => {
  const rows = ['{"features":[1,2],"label":"no"}', '{"features":[3,4],"label":"yes"}'];
  const lines = await read('records', 'a.jsonl', rows.join('\n'));
  const array = await read('records', 'b.json', `[${[...rows].reverse().join(',')}]`);
  expect([...lines.examples.inputs]).toEqual([1, 2, 3, 4]);
  expect(lines.name).toMatch(/^[0-9a-f]{64}$/);
  expect(array.name).toBe(lines.name);
  expect((await read('records', 'c.json', rows[0]!)).name).not.toBe(lines.name);
});

describe('a bad row is refused by its place, without what is in it', () => {
  test.each([
    [
      'records',
      'short.jsonl',
      '{"features":[1,2],"label":"no"}\n{"features":[1],"label":"no"}',
      'data.wrong-shape',
      'row 2, column "features"',
    ],
    [
      'records',
      'label.json',
      '[{"features":[1,2],"label":"SECRET"}]',
      'data.unknown-label',
      'row 1, column "label"',
    ],
    [
      'records',
      'text.json',
      '[{"features":[1,"SECRET"],"label":"no"}]',
      'data.invalid-value',
      'row 1, column "features[1]"',
    ],
    ['records', 'cut.json', '[{"features":[1,2],"label":"no"},', 'data.unreadable', 'line 1'],
    [
      'table',
      'age.csv',
      'age,dose,label\n12,1,no\n999,SECRET,yes\n',
      'data.invalid-value',
      'row 2, column "age"',
    ],
    ['table', 'column.csv', 'age,label\n12,no\n', 'data.missing-column', 'column "dose"'],
    ['table', 'empty.csv', '', 'data.empty', 'The data is empty'],
  ] as const)('%s in %s', async (kind, name, content, code, place) => {
    const refused = read(kind, name, content);
    await expect(refused).rejects.toMatchObject({ code, message: expect.stringContaining(place) });
    await expect(refused).rejects.not.toMatchObject({ message: expect.stringContaining('SECRET') });
  });
});

test('a file in another form than the federation trains on, and none', async () => {
  expect(() => formatOf('a.csv', schemas.records!)).toThrow(
    expect.objectContaining({ code: 'argument.invalid' }),
  );
  await expect(
    readData({ path: join(folder, 'nothing.json'), format: 'json' }, schemas.records!),
  ).rejects.toMatchObject({ code: 'data.unreadable', facts: { received: 'ENOENT' } });
});
