import type { Logger } from 'pino';
import { hasCode } from '../../shared/errors/index.ts';
import type { Store } from '../../shared/session/index.ts';
import { pause } from '../pause.ts';
import type { Fence } from '../storage/fence.ts';
import type { Repository } from '../storage/repository.ts';

/** How long a database that is away is left alone before it is asked again. */
const RETRY_MS = 1_000;

export interface SeatStore {
  readonly store: Store;
  /** What is not written by now is not: whoever coordinates next hears of it from the participants. */
  close(): void;
}

/**
 * The store of the server's node in one federation: what a round came to is written under the term of its coordinator, and a database that is
 * away is waited for, since no other round of this server would tell it again.
 */
export function createSeatStore(
  repository: Repository,
  fence: () => Fence,
  log: Pick<Logger, 'warn'>,
): SeatStore {
  const lifetime = new AbortController();

  async function patiently(run: string, write: () => Promise<void>): Promise<void> {
    for (let isFirst = true; ; isFirst = false) {
      try {
        return await write();
      } catch (thrown) {
        if (!hasCode(thrown, 'storage.unavailable') || lifetime.signal.aborted) throw thrown;
        if (isFirst) log.warn({ run, err: thrown }, 'what a round came to waits for the database');
        await pause(RETRY_MS, lifetime.signal);
      }
    }
  }

  return {
    store: {
      ...repository,
      saveModel: (run, model) => patiently(run, () => repository.saveModel(run, model, fence())),
      saveRecord: (run, record) => patiently(run, () => repository.saveRecord(run, record, fence())),
    },
    close: () => lifetime.abort(),
  };
}
