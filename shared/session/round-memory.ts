import { MurmurationError } from '../errors/index.ts';
import type { ParticipantId } from '../identity/index.ts';
import type { ModelRef, RoundRecord } from '../wire/index.ts';
import type { MemoryKind, Store } from './ports.ts';

type Vector = Float32Array<ArrayBuffer>;

/**
 * What a device keeps for itself from round to round. It changes once the update that it was computed with was taken, and not before:
 * what the others do not know of has not happened. Nor does it stay as it was where nobody knows: what went into a sum must not be
 * added to another update. SPEC Y-03, Y-05.
 */
export interface RoundMemory {
  /** As of the last round that took an update of this device; undefined where there is none, or where it was lost. */
  load(kind: MemoryKind): Promise<Vector | undefined>;
  /** To be kept once a round takes the update that was trained from this base. The last one of a kind counts. */
  propose(kind: MemoryKind, base: ModelRef, vector: Vector): void;
  /** Before the update that it was computed with leaves: a reload from here on cannot tell what became of it. */
  leave(): Promise<void>;
  /** A round was committed. */
  settle(record: Pick<RoundRecord, 'round' | 'baseHash' | 'survivors'>): void;
  /** The round whose record this device missed and needs, before it trains from this model. */
  missing(base: ModelRef): number | undefined;
  /** Nothing more will be heard of what was trained from other models: what is known settles it, else it is dropped. */
  close(base: ModelRef): void;
}

export interface RoundMemoryOptions {
  readonly store: Pick<Store, 'loadMemory' | 'saveMemory'>;
  readonly run: string;
  readonly dataset: string;
  readonly self: ParticipantId;
  readonly onFault: (text: string, thrown: unknown) => void;
}

interface Proposal {
  readonly base: ModelRef;
  readonly vector: Vector;
  readonly hasLeft: boolean;
  /** A record of the round from this base was heard, without this device. */
  readonly isLeftOut: boolean;
}

const NOTHING: Vector = new Float32Array();
/** Stored while an update is out: no memory is one number that is none. */
const isOut = (stored: Vector): boolean => stored.length === 1 && Number.isNaN(stored[0]);

export function createRoundMemory({ store, run, dataset, self, onFault }: RoundMemoryOptions): RoundMemory {
  const kept = new Map<MemoryKind, Vector | undefined>();
  const proposed = new Map<MemoryKind, Proposal>();

  function keep(kind: MemoryKind, vector: Vector | undefined): void {
    kept.set(kind, vector);
    store
      .saveMemory({ run, dataset, kind }, vector ?? NOTHING)
      .catch((thrown: unknown) =>
        onFault('What this device remembers of this round is kept in memory only.', thrown),
      );
  }

  function dropUnknown(what: string): void {
    const text = `${what}: what this device remembered of earlier rounds is dropped, and begins again at zero.`;
    onFault(text, new MurmurationError('round.outcome-unknown', text));
  }

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
      if (kept.has(kind)) return kept.get(kind);
      if (loaded !== undefined && isOut(loaded)) {
        dropUnknown('The page was closed while an update was out');
        loaded = undefined;
      }
      kept.set(kind, loaded?.length === 0 ? undefined : loaded);
      return kept.get(kind);
    },
    propose(kind, base, vector) {
      proposed.set(kind, { base, vector, hasLeft: false, isLeftOut: false });
    },
    async leave() {
      for (const [kind, proposal] of proposed) {
        if (proposal.hasLeft) continue;
        proposed.set(kind, { ...proposal, hasLeft: true });
        await store.saveMemory({ run, dataset, kind }, Float32Array.of(Number.NaN));
      }
    },
    settle({ round, baseHash, survivors }) {
      for (const [kind, proposal] of proposed) {
        const { base, vector } = proposal;
        // A version that the run went back to has the hash that it had. SPEC Q-24.
        if (base.hash !== baseHash || base.version + 1 !== round) continue;
        if (!survivors.includes(self)) {
          proposed.set(kind, { ...proposal, isLeftOut: true });
          continue;
        }
        proposed.delete(kind);
        keep(kind, vector);
      }
    },
    missing({ version, hash }) {
      const rounds = [...proposed.values()]
        .filter(({ base, hasLeft, isLeftOut }) => {
          const isOther = base.hash !== hash || base.version !== version;
          return isOther && hasLeft && !isLeftOut;
        })
        .map(({ base }) => base.version + 1);
      return rounds.length === 0 ? undefined : Math.min(...rounds);
    },
    close({ version, hash }) {
      for (const [kind, { base, hasLeft, isLeftOut }] of proposed) {
        if (base.hash === hash && base.version === version) continue;
        proposed.delete(kind);
        if (!hasLeft) continue;
        if (isLeftOut) {
          keep(kind, kept.get(kind));
          continue;
        }
        dropUnknown('Nobody could tell whether an update of this device was counted');
        keep(kind, undefined);
      }
    },
  };
}
