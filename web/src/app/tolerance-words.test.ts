import { expect, it } from 'vitest';
import { chanceWords, groupsWords } from './tolerance-words.ts';

it('counts groups by their size', () => {
  expect(groupsWords({ sizes: [3, 3], sittingOut: 0 })).toBe('2 of 3');
  expect(groupsWords({ sizes: [5, 6], sittingOut: 1 })).toBe('2 of 5 or 6; 1 participant sits out');
  expect(groupsWords({ sizes: [], sittingOut: 2 })).toBe('none');
});

it('says never and always only where it is so', () => {
  expect(chanceWords(0)).toBe('never');
  expect(chanceWords(1e-16)).toBe('never');
  expect(chanceWords(1e-5)).toBe('less than 0.1 %');
  expect(chanceWords(0.25, 'en')).toBe('25.0%');
  expect(chanceWords(0.9999)).toBe('more than 99.9 %');
  expect(chanceWords(1)).toBe('always');
});
