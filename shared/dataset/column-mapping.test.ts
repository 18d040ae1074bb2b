import { describe, expect, test } from 'vitest';
import type { TabularSchema } from '../federation/index.ts';
import { proposeMapping, resolveColumns } from './column-mapping.ts';
import type { Dialect } from './dialect.ts';

const number = { type: 'number', mean: 0, scale: 1 } as const;
const schema: TabularSchema = {
  kind: 'tabular',
  columns: [
    { name: 'age', ...number },
    { name: 'Hours per week', ...number },
  ],
  target: { name: 'income', type: 'class', labels: ['low', 'high'] },
};

function dialect(columns: string[], header = true): Dialect {
  return { delimiter: ',', quote: '"', decimalSeparator: '.', header, columns };
}

describe('with a header', () => {
  test('columns are found by name, whatever the case, spaces and punctuation, in any order', () => {
    const file = dialect(['INCOME ', 'id', 'hours-per-week', 'Age']);
    expect(proposeMapping(schema, file)).toEqual({
      mapping: { age: 'Age', 'Hours per week': 'hours-per-week', income: 'INCOME ' },
      unmatched: [],
      byPosition: false,
    });
    expect(resolveColumns(schema, file)).toEqual([3, 2, 0]);
  });

  test('an exact name wins over a similar one', () => {
    expect(resolveColumns(schema, dialect(['AGE', 'age', 'Hours per week', 'income']))).toEqual([1, 2, 3]);
  });

  test('what the person chose wins over the names', () => {
    const file = dialect(['age', 'age in days', 'Hours per week', 'income']);
    expect(resolveColumns(schema, file, { age: 'age in days' })).toEqual([1, 2, 3]);
  });

  test('a missing column is named, and so are those that the file has', () => {
    expect(() => resolveColumns(schema, dialect(['Age', 'income']))).toThrow(
      'column "Hours per week": A column is missing. Expected Hours per week, received a file with the columns Age, income.',
    );
    expect(() => resolveColumns(schema, dialect(['a', 'b']), { age: 'nowhere' })).toThrow(
      '3 columns are missing',
    );
  });

  test('a mapping for a column that the schema does not have is refused', () => {
    expect(() => resolveColumns(schema, dialect(['age']), { agee: 'age' })).toThrow('received agee');
  });
});

describe('without a header', () => {
  const three = dialect(['column 1', 'column 2', 'column 3'], false);
  const four = dialect(['column 1', 'column 2', 'column 3', 'column 4'], false);

  test('columns are taken in order, the target last, if there are as many', () => {
    expect(resolveColumns(schema, three)).toEqual([0, 1, 2]);
    expect(proposeMapping(schema, three).byPosition).toBe(true);
  });

  test('another number of columns is refused, unless the person says which is which', () => {
    expect(() => resolveColumns(schema, four)).toThrow(
      'Expected 3 columns in this order: age, Hours per week, income, received 4 columns.',
    );
    const chosen = { age: 'column 2', 'Hours per week': 'column 3', income: 'column 1' };
    expect(resolveColumns(schema, four, chosen)).toEqual([1, 2, 0]);
  });
});
