import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { csvParser, type TableRow } from './csv-parser.ts';

const comma = { delimiter: ',', quote: '"' } as const;

function parse(
  text: string,
  dialect: Parameters<typeof csvParser>[0] = comma,
  pieceLength = Infinity,
): TableRow[] {
  const parser = csvParser(dialect);
  const rows: TableRow[] = [];
  for (let at = 0; at < text.length; at += pieceLength)
    rows.push(...parser.push(text.slice(at, at + pieceLength)));
  return [...rows, ...parser.finish()];
}

const cellsOf = (rows: TableRow[]) => rows.map(({ cells }) => cells);

test('a byte order mark goes, line ends of every kind count, blank lines are left out', () => {
  expect(parse('\uFEFFa,b\r\n1,2\n\r\n,\r3,4')).toEqual([
    { cells: ['a', 'b'], line: 1 },
    { cells: ['1', '2'], line: 2 },
    { cells: ['3', '4'], line: 5 },
  ]);
});

test('quoted cells may hold delimiters, quotes and line breaks, which count as lines of the file', () => {
  expect(parse('"Braund, Mr. Owen",1\n"two\nlines ""here""",2\nx,3\n')).toEqual([
    { cells: ['Braund, Mr. Owen', '1'], line: 1 },
    { cells: ['two\nlines "here"', '2'], line: 2 },
    { cells: ['x', '3'], line: 4 },
  ]);
});

test('columns laid out in spaces are cut at runs of them', () => {
  const rows = parse('  0.1  18.0\t"two words" \n 22.5   1 x', { delimiter: ' ', quote: '"' });
  expect(cellsOf(rows)).toEqual([
    ['0.1', '18.0', 'two words'],
    ['22.5', '1', 'x'],
  ]);
});

describe('however the text is cut into pieces, the rows are the same', () => {
  test('for line ends, quotes and blanks at every place', () => {
    const text = 'a,"b\r\n1",c\r\n\r\n"x ""y""", 2 ,\r\n?,,z';
    for (let length = 1; length < text.length; length++)
      expect(parse(text, comma, length)).toEqual(parse(text));
  });

  test('for any text', () => {
    const text = fc.string({ unit: fc.constantFrom('a', '1', ',', '"', '\n', '\r', ' '), maxLength: 40 });
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: 7 }), (whole, length) => {
        expect(parse(whole, comma, length)).toEqual(parse(whole));
      }),
    );
  });
});

test('a quote that is never closed is refused with its line, before it fills memory', () => {
  const parser = csvParser(comma);
  parser.push('a,b\n1,"open');
  expect(() => {
    for (let i = 0; i < 100; i++) parser.push('x'.repeat(100_000));
  }).toThrow(/^line 2: The row does not end\..*never closed/);
});
