import type { BackendLoss } from './backend-loss.ts';

/** Ends work when its backend is lost. */
export interface LossWatch {
  /** Pieces of work under way. */
  readonly pending: number;
  /**
   * Settles as the work does; rejects as soon as the backend is lost, and starts nothing on one that is.
   * @param errorOf what it rejects with then.
   */
  unlessLost<T>(work: () => Promise<T>, errorOf: (loss: BackendLoss) => Error): Promise<T>;
}

/**
 * A promise that never settles keeps whatever was chained to it, and a backend is hardly ever lost: a race against
 * it would keep the weights of every round. So work under way is kept in a set, and what is over leaves it.
 */
export function watchLoss(loss: Promise<BackendLoss>): LossWatch {
  let known: BackendLoss | undefined;
  const pending = new Set<(loss: BackendLoss) => void>();
  void loss.then((told) => {
    known = told;
    for (const tell of pending) tell(told);
    pending.clear();
  });
  return {
    get pending() {
      return pending.size;
    },
    unlessLost: (work, errorOf) =>
      new Promise((resolve, reject) => {
        const tell = (told: BackendLoss) => reject(errorOf(told));
        if (known !== undefined) return tell(known);
        pending.add(tell);
        work()
          .then(resolve, reject)
          .finally(() => pending.delete(tell));
      }),
  };
}
