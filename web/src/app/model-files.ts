import { emptyExamples, exampleFormat, inputShape } from '../../../shared/dataset/index.ts';
import { MurmurationError } from '../../../shared/errors/index.ts';
import type { Federation } from '../../../shared/federation/index.ts';
import { type Layout, type Model, makeModel } from '../../../shared/update/index.ts';
import { loadExamples } from '../storage/index.ts';
import type { ModelFilesService } from './services.ts';

/** Twice the largest model in float32, for files of float64. */
const MAX_FILE_BYTES = 400_000_000;

export interface ModelSource {
  newest(federation: Federation, signal?: AbortSignal): Promise<Model>;
  layoutOf(federation: Federation, signal?: AbortSignal): Promise<Layout>;
}

/** Models as files of this device. What reads and writes them is loaded when it is first asked for. */
export function modelFiles({ newest, layoutOf }: ModelSource): ModelFilesService {
  return {
    async save(federation, format, signal) {
      const [{ saveKeras, saveSafetensors }, model, layout] = await Promise.all([
        import('../../../shared/training/formats/index.ts'),
        newest(federation, signal),
        layoutOf(federation, signal),
      ]);
      const name = `${federation.id}-v${model.version}`;
      const spec = federation.model;
      const about = {
        federation: federation.id,
        revision: String(federation.revision),
        version: String(model.version),
        hash: model.hash,
      };
      const files =
        format === 'safetensors'
          ? [
              {
                name: `${name}.safetensors`,
                bytes: saveSafetensors({ model: spec, layout }, model.weights, about),
              },
            ]
          : saveKeras(
              {
                model: spec,
                inputShape: inputShape(federation.data),
                layout,
                weights: model.weights,
                metadata: about,
              },
              name,
            );
      return files.map(({ name, bytes }) => ({ name, blob: new Blob([bytes], { type: typeOf(name) }) }));
    },

    async open(federation, files, signal) {
      const bytes = files.reduce((sum, { size }) => sum + size, 0);
      if (bytes > MAX_FILE_BYTES)
        throw new MurmurationError('model.invalid', 'The model is too large for this page.', {
          expected: `at most ${MAX_FILE_BYTES} bytes`,
          received: String(bytes),
        });
      const [{ openModelFile }, layout, read] = await Promise.all([
        import('../../../shared/training/formats/index.ts'),
        layoutOf(federation, signal),
        Promise.all(files.map(readFile)),
      ]);
      signal?.throwIfAborted();
      const { format, weights, notes } = openModelFile(read, { model: federation.model, layout });
      return {
        name: files.map(({ name }) => name).join(', '),
        format,
        notes,
        model: makeModel(0, layout, weights),
      };
    },

    async evaluate(federation, datasetId, opened, signal) {
      const model = opened?.model ?? (await newest(federation, signal));
      const { createTrainer } = await import('../trainer/index.ts');
      const load = async (signal: AbortSignal) => ({
        examples: emptyExamples(exampleFormat(federation.data), 0),
        evaluation: await loadExamples(datasetId, signal),
      });
      const trainer = await createTrainer({ federation, load, backend: 'wasm', signal });
      try {
        return await trainer.measure(model, signal);
      } finally {
        trainer.dispose();
      }
    },
  };
}

async function readFile(file: File): Promise<{ name: string; bytes: Uint8Array<ArrayBuffer> }> {
  try {
    return { name: file.name, bytes: new Uint8Array(await file.arrayBuffer()) };
  } catch (cause) {
    throw new MurmurationError('data.unreadable', 'The file cannot be read.', {
      path: file.name,
      remedy: 'Choose it again: it was moved or changed since.',
      cause,
    });
  }
}

function typeOf(name: string): string {
  return name.endsWith('.json') ? 'application/json' : 'application/octet-stream';
}
