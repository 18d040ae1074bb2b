import { type ErrorRecord, toErrorRecord } from '../../../shared/errors/index.ts';

/** What a worker method resolves with: comlink would drop an error's code, so errors travel as values. */
export type Reply<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: ErrorRecord };

/** Never rejects. Errors that have no name become `training.failed`. */
export async function replyWith<T>(work: () => T | Promise<T>): Promise<Reply<T>> {
  try {
    return { ok: true, value: await work() };
  } catch (thrown) {
    const error = toErrorRecord(thrown);
    return { ok: false, error: error.code === 'internal' ? { ...error, code: 'training.failed' } : error };
  }
}
