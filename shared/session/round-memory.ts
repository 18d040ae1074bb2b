import type { ParticipantId } from '../identity/index.ts';
import type { RoundRecord } from '../wire/index.ts';
import type { MemoryKind, Store } from './ports.ts';

type Vector = Float32Array<ArrayBuffer>;

/**
 * What a device keeps for itself from round to round. It changes once the update that it was computed with was taken, and not before:
 * what the others do not know of has not happened. SPEC Y-03.
 */
export interface RoundMemory {
  /** As of the last round that took an update of this device; undefined where there is none, or where it was lost. */
  load(kind: MemoryKind): Promise<Vector | undefined>;
  /** To be kept once a round takes the update that was trained from this base. The last one of a kind counts. */
  propose(kind: MemoryKind, baseHash: string, vector: Vector): void;
  /** A round was committed. */
  settle(record: Pick<RoundRecord, 'baseHash' | 'survivors'>): void;
}

export interface RoundMemoryOptions {
  readonly store: Pick<Store, 'loadMemory' | 'saveMemory'>;
  readonly run: string;
  readonly dataset: string;
  readonly self: ParticipantId;
  readonly onFault: (text: string, thrown: unknown) => void;
}

export function createRoundMemory({ store, run, dataset, self, onFault }: RoundMemoryOptions): RoundMemory {
  const kept = new Map<MemoryKind, Vector | undefined>();
  const proposed = new Map<MemoryKind, { readonly baseHash: string; readonly vector: Vector }>();

  return {
    async load(kind) {
      if (kept.has(kind)) return kept.get(kind);
      let loaded: Vector | undefined;
      try {
        loaded = await store.loadMemory({ run, dataset, kind });
      } catch (thrown) {
        onFault('What this device remembers of earlier rounds was lost; it begins again at zero.', thrown);
      }
      // A round may have ended meanwhile.
      if (!kept.has(kind)) kept.set(kind, loaded);
      return kept.get(kind);
    },
    propose(kind, baseHash, vector) {
      proposed.set(kind, { baseHash, vector });
    },
    settle({ baseHash, survivors }) {
      if (!survivors.includes(self)) return;
      for (const [kind, { vector, baseHash: trainedFrom }] of proposed) {
        if (trainedFrom !== baseHash) continue;
        proposed.delete(kind);
        kept.set(kind, vector);
        store
          .saveMemory({ run, dataset, kind }, vector)
          .catch((thrown: unknown) =>
            onFault('What this device remembers of this round is kept in memory only.', thrown),
          );
      }
    },
  };
}
