import { describe, expect, test } from 'vitest';
import {
  check,
  checkFinite,
  checkInteger,
  fromErrorRecord,
  hasCode,
  MurmurationError,
  toErrorRecord,
} from './index.ts';

const error = new MurmurationError('data.invalid-value', 'The cell is no number.', {
  path: 'row 3, column "age"',
  expected: 'a number',
  received: 'text',
  remedy: 'Correct the file.',
  cause: new Error('secret'),
});

test('the message says where, what was expected, what came and what to do', () => {
  expect(error.message).toBe(
    'row 3, column "age": The cell is no number. Expected a number, received text. Correct the file.',
  );
  expect(new MurmurationError('internal', 'No.', { received: 'x' }).message).toBe('No. Received x.');
  expect(new MurmurationError('internal', 'No.', { expected: 'y' }).message).toBe('No. Expected y.');
});

test('a record crosses a boundary and comes back the same, without its cause', () => {
  const record = structuredClone(error.toRecord());
  expect(record).not.toHaveProperty('cause');
  expect(JSON.stringify(record)).not.toContain('secret');
  const back = fromErrorRecord(record);
  expect(back.message).toBe(error.message);
  expect(back.toRecord()).toEqual(record);
  expect(toErrorRecord(record)).toEqual(record);
});

test('whatever is thrown has a code', () => {
  expect(toErrorRecord(error).code).toBe('data.invalid-value');
  expect(toErrorRecord(new Error('broken'))).toEqual({ code: 'internal', message: 'broken' });
  for (const thrown of ['text', 5, null, undefined, {}]) expect(toErrorRecord(thrown).code).toBe('internal');
});

test('codes are matched on errors and on records, not on foreign errors', () => {
  expect(hasCode(error, 'data.invalid-value')).toBe(true);
  expect(hasCode(error.toRecord(), 'data.invalid-value')).toBe(true);
  expect(hasCode(error, 'internal')).toBe(false);
  expect(hasCode(Object.assign(new Error('x'), { code: 'internal' }), 'internal')).toBe(false);
});

describe('checks', () => {
  test('throw by name, or do nothing', () => {
    expect(() => check(true, 'internal', 'No.')).not.toThrow();
    expect(() => check(false, 'data.empty', 'No.')).toThrow(expect.objectContaining({ code: 'data.empty' }));
  });

  test.each([1.5, Number.NaN, Number.POSITIVE_INFINITY, -1, 11])('%d is no integer from 0 to 10', (value) => {
    expect(() => checkInteger('n', value, 0, 10)).toThrow(
      'n is out of range. Expected an integer from 0 to 10',
    );
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY, -0.1, 1.1])(
    '%d is no finite number from 0 to 1',
    (value) => {
      expect(() => checkFinite('x', value, 0, 1)).toThrow(
        expect.objectContaining({ code: 'argument.invalid' }),
      );
    },
  );

  test('the ends of a range belong to it', () => {
    for (const value of [0, 10]) expect(() => checkInteger('n', value, 0, 10)).not.toThrow();
    for (const value of [0, 1]) expect(() => checkFinite('x', value, 0, 1)).not.toThrow();
  });
});
