import type { ErrorCode } from './codes.ts';

/** What is worth saying about a failure: what was expected, what came instead, and what to do about it. */
export interface ErrorFacts {
  readonly expected?: string;
  readonly received?: string;
  readonly remedy?: string;
  /** Where in the input the trouble lies, e.g. `model.layers[2].units` or `row 14, column "age"`. */
  readonly path?: string;
  readonly cause?: unknown;
}

/** The form an error takes on a wire or across a worker boundary, where classes do not survive. */
export interface ErrorRecord extends Omit<ErrorFacts, 'cause'> {
  readonly code: ErrorCode;
  readonly message: string;
}

/**
 * The one error base. Callers match on `code`, never on the class or the message.
 * The message is a whole sentence a person can act on; it never contains data, keys or updates.
 */
export class MurmurationError extends Error {
  override readonly name = 'MurmurationError';
  readonly code: ErrorCode;
  readonly facts: ErrorFacts;

  constructor(code: ErrorCode, summary: string, facts: ErrorFacts = {}) {
    super(compose(summary, facts), facts.cause === undefined ? undefined : { cause: facts.cause });
    this.code = code;
    this.facts = facts;
  }

  toRecord(): ErrorRecord {
    const { cause: _cause, ...facts } = this.facts;
    return { code: this.code, message: this.message, ...facts };
  }
}

/** Turns anything thrown into a record: our own errors keep their code, others become `internal`. */
export function toErrorRecord(thrown: unknown): ErrorRecord {
  if (thrown instanceof MurmurationError) return thrown.toRecord();
  if (isErrorRecord(thrown)) return thrown;
  return { code: 'internal', message: thrown instanceof Error ? thrown.message : String(thrown) };
}

/** The inverse of {@link MurmurationError.toRecord}, for the far side of a boundary. */
export function fromErrorRecord(record: ErrorRecord): MurmurationError {
  const { code, message, ...facts } = record;
  const error = new MurmurationError(code, message);
  Object.assign(error, { facts });
  return error;
}

export function hasCode(thrown: unknown, code: ErrorCode): boolean {
  return (thrown instanceof MurmurationError || isErrorRecord(thrown)) && thrown.code === code;
}

function isErrorRecord(thrown: unknown): thrown is ErrorRecord {
  return (
    typeof thrown === 'object' &&
    thrown !== null &&
    typeof (thrown as ErrorRecord).code === 'string' &&
    typeof (thrown as ErrorRecord).message === 'string' &&
    !(thrown instanceof Error)
  );
}

function compose(summary: string, { path, expected, received, remedy }: ErrorFacts): string {
  let text = path === undefined ? summary : `${path}: ${summary}`;
  if (expected !== undefined) text += ` Expected ${expected}`;
  if (expected !== undefined) text += received === undefined ? '.' : `, received ${received}.`;
  else if (received !== undefined) text += ` Received ${received}.`;
  if (remedy !== undefined) text += ` ${remedy}`;
  return text;
}
