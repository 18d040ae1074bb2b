import { expect, test } from 'vitest';
import { createTokenBucket } from './token-bucket.ts';

test('a burst is free, debt takes time to pay, and no more than the capacity is saved up', () => {
  const bucket = createTokenBucket(10, 5, 0);
  expect(bucket.take(5, 0)).toBe(0);
  expect(bucket.take(2, 0)).toBe(200);
  expect(bucket.take(0, 100)).toBe(100);
  expect(bucket.take(0, 200)).toBe(0);
  expect(bucket.take(5, 100_000)).toBe(0);
  expect(bucket.take(1, 100_000)).toBe(100);
});

test('a clock that is set back takes nothing away', () => {
  const bucket = createTokenBucket(10, 5, 1000);
  expect(bucket.take(5, 0)).toBe(0);
  expect(bucket.take(1, 0)).toBe(100);
});
