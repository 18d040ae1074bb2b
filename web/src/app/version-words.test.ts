import { expect, it } from 'vitest';
import type { ModelVersion } from './services.ts';
import { accuracyOf, comparedFirst, predictionWords, shownVersions } from './version-words.ts';

const version = (number: number, changes: Partial<ModelVersion> = {}): ModelVersion => ({
  version: number,
  hash: 'a'.repeat(64),
  survivors: 3,
  evaluation: null,
  best: false,
  rollback: null,
  bytes: 8,
  ...changes,
});
const downFrom = (newest: number, best?: number) =>
  Array.from({ length: newest }, (_, i) => version(newest - i, { best: newest - i === best }));

it('shows the newest ten, and the best wherever it is', () => {
  expect(shownVersions(downFrom(30, 4)).map((each) => each.version)).toEqual([
    30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 4,
  ]);
  expect(shownVersions(downFrom(3))).toHaveLength(3);
});

it('compares the best with the newest, or the last two', () => {
  expect(comparedFirst(downFrom(9, 4))).toEqual([4, 9]);
  expect(comparedFirst(downFrom(9, 9))).toEqual([8, 9]);
  expect(comparedFirst([version(5), version(4, { bytes: null }), version(3)])).toEqual([3, 5]);
  expect(comparedFirst([version(1)])).toEqual([undefined, 1]);
  expect(comparedFirst([])).toEqual([undefined, undefined]);
});

it('has no accuracy where nothing was measured', () => {
  expect(accuracyOf(version(1))).toBeUndefined();
  expect(accuracyOf(version(1, { evaluation: { total: 0, correct: 0, lossSum: 0 } }))).toBeUndefined();
  expect(accuracyOf(version(1, { evaluation: { total: 4, correct: 3, lossSum: 1 } }))).toBe(0.75);
});

it('says what became of predictions', () => {
  const none = { total: 10, changed: 0, rightToWrong: 0, wrongToRight: 0, wrongToWrong: 0 };
  expect(predictionWords(none)).toEqual(['All 10 predictions are the same.']);
  const some = { total: 10, changed: 5, rightToWrong: 1, wrongToRight: 3, wrongToWrong: 1 };
  expect(predictionWords(some)[1]).toBe('3 became right, 1 became wrong, 1 are wrong in another way.');
});
