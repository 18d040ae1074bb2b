import { MurmurationError } from '../../shared/errors/index.ts';
import type { NodeObserver } from '../../shared/session/index.ts';
import type { ModelRef } from '../../shared/wire/index.ts';

/** Whoever ordered a run to go back to an earlier version, waiting for word that it did. */
export type Rollbacks = Required<Pick<NodeObserver, 'onRecord' | 'onNotice'>> & {
  /** @throws `aggregate.rollback-failed`; `aborted` by the signal; `http.conflict` when the run is left. */
  ask(to: ModelRef, signal: AbortSignal, order: () => void): Promise<void>;
  close(): void;
};

interface Waiting {
  readonly version: number;
  readonly settle: (failure?: MurmurationError) => void;
}

export function createRollbacks(): Rollbacks {
  const waiting = new Set<Waiting>();
  const settleAll = (failure: MurmurationError | undefined, isMeant = (_: Waiting) => true): void => {
    for (const each of [...waiting]) if (isMeant(each)) each.settle(failure);
  };
  return {
    ask: ({ version }, signal, order) =>
      new Promise<void>((resolve, reject) => {
        const abort = (): void =>
          each.settle(new MurmurationError('aborted', 'Nobody waits for the rollback any more.'));
        const each: Waiting = {
          version,
          settle(failure) {
            waiting.delete(each);
            signal.removeEventListener('abort', abort);
            if (failure === undefined) resolve();
            else reject(failure);
          },
        };
        waiting.add(each);
        signal.addEventListener('abort', abort);
        if (signal.aborted) return abort();
        order();
      }),
    onRecord({ rollback }) {
      if (rollback !== undefined) settleAll(undefined, ({ version }) => version === rollback.to);
    },
    onNotice({ error }) {
      if (error?.code !== 'aggregate.rollback-failed') return;
      settleAll(
        new MurmurationError('aggregate.rollback-failed', error.message, {
          remedy: 'Read which versions there are, and try again.',
        }),
      );
    },
    close() {
      settleAll(new MurmurationError('http.conflict', 'This server does not coordinate the run any more.'));
    },
  };
}
