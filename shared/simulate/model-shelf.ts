import { check } from '../errors/index.ts';
import type { MemoryKey, Store } from '../session/index.ts';
import type { Model } from '../update/index.ts';

/**
 * The newest models, once for all nodes of a simulation: a hundred participants of one process need not hold a hundred
 * copies, nor send them to each other. Records and ledgers are not kept; whoever runs the simulation sees both.
 */
export interface ModelShelf {
  readonly store: Store;
  readonly newest: Model;
  put(model: Model): void;
  /** @throws `model.unavailable` when it is not among the newest. */
  get(hash: string): Model;
}

/** The model of the round under way, of the one before, and of one that is still being evaluated. */
const KEPT = 4;

export function createModelShelf(initial: Model): ModelShelf {
  const models = new Map([[initial.hash, initial]]);
  const memories = new Map<string, Float32Array<ArrayBuffer>>();
  let newest = initial;

  const shelf: ModelShelf = {
    get newest() {
      return newest;
    },
    put(model) {
      const known = models.get(model.hash);
      // The same model may come back as a later version.
      if (model.version >= newest.version)
        newest = known === undefined ? model : { ...known, version: model.version };
      if (known !== undefined) return;
      models.set(model.hash, model);
      if (models.size > KEPT) models.delete(models.keys().next().value!);
    },
    get(hash) {
      const model = models.get(hash);
      check(model !== undefined, 'model.unavailable', 'The simulation no longer holds this model.');
      return model;
    },
    store: {
      loadModel: async () => newest,
      saveModel: async (_run, model) => shelf.put(model),
      loadRecords: async () => [],
      saveRecord: () => Promise.resolve(),
      permitRelease: () => Promise.resolve(),
      appendLedger: () => Promise.resolve(),
      saveTranscript: () => Promise.resolve(),
      loadMemory: async (key) => memories.get(nameOf(key)),
      saveMemory: async (key, vector) => void memories.set(nameOf(key), vector),
    },
  };
  return shelf;
}

/** The data of a simulated participant goes by its name. */
function nameOf({ dataset, kind }: MemoryKey): string {
  return `${kind}/${dataset}`;
}
