import { z } from 'zod';
import type { Federation } from '../../../shared/federation/index.ts';
import type { MetricReport } from '../../../shared/training/metric-report.ts';
import { type Model, makeModel } from '../../../shared/update/index.ts';
import { deletePersonal, type KeptPersonal, loadPersonal, savePersonal } from '../storage/index.ts';
import type { ModelSource } from './model-files.ts';
import type { PersonalMethod, PersonalModel, PersonalService } from './services.ts';

/** Passes over the data at a time: a person who wants more presses again. */
const EPOCHS = 5;

const method = z.discriminatedUnion('type', [
  z.object({ type: z.literal('head') }),
  z.object({ type: z.literal('ditto'), lambda: z.number() }),
]);
const report = z.custom<MetricReport>(
  (value) => typeof value === 'object' && value !== null && 'metrics' in value && 'classes' in value,
);
const about = z.object({ method, measured: z.object({ shared: report, own: report }) });

/** Models of this device's own: trained in a worker, kept in this browser, never sent. */
export function personalModels({ newest, layoutOf }: ModelSource): PersonalService {
  const find = async (federation: Federation, datasetId: string): Promise<PersonalModel | undefined> => {
    const kept = await loadPersonal(datasetId, federation.id);
    if (kept === undefined) return undefined;
    const layout = await layoutOf(federation);
    // Of a model of another shape, or of another page: it begins again with the shared one.
    const known = about.safeParse(kept.about);
    if (layout.hash !== kept.layoutHash || layout.length !== kept.weights.length || !known.success)
      return undefined;
    const { sharedVersion, atMs, weights } = kept;
    return { ...known.data, sharedVersion, atMs, model: makeModel(0, layout, weights) };
  };

  return {
    of: find,

    async train(federation, datasetId, method, onProgress, signal) {
      const shared = await newest(federation, signal);
      const [{ createTrainer }, { loadTrainingData }, before] = await Promise.all([
        import('../trainer/index.ts'),
        import('../session/training-data.ts'),
        find(federation, datasetId),
      ]);
      // As a federation that measures on a held-out tenth sets it aside: the same tenth, never trained on here or there.
      const load = (signal: AbortSignal) =>
        loadTrainingData({ ...federation, evaluation: 'local' }, datasetId, signal);
      const trainer = await createTrainer({ federation, load, backend: 'wasm', signal });
      try {
        const { weights } = await trainer.personalize({
          shared,
          personal: continues(before, method) ? before.model.weights : undefined,
          method,
          epochs: EPOCHS,
          seed: seedOf(crypto.getRandomValues(new Uint32Array(2))),
          onProgress,
          signal,
        });
        const model = makeModel(0, trainer.layout, weights);
        const measured = {
          shared: await trainer.measure(shared, signal),
          own: await trainer.measure(model, signal),
        };
        const kept = keptOf(federation, datasetId, shared, model, { method, measured });
        await savePersonal(kept);
        return { method, measured, sharedVersion: shared.version, atMs: kept.atMs, model };
      } finally {
        trainer.dispose();
      }
    },

    remove: ({ id }, datasetId) => deletePersonal(datasetId, id),
  };
}

/** A head does not go on from a whole model, nor the other way round; another λ goes on from where it was. */
function continues(before: PersonalModel | undefined, method: PersonalMethod): before is PersonalModel {
  return before?.method.type === method.type;
}

function keptOf(
  { id }: Federation,
  dataset: string,
  shared: Model,
  { layoutHash, weights }: Model,
  about: Pick<PersonalModel, 'method' | 'measured'>,
): KeptPersonal {
  return {
    dataset,
    federation: id,
    sharedVersion: shared.version,
    atMs: Date.now(),
    layoutHash,
    weights,
    about,
  };
}

function seedOf(words: Uint32Array): string {
  return `personal/${[...words].map((word) => word.toString(16)).join('')}`;
}
