import { check } from '../../errors/index.ts';

/** @throws `update.non-finite`, without the value. */
export function checkFiniteNumbers(finite: boolean): void {
  check(finite, 'update.non-finite', 'An update has a coordinate that is not a number.', {
    expected: 'finite coordinates',
    received: 'an infinite one, or NaN',
    remedy: 'Its sender is to be left out.',
  });
}

/** @throws `update.non-finite`. */
export function checkFiniteRows(rows: readonly ArrayLike<number>[]): void {
  for (const row of rows) {
    // Zero times a number is zero, and times anything else is none.
    let zero = 0;
    for (let i = 0; i < row.length; i++) zero += row[i]! * 0;
    checkFiniteNumbers(zero === 0);
  }
}
