import { getTableName } from 'drizzle-orm';
import { expect, test } from 'vitest';
import { TABLES } from '../testing/rights-contract.ts';
import { PERSONAL_DATA } from './personal-data.ts';

const named = (tables: readonly Parameters<typeof getTableName>[0][]): string[] =>
  tables.map((table) => getTableName(table)).sort();

test('V-08: every table of the schema is declared, once', () => {
  expect(named(PERSONAL_DATA.map(({ table }) => table))).toEqual(named(TABLES));
});

test('V-08: a column that holds participants by its name is declared', () => {
  const declared = new Set(
    PERSONAL_DATA.flatMap(({ places }) =>
      typeof places === 'string' ? [] : places.map(({ column }) => column),
    ),
  );
  for (const table of TABLES)
    for (const [name, column] of Object.entries(table))
      if (/^(participant|clients|createdBy|openedBy|setBy|promotedBy|acknowledgedBy)$/.test(name))
        expect(declared, `${getTableName(table)}.${name}`).toContain(column);
});
