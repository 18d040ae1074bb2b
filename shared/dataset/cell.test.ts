import { expect, test } from 'vitest';
import { isMissing, labelIndex, parseNumber } from './cell.ts';

test('missing is empty, ?, NA, NaN and their like, in any case', () => {
  for (const cell of ['', '  ', '?', 'NA', 'NaN', 'nan', 'N/A', '#N/A', 'null'])
    expect(isMissing(cell)).toBe(true);
  for (const cell of ['0', 'none', 'Nana', '-', '??']) expect(isMissing(cell)).toBe(false);
});

test('numbers are read strictly', () => {
  expect(['7', ' -7.50 ', '+.5', '1e3', '5.'].map((cell) => parseNumber(cell))).toEqual([
    7, -7.5, 0.5, 1000, 5,
  ]);
  for (const cell of ['', 'NaN', 'Infinity', '-inf', '1e999', '1,000', '0x10', '12 kg', '5%', '1.2.3', '.'])
    expect(parseNumber(cell)).toBeUndefined();
});

test('a decimal comma is read where the table uses one', () => {
  expect(parseNumber('7,5', ',')).toBe(7.5);
  expect(parseNumber('7,5')).toBeUndefined();
  expect(parseNumber('7.5', ',')).toBeUndefined();
});

test('a label is found by its spelling, or as the same number', () => {
  const indexOf = labelIndex(['2', '4', 'yes']);
  expect(['4', ' yes ', '2.0', '04'].map(indexOf)).toEqual([1, 2, 0, 1]);
  expect(['Yes', '3', '', '?'].map(indexOf)).toEqual([undefined, undefined, undefined, undefined]);
});
