import type { ErrorCode } from './codes.ts';
import { type ErrorFacts, MurmurationError } from './error.ts';

/** The one module of argument checks. Each throws a named error; none clamps. */
export function check(
  condition: boolean,
  code: ErrorCode,
  summary: string,
  facts?: ErrorFacts,
): asserts condition {
  if (!condition) throw new MurmurationError(code, summary, facts);
}

export function checkInteger(name: string, value: number, min: number, max: number): void {
  check(
    Number.isInteger(value) && value >= min && value <= max,
    'argument.invalid',
    `${name} is out of range.`,
    {
      expected: `an integer from ${min} to ${max}`,
      received: String(value),
    },
  );
}

export function checkFinite(name: string, value: number, min = -Infinity, max = Infinity): void {
  check(
    Number.isFinite(value) && value >= min && value <= max,
    'argument.invalid',
    `${name} is out of range.`,
    {
      expected: `a finite number from ${min} to ${max}`,
      received: String(value),
    },
  );
}

/** For `switch` over a union: does not compile when a case is missing. */
export function unreachable(value: never): never {
  throw new MurmurationError('internal', `Unhandled case ${JSON.stringify(value)}.`);
}
