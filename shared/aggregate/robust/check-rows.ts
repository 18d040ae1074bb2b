import { check, checkInteger } from '../../errors/index.ts';
import type { AggregationKernels, Row } from './kernels.ts';

/** How many rows a rule needs, and the arithmetic that says so. */
export interface Need {
  /** As a sentence begins: `Krum`. */
  readonly rule: string;
  /** As in the paper: `2f + 3`. */
  readonly formula: string;
  readonly fewest: number;
}

/**
 * What every rule asks of its input.
 * @param next what all rows are given to before anything is made of them: where it refuses numbers that are not finite itself,
 * they are not looked at twice.
 * @throws `aggregate.too-few` with the arithmetic; `update.wrong-length`; `update.non-finite`, without the value.
 */
export function checkRows(
  rows: readonly Row[],
  need: Need,
  byzantine = 0,
  next?: Pick<AggregationKernels, 'refusesNonFinite'>,
): void {
  checkCount(rows.length, need, byzantine);
  const { length } = rows[0]!;
  for (const row of rows) {
    check(
      row.length === length,
      'update.wrong-length',
      'Updates of different lengths cannot be put together.',
      {
        expected: String(length),
        received: String(row.length),
      },
    );
    if (next?.refusesNonFinite) continue;
    // Zero times a number is zero, and times anything else is none.
    let zero = 0;
    for (const value of row) zero += value * 0;
    check(zero === 0, 'update.non-finite', 'An update has a coordinate that is not a number.', {
      expected: 'finite coordinates',
      received: 'an infinite one, or NaN',
      remedy: 'Its sender is to be left out.',
    });
  }
}

/** @throws `aggregate.too-few`; `argument.invalid` for an f that is no number of participants. */
export function checkCount(count: number, { rule, formula, fewest }: Need, byzantine: number): void {
  checkInteger('byzantine', byzantine, 0, 2 ** 20);
  check(
    count >= fewest,
    'aggregate.too-few',
    `${rule} needs more than came to stand f = ${byzantine} lies.`,
    {
      expected: `n ≥ ${formula === String(fewest) ? formula : `${formula} = ${fewest}`}`,
      received: `n = ${count}`,
      remedy: 'Wait for more participants, or lower strategy.robust.byzantine.',
    },
  );
}

/** A rule that looks at nothing but the majority. */
export const majority = (rule: string, f: number): Need => ({ rule, formula: '2f + 1', fewest: 2 * f + 1 });

export const anyNumber = (rule: string): Need => ({ rule, formula: '1', fewest: 1 });
