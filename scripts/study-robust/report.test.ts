import { expect, test } from 'vitest';
import { federationFor } from './recipe.ts';
import { bounds, lostBy, type Result, sections } from './report.ts';
import { LIARS, RECOMMENDED, RULES, type Setting, type Unit } from './units.ts';

const SETTINGS: readonly Setting[] = ['plain', 'grouped'];

test('every rule of the study is a document that a federation may have', () => {
  for (const setting of SETTINGS)
    for (const { name } of RULES[setting])
      for (const liars of LIARS) expect(federationFor(setting, name, liars).id).toBe('study-robust');
});

test('f is what so many updates or groups can bear, and no more than there are liars', () => {
  const byzantine = (setting: Setting, rule: string, liars: number) =>
    federationFor(setting, rule, liars).strategy.robust?.byzantine;
  expect(byzantine('plain', 'krum', 8)).toBe(8);
  expect(byzantine('plain', 'bulyan', 5)).toBe(4);
  expect(byzantine('grouped', 'median', 5)).toBe(2);
  expect(byzantine('grouped', 'krum', 5)).toBe(1);
  expect(byzantine('plain', 'mean', 5)).toBeUndefined();
});

const unit = (fields: Partial<Unit>): Unit => ({
  setting: 'plain',
  rule: RECOMMENDED.plain,
  attack: 'sign flip',
  liars: LIARS[0],
  seed: 'a',
  ...fields,
});
const result = (accuracy: number, fields: Partial<Unit>): Result => ({
  unit: unit(fields),
  outcome: { accuracy, backDoor: 0.25 },
});
const honest = result(0.9, { rule: 'mean', attack: 'none' });

test('what is lost is lost against the mean with nobody lying, over all seeds', () => {
  const results = [honest, result(0.88, {}), result(0.9, { seed: 'b' })];
  expect(lostBy(results, { setting: 'plain', rule: RECOMMENDED.plain, attack: 'sign flip' })).toBeCloseTo(
    1,
    9,
  );
  expect(lostBy(results, { setting: 'grouped', rule: 'mean' })).toBeUndefined();
});

test('a bound is met below two points and only there', () => {
  expect(bounds([honest, result(0.881, {})])).toMatchObject([{ isMet: true }]);
  expect(bounds([honest, result(0.879, {})])).toMatchObject([{ isMet: false }]);
  expect(bounds([honest])).toEqual([]);
});

test('tables are of what was run, with what the back door does', () => {
  const results = [honest, result(0.89, { attack: 'back door' })];
  const [quarter, more] = sections(results).map(({ table }) => table);
  expect(sections(results)).toHaveLength(2);
  expect(quarter).toMatch(new RegExp(`${RECOMMENDED.plain.replace('+', '\\+')}.*1\\.0.*25\\.0 %`));
  expect(more).not.toMatch(/25\.0 %/);
});
