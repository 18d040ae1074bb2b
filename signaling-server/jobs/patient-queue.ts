import type { Logger } from 'pino';
import { toErrorRecord } from '../../shared/errors/index.ts';
import { pause } from '../pause.ts';

const RETRY_MS = 5_000;

export interface PatientQueue {
  /** @param what is logged where the work fails. */
  push(what: string, work: () => Promise<void>): void;
  /** Once a database that is away is no longer waited for; whatever can be done is done. */
  close(): Promise<void>;
}

/** One thing after the other. Work that fails over a database that is away is tried again until it is back. */
export function createPatientQueue(
  log: Pick<Logger, 'error'>,
  about: Readonly<Record<string, unknown>>,
  retryMs = RETRY_MS,
): PatientQueue {
  const lifetime = new AbortController();
  let queue: Promise<void> = Promise.resolve();
  let isAway = false;

  async function perform(what: string, work: () => Promise<void>): Promise<void> {
    while (!(lifetime.signal.aborted && isAway)) {
      try {
        await work();
        isAway = false;
        return;
      } catch (thrown) {
        const { code } = toErrorRecord(thrown);
        log.error({ ...about, code, err: thrown }, what);
        isAway = code.startsWith('storage.');
        if (!isAway) return;
        await pause(retryMs, lifetime.signal);
      }
    }
  }

  return {
    push(what, work) {
      queue = queue.then(() => perform(what, work));
    },
    async close() {
      lifetime.abort();
      await queue;
    },
  };
}
