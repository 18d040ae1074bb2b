import { expect, test } from 'vitest';
import { SETTLING_MINUTES, trendOf } from './trend.ts';

const settling = Array.from({ length: SETTLING_MINUTES }, (_, i) => 10 * i);

test('grows by what a line grows by in an hour, whatever was before', () => {
  // 100, 101, … 110: a mean of 105, and 60 more in an hour.
  const line = Array.from({ length: 11 }, (_, i) => 100 + i);
  const trend = trendOf([...settling, ...line])!;
  expect(trend.growthPerHour).toBeCloseTo(60 / 105, 12);
  expect(trend.uncertainty).toBeCloseTo(0, 12);
  expect(trend.minutes).toBe(11);
});

test('is flat where what comes goes again, and says how sure that is', () => {
  // Residuals 1, −2, 1 about a mean of 100; s² = 6 / (3 − 2), Σ(x − 1)² = 2: an error of √3 a minute.
  const trend = trendOf([...settling, 101, 98, 101])!;
  expect(trend.growthPerHour).toBeCloseTo(0, 12);
  expect(trend.uncertainty).toBeCloseTo((60 * Math.sqrt(3)) / 100, 12);
});

test('says nothing of two minutes', () => {
  expect(trendOf([...settling, 1, 2])).toBeUndefined();
});
