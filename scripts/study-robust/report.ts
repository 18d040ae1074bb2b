import { formatTable } from '../table.ts';
import type { Outcome } from './run-unit.ts';
import { ATTACKS, LIARS, PARTICIPANTS, RECOMMENDED, RULES, type Setting, type Unit } from './units.ts';

export interface Result {
  readonly unit: Unit;
  readonly outcome: Outcome;
}

export interface Bound {
  readonly name: string;
  /** Points of accuracy lost. */
  readonly reached: number;
  readonly isMet: boolean;
}

/** Of a run in which a quarter lies: less than so many points of accuracy may be lost. */
const MOST_LOST = 2;

type Cell = Partial<Unit> & Pick<Unit, 'setting'>;

/** Mean over seeds. @returns undefined where nothing was run. */
function meanOf(results: readonly Result[], cell: Cell, figure: keyof Outcome): number | undefined {
  const chosen = results.filter(({ unit }) =>
    Object.entries(cell).every(([key, value]) => unit[key as keyof Unit] === value),
  );
  if (chosen.length === 0) return undefined;
  return chosen.reduce((sum, { outcome }) => sum + outcome[figure], 0) / chosen.length;
}

/** Points of accuracy lost against the plain mean in the same setting with everyone honest. */
export function lostBy(results: readonly Result[], cell: Cell): number | undefined {
  const honest = meanOf(results, { setting: cell.setting, rule: 'mean', attack: 'none' }, 'accuracy');
  const accuracy = meanOf(results, cell, 'accuracy');
  return honest === undefined || accuracy === undefined ? undefined : 100 * (honest - accuracy);
}

/** One table for each setting and number of liars. */
export function sections(results: readonly Result[]): { heading: string; table: string }[] {
  const settings: readonly Setting[] = ['plain', 'grouped'];
  return settings.flatMap((setting) =>
    (results.some(({ unit }) => unit.setting === setting) ? LIARS : []).map((liars) => ({
      heading: headingOf(results, setting, liars),
      table: formatTable(
        ['rule', 'none', ...ATTACKS, 'back door works'],
        RULES[setting]
          .filter(({ name }) => meanOf(results, { setting, rule: name }, 'accuracy') !== undefined)
          .map(({ name }) => [
            name,
            points(lostBy(results, { setting, rule: name, attack: 'none' })),
            ...ATTACKS.map((attack) => points(lostBy(results, { setting, rule: name, attack, liars }))),
            percent(meanOf(results, { setting, rule: name, attack: 'back door', liars }, 'backDoor')),
          ]),
      ),
    })),
  );
}

/** @returns one bound for each setting and attack that was run with a quarter of liars. */
export function bounds(results: readonly Result[]): Bound[] {
  const settings: readonly Setting[] = ['plain', 'grouped'];
  return settings.flatMap((setting) =>
    ATTACKS.flatMap((attack) => {
      const rule = RECOMMENDED[setting];
      const reached = lostBy(results, { setting, rule, attack, liars: LIARS[0] });
      if (reached === undefined) return [];
      const name = `${setting}, ${rule}, ${attack}: points lost at 25 %, below ${MOST_LOST}`;
      return [{ name, reached, isMet: reached < MOST_LOST }];
    }),
  );
}

function headingOf(results: readonly Result[], setting: Setting, liars: number): string {
  const honest = percent(meanOf(results, { setting, rule: 'mean', attack: 'none' }, 'accuracy'));
  const where = setting === 'plain' ? 'Single updates' : 'Secure sums of groups of three';
  return `${where}, ${liars} of ${PARTICIPANTS} lie: points of accuracy lost against ${honest} of the mean with nobody lying`;
}

function points(lost: number | undefined): string | undefined {
  return lost?.toFixed(1).replace(/^-0\.0$/, '0.0');
}

function percent(part: number | undefined): string | undefined {
  return part === undefined ? undefined : `${(100 * part).toFixed(1)} %`;
}
