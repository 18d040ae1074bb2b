import type { TrainResult } from '../session/index.ts';

/**
 * Where liars read what the honest of their round are about to send. It knows work that is begun, so that whoever reads waits for
 * computing only, never for time to pass.
 */
export interface Blackboard {
  write(baseHash: string, work: Promise<TrainResult>): void;
  /** Updates trained from this base by those that had begun by now; those that fail are left out. */
  read(baseHash: string): Promise<Float32Array<ArrayBuffer>[]>;
}

/** @param kept bases whose updates are held. */
export function createBlackboard(kept = 2): Blackboard {
  const begun = new Map<string, Promise<TrainResult | undefined>[]>();
  return {
    write(baseHash, work) {
      const settled = work.catch(() => undefined);
      const known = begun.get(baseHash);
      if (known !== undefined) known.push(settled);
      else begun.set(baseHash, [settled]);
      if (begun.size > kept) begun.delete(begun.keys().next().value!);
    },
    async read(baseHash) {
      const results = await Promise.all(begun.get(baseHash) ?? []);
      return results.flatMap((result) => (result === undefined ? [] : [result.update.delta]));
    },
  };
}
