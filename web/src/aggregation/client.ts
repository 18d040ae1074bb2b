import { fromErrorRecord, MurmurationError } from '../../../shared/errors/index.ts';
import type { Outcome } from '../data/api.ts';
import type { Tolerance, ToleranceQuestion } from './tolerance.ts';

/** The part of a Worker that an answer depends on. */
export type AnsweringWorker = Pick<Worker, 'addEventListener' | 'postMessage' | 'terminate'>;

/**
 * Asks a worker of its own, which ends with the answer.
 * @throws `aborted`; `internal` when the worker fails; what the arithmetic throws.
 */
export function askTolerance(
  question: ToleranceQuestion,
  signal: AbortSignal,
  start: () => AnsweringWorker = () =>
    new Worker(new URL('./worker.ts', import.meta.url), { type: 'module', name: 'tolerance' }),
): Promise<Tolerance> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(cancelled());
    const worker = start();
    const end = (settle: () => void): void => {
      signal.removeEventListener('abort', abort);
      worker.terminate();
      settle();
    };
    const abort = (): void => end(() => reject(cancelled()));
    signal.addEventListener('abort', abort, { once: true });
    worker.addEventListener('message', (event) => {
      const outcome = (event as MessageEvent<Outcome<Tolerance>>).data;
      end(() => (outcome.ok ? resolve(outcome.value) : reject(fromErrorRecord(outcome.error))));
    });
    worker.addEventListener('error', (event) => {
      event.preventDefault();
      const received = (event as ErrorEvent).message || 'its script did not load';
      const remedy = 'Try again, or reload the page.';
      end(() =>
        reject(
          new MurmurationError('internal', 'The worker that computes chances failed.', { received, remedy }),
        ),
      );
    });
    worker.postMessage(question);
  });
}

function cancelled(): MurmurationError {
  return new MurmurationError('aborted', 'The computation was cancelled.');
}
