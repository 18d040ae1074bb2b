import { MurmurationError } from '../errors/index.ts';

/** @throws `training.cancelled` once the signal is aborted. */
export function throwIfCancelled(signal: AbortSignal): void {
  if (signal.aborted) {
    throw new MurmurationError('training.cancelled', 'The computation was cancelled.', {
      cause: signal.reason,
    });
  }
}
