import { describe, expect, test } from 'vitest';
import { type JsonText, jsonSplitter } from './json-splitter.ts';

function split(text: string, pieceLength = Infinity): JsonText[] {
  const splitter = jsonSplitter();
  const records: JsonText[] = [];
  for (let at = 0; at < text.length; at += pieceLength)
    records.push(...splitter.push(text.slice(at, at + pieceLength)));
  return [...records, ...splitter.finish()];
}

const LINES = '\uFEFF{"features":[1],"label":"a"}\r\n\n{"label":"b"}\nnot json\n{"x":"\\n"}';
const ARRAY = '\n[ {"a": [1, 2], "s": "],}\\"["},\n\n {"b": {}}\n, 7 ,"x,y"]\n';

test('lines are records, blank ones left out', () => {
  expect(split(LINES)).toEqual([
    { text: '{"features":[1],"label":"a"}', line: 1 },
    { text: '{"label":"b"}', line: 3 },
    { text: 'not json', line: 4 },
    { text: '{"x":"\\n"}', line: 5 },
  ]);
});

test('elements of an array are records, whatever brackets and commas their strings hold', () => {
  expect(split(ARRAY)).toEqual([
    { text: '{"a": [1, 2], "s": "],}\\"["}', line: 2 },
    { text: '{"b": {}}', line: 4 },
    { text: '7', line: 5 },
    { text: '"x,y"', line: 5 },
  ]);
});

test('however the text is cut into pieces, the records are the same', () => {
  for (const text of [LINES, ARRAY]) {
    for (let length = 1; length < text.length; length++) expect(split(text, length)).toEqual(split(text));
  }
});

test('an empty file and an empty array hold no records', () => {
  expect(split('')).toEqual([]);
  expect(split(' [ ] ')).toEqual([]);
});

test('a bad record costs only itself', () => {
  expect(split('[{"a":1} {"b":2}, ,{"c":3},]').map(({ text }) => text)).toEqual([
    '{"a":1} {"b":2}',
    '',
    '{"c":3}',
  ]);
});

describe('a file that breaks off is refused with the line', () => {
  test.each([
    ['[{"a":1},\n{"b":', 'line 2: The array does not end'],
    ['[1]\n\n2', 'line 3: Something follows the end'],
  ])('%j', (text, message) => {
    expect(() => split(text)).toThrow(message);
  });

  test('and one that never ends a record, before it fills memory', () => {
    for (const start of ['[{"a":"', '{"a":"']) {
      const splitter = jsonSplitter();
      expect(() => {
        for (let i = 0; i < 100; i++) splitter.push(start + 'x'.repeat(100_000));
      }).toThrow('line 1: The record does not end');
    }
  });
});
