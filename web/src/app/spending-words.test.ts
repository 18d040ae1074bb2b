import { describe, expect, it } from 'vitest';
import type { DatasetBudget, RoundForecast, Spent } from './services.ts';
import {
  forecastMeters,
  forecastWords,
  formatSpent,
  fullnessOf,
  limitChange,
  limitFaults,
  limitQuestion,
  meterWords,
  shownUnit,
  warningWords,
} from './spending-words.ts';

const spent = (epsilon: number): Spent => ({ epsilon, delta: 1e-5 });
const meter = (epsilon: number, limit?: number, after?: number) => ({
  label: 'Spent',
  unit: 'record' as const,
  spent: spent(epsilon),
  limit,
  ...(after === undefined ? {} : { after: spent(after) }),
});

describe('the meter', () => {
  it.each([
    [0, 'fine'],
    [3.1, 'fine'],
    [3.2, 'near'],
    [3.99, 'near'],
    [4, 'full'],
    [Infinity, 'full'],
  ] as const)('%d of 4 is %s', (epsilon, fullness) => {
    expect(fullnessOf(meter(epsilon, 4))).toBe(fullness);
  });

  it('has no end without a limit', () => {
    expect(fullnessOf(meter(100))).toBe('open');
    expect(warningWords(meter(100))).toBeUndefined();
  });

  it('is a sentence', () => {
    expect(meterWords(meter(1.23, 4, 1.28))).toBe(
      'An epsilon of 1.23, at delta 10⁻⁵, is spent for single examples, 1.28 after the next round, of at most 4.',
    );
    expect(meterWords(meter(0))).toBe('Nothing is spent; no limit is set.');
    expect(meterWords(meter(Infinity, 4))).toBe(
      'An infinite epsilon is spent for single examples, of at most 4.',
    );
    expect(meterWords(meter(1, 4, Infinity))).toContain('infinitely much after the next round');
  });

  it('does not say 4 of 4 while something is left', () => {
    expect(formatSpent(3.9961, 4, 'en')).toBe('3.9961');
    expect(formatSpent(4, 4, 'en')).toBe('4');
    expect(formatSpent(1.23456, 4, 'en')).toBe('1.23');
  });

  it('warns from 80 % on, of a next round that does not fit, and of a limit that is spent', () => {
    expect(warningWords(meter(3, 4, 3.1))).toBeUndefined();
    expect(warningWords(meter(3.2, 4))).toMatch(/80\.0\s?% of the limit is spent/);
    expect(warningWords(meter(3, 4, 4.1))).toContain('The next round would exceed the limit');
    expect(warningWords(meter(4, 4))).toContain('The limit is spent');
    expect(warningWords(meter(5, 4))).toContain('More than the limit is spent');
  });
});

describe('the forecast', () => {
  const both = (record: number, participant: number) => ({
    record: spent(record),
    participant: spent(participant),
  });
  const forecast = (change: Partial<RoundForecast>): RoundForecast => ({
    bounds: [],
    before: both(1, Infinity),
    after: both(1.25, Infinity),
    roundsLeft: undefined,
    refusal: undefined,
    ...change,
  });

  it('says what a round adds, and how many fit', () => {
    expect(forecastWords(forecast({}), 'record')).toBe(
      'The next round adds 0.25 to the epsilon for single examples (delta 10⁻⁵). No limit is set, neither by the federation nor by you.',
    );
    expect(forecastWords(forecast({ roundsLeft: 1 }), 'record')).toContain('1 round fits what is left.');
    expect(forecastWords(forecast({ roundsLeft: 30 }), 'record')).toContain('30 rounds fit');
    expect(forecastWords(forecast({ roundsLeft: 0 }), 'record')).toContain('No round fits');
  });

  it('does not subtract infinities', () => {
    expect(forecastWords(forecast({}), 'participant')).toContain('costs an infinite epsilon');
  });

  it('has a meter per bound, and one of the data where there is none', () => {
    expect(forecastMeters(forecast({}), 'record')).toMatchObject([
      { label: 'Spent of this data', limit: undefined, spent: { epsilon: 1 }, after: { epsilon: 1.25 } },
    ]);
    const bound = { before: spent(2), after: spent(3), isNear: false };
    const bounds = [
      { of: 'federation' as const, limit: { unit: 'participant' as const, ...spent(8) }, ...bound },
      { of: 'device' as const, limit: { unit: 'record' as const, ...spent(4) }, ...bound },
    ];
    expect(forecastMeters(forecast({ bounds }), 'record')).toMatchObject([
      { label: 'Budget of this federation', unit: 'participant', limit: 8 },
      { label: 'Your limit for this data', unit: 'record', limit: 4 },
    ]);
  });
});

describe('which unit to speak of', () => {
  const budget = (record: number, participant: number, limit?: DatasetBudget['limit']) => ({
    spent: { record: spent(record), participant: spent(participant) },
    limit,
  });

  it('is that of the limit, else the one with a finite guarantee', () => {
    expect(shownUnit(budget(1, 2, { unit: 'record', ...spent(4) }))).toBe('record');
    expect(shownUnit(budget(2, 2))).toBe('participant');
    expect(shownUnit(budget(2, Infinity))).toBe('record');
    expect(shownUnit(budget(Infinity, Infinity))).toBe('record');
    expect(shownUnit(budget(0, 0))).toBe('record');
  });
});

describe('a change of the limit', () => {
  const limit = (epsilon: number, delta = 1e-5, unit: 'record' | 'participant' = 'record') => ({
    unit,
    epsilon,
    delta,
  });

  it.each([
    ['first', undefined, limit(4)],
    ['lower', limit(4), limit(1)],
    ['raise', limit(4), limit(5)],
    ['other', limit(4), limit(4, 1e-6)],
    ['other', limit(4), limit(1, 1e-5, 'participant')],
    ['remove', limit(4), undefined],
    ['same', limit(4), limit(4)],
    ['same', undefined, undefined],
  ] as const)('%s', (change, before, now) => {
    expect(limitChange(before, now)).toBe(change);
  });

  it('is asked about when it lets more be spent, and only then', () => {
    expect(limitQuestion('raise', limit(5))?.text).toContain('at most an epsilon of 5 for single examples');
    expect(limitQuestion('remove', undefined)?.action).toBe('Remove the limit');
    for (const change of ['first', 'lower', 'same'] as const)
      expect(limitQuestion(change, limit(1))).toBeUndefined();
  });

  it('names what is wrong with what was typed', () => {
    expect(limitFaults({ epsilon: 4, delta: 1e-5 }, 'record', 1000)).toEqual({});
    expect(limitFaults({ epsilon: 0, delta: 1 }, 'record', 1000)).toEqual({
      epsilon: 'A number above 0.',
      delta: 'Above 0, and below 1.',
    });
    expect(limitFaults({ epsilon: Number.NaN, delta: 0.002 }, 'record', 1000)).toEqual({
      epsilon: 'A number above 0.',
      delta: 'At most 10⁻³: one over the number of examples.',
    });
    expect(limitFaults({ epsilon: 1, delta: 0.002 }, 'participant', 1000)).toEqual({});
  });
});
