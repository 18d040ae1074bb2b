import { expect, it } from 'vitest';
import { forecastOf } from './forecast.ts';

it('divides what is left by what a round costs', () => {
  // 2 of 10 were spent in 4 rounds: half a unit each, so that 8 pay for 16 more.
  expect(forecastOf({ epsilon: 2, limit: 10, rounds: 4 })).toEqual({
    kind: 'rounds',
    left: 16,
    perRound: 0.5,
  });
});

it('is not a round short for the rounding of numbers', () => {
  // 0.3 in 3 rounds leaves 0.7 of 1, which pays for 7 more, though 0.7 / 0.1 is 6.999… in floating point.
  expect(forecastOf({ epsilon: 0.3, limit: 1, rounds: 3 })).toMatchObject({ left: 7 });
});

it('knows when there is nothing to divide', () => {
  expect(forecastOf({ epsilon: 2, limit: undefined, rounds: 4 }).kind).toBe('no-limit');
  expect(forecastOf({ epsilon: 10, limit: 10, rounds: 4 }).kind).toBe('spent');
  expect(forecastOf({ epsilon: null, limit: 10, rounds: 4 }).kind).toBe('spent');
  expect(forecastOf({ epsilon: 0, limit: 10, rounds: 0 }).kind).toBe('unknown');
});
