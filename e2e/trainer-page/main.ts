import { exampleFormat, schemaHash, sliceExamples } from '../../shared/dataset/index.ts';
import { type Federation, parseFederation } from '../../shared/federation/index.ts';
import type { TrainProgress } from '../../shared/training/index.ts';
import { loadTrainingData } from '../../web/src/session/training-data.ts';
import { createDataset, deleteDataset } from '../../web/src/storage/index.ts';
import type { BackendName, BrowserTrainer } from '../../web/src/trainer/index.ts';
import { createTrainer } from '../../web/src/trainer/index.ts';
import type { Verdict } from '../../web/src/trainer/verdict.ts';
import { withVerdict } from '../../web/src/trainer/verdict.ts';
import type { ConformanceTask } from './conformance-worker.ts';

/** A page with nothing but a trainer, for trainer.spec.ts to call. */
const EXAMPLES = 200;

export interface Round {
  readonly backends: { readonly before: string; readonly after: string };
  readonly delta: readonly number[];
  readonly notices: readonly string[];
  /** How often the data was read: once per worker. */
  readonly loads: number;
}

const page = {
  conformanceFaults(task: ConformanceTask): Promise<string[]> {
    const worker = new Worker(new URL('./conformance-worker.ts', import.meta.url), { type: 'module' });
    return new Promise((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = ({ message }) => reject(new Error(message));
      worker.postMessage(task);
    }).finally(() => worker.terminate()) as Promise<string[]>;
  },

  /** Trains one round; at its first progress, does to the worker what `sabotage` says. */
  async round(backend: BackendName, sabotage?: 'lose' | 'crash'): Promise<Round> {
    const notices: string[] = [];
    let loads = 0;
    const trainer = await startTrainer(backend, notices, () => loads++);
    const before = trainer.backend.name;
    const channel = new BroadcastChannel('sabotage');
    let armed = sabotage !== undefined;
    const onProgress = (_: TrainProgress) => {
      if (armed) channel.postMessage(sabotage);
      armed = false;
    };
    const base = await trainer.initialModel();
    const { signal } = new AbortController();
    const { update } = await trainer.train({ base, seed: 'round', signal, onProgress });
    const after = trainer.backend.name;
    trainer.dispose();
    channel.close();
    return { backends: { before, after }, delta: [...update.delta], notices, loads };
  },

  /** How long training takes from its cancellation to its end, in steps that it still reports. */
  async cancelled(): Promise<{ code: string; stepsAfter: number }> {
    const trainer = await startTrainer('wasm', [], () => undefined, 1000);
    const controller = new AbortController();
    let stepsAfter = -1;
    const code = await trainer
      .train({
        base: await trainer.initialModel(),
        seed: 'round',
        signal: controller.signal,
        onProgress: () => {
          stepsAfter++;
          controller.abort();
        },
      })
      .then(
        () => 'none',
        (error) => error.code as string,
      );
    trainer.dispose();
    return { code, stepsAfter };
  },

  /** Trains on a stored data set that is read into memory, on one that is streamed, and on one deleted meanwhile. */
  async streamed(): Promise<{ read: readonly number[]; streamed: readonly number[]; afterDelete: string }> {
    const dataset = await storeDataset();
    const { signal } = new AbortController();
    const start = (streamAboveBytes: number) =>
      createTrainer({
        federation: federation(3),
        load: (signal) => loadTrainingData(federation(3), dataset, signal, streamAboveBytes),
        signal,
        backend: 'wasm',
      });
    const train = async (trainer: BrowserTrainer) => {
      const base = await trainer.initialModel();
      return [...(await trainer.train({ base, seed: 'round', signal })).update.delta];
    };
    const [inMemory, fromShards] = [await start(Number.POSITIVE_INFINITY), await start(0)];
    const [read, streamed] = [await train(inMemory), await train(fromShards)];
    await deleteDataset(dataset);
    const afterDelete = await train(fromShards).then(
      () => 'none',
      (error) => error.code as string,
    );
    inMemory.dispose();
    fromShards.dispose();
    return { read, streamed, afterDelete };
  },

  /** Chooses a backend three times: with no memory, with what the first found, and with that of another browser. */
  async remembered(): Promise<{ measured: readonly boolean[]; names: readonly string[] }> {
    let verdicts: readonly Verdict[] = [];
    const [measured, names]: [boolean[], string[]] = [[], []];
    for (const change of [undefined, undefined, 'another browser']) {
      let added = false;
      if (change !== undefined) verdicts = verdicts.map((verdict) => ({ ...verdict, environment: change }));
      const trainer = await createTrainer({
        federation: federation(1),
        load: async () => data(),
        signal: new AbortController().signal,
        memory: {
          load: async () => verdicts,
          add: async (verdict) => {
            added = true;
            verdicts = withVerdict(verdicts, verdict);
          },
        },
      });
      names.push(trainer.backend.name);
      measured.push(added);
      trainer.dispose();
    }
    return { measured, names };
  },
};

/** Three shards of a data set in IndexedDB. */
async function storeDataset(): Promise<string> {
  const { examples } = data();
  const { data: schema } = federation(1);
  const format = exampleFormat(schema);
  const stored = await createDataset(format, async (writer) => {
    for (const [start, end] of [
      [0, 90],
      [90, 180],
      [180, EXAMPLES],
    ] as const) {
      const { count, inputs, targets } = sliceExamples(examples, start, end);
      await writer.writeShard({ count, inputs: new Blob([inputs]), targets: new Blob([targets]) });
    }
    return writer.finish({
      name: 'Stored',
      kind: 'image',
      schema,
      schemaHash: schemaHash(schema),
      skippedRows: 0,
      format,
      createdAtMs: 0,
      columns: [],
      classCounts: { a: EXAMPLES / 2, b: EXAMPLES / 2 },
    });
  });
  return stored.id;
}

function startTrainer(
  backend: BackendName,
  notices: string[],
  onLoad: () => void,
  epochs = 20,
): Promise<BrowserTrainer> {
  return createTrainer({
    federation: federation(epochs),
    load: async () => {
      onLoad();
      return data();
    },
    signal: new AbortController().signal,
    backend,
    onNotice: ({ text }) => notices.push(text),
    startWorker: () =>
      new Worker(new URL('./sabotaged-worker.ts', import.meta.url), { type: 'module', name: 'trainer' }),
  });
}

function federation(epochs: number): Federation {
  return parseFederation({
    format: 'murmuration/federation',
    formatVersion: 1,
    id: 'test',
    name: 'Test',
    data: { kind: 'image', width: 8, height: 8, channels: 1, labels: ['a', 'b'] },
    model: {
      layers: [
        { type: 'flatten' },
        { type: 'dense', units: 4, activation: 'relu' },
        { type: 'dense', units: 2 },
      ],
      loss: 'softmaxCrossEntropy',
    },
    training: { batchSize: 10, epochs },
  });
}

function data() {
  const inputs = Uint8Array.from({ length: EXAMPLES * 64 }, (_, i) => (i * 97) % 251);
  const targets = Uint16Array.from({ length: EXAMPLES }, (_, i) => i % 2);
  return { examples: { count: EXAMPLES, inputs, targets }, evaluation: undefined };
}

export type TrainerPage = typeof page;
Object.assign(window, { trainerPage: page });
document.title = 'ready';
