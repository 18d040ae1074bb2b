import {
  classCount,
  emptyExamples,
  exampleFormat,
  inputSize,
  recordEncoder,
  type refusal,
  tableEncoder,
} from '../../../shared/dataset/index.ts';
import { check, hasCode, MurmurationError } from '../../../shared/errors/index.ts';
import { type Federation, strategySlots, type Target } from '../../../shared/federation/index.ts';
import { countWeights, type Model, modelFromBytes } from '../../../shared/update/index.ts';
import { federationRun } from '../session/runs.ts';
import { runStore } from '../storage/index.ts';
import type { BrowserTrainer } from '../trainer/index.ts';
import type { HttpClient } from './http-client.ts';
import { modelFiles } from './model-files.ts';
import type { ModelInfo, ModelInput, ModelService, PersonalService, Prediction } from './services.ts';
import { encodeTokens } from './token-input.ts';

/** A worker that only predicts is let go when nobody asked for a while. */
const IDLE_MS = 60_000;

/** What the server says about its newest model, without the weights. */
interface ServerModel {
  readonly version: number;
  readonly hash: string;
  readonly layoutHash: string;
  readonly bytes: number;
}

/** Models from this device's store, or the server's where those are newer. Prediction happens in a worker. */
export function deviceModel(http: HttpClient): { model: ModelService; personal: PersonalService } {
  const predictor = idlePredictor();

  /** Undefined: the server is away, and this device never heard which run the federation is at. */
  const runOf = async ({ id }: Federation, signal?: AbortSignal): Promise<string | undefined> => {
    try {
      return (await federationRun(id, signal)).run;
    } catch (error) {
      if (hasCode(error, 'http.unavailable')) return undefined;
      throw error;
    }
  };

  const serverModel = async (run: string, signal?: AbortSignal): Promise<ServerModel | undefined> => {
    try {
      const response = await http.request(`/api/runs/${run}/models/latest`, { method: 'HEAD' }, signal);
      const header = (name: string) => response.headers.get(name) ?? '';
      return {
        version: Number(header('x-model-version')),
        hash: header('x-model-hash'),
        layoutHash: header('x-layout-hash'),
        bytes: Number(header('content-length')),
      };
    } catch (error) {
      if (
        hasCode(error, 'http.unavailable') ||
        hasCode(error, 'model.unavailable') ||
        hasCode(error, 'http.not-found')
      )
        return undefined;
      throw error;
    }
  };

  const find = async (federation: Federation, signal?: AbortSignal) => {
    const run = await runOf(federation, signal);
    if (run === undefined) return undefined;
    const [device, server] = await Promise.all([(await runStore()).loadModel(run), serverModel(run, signal)]);
    const newer = server !== undefined && server.version > (device?.version ?? -1) ? server : undefined;
    return { run, device, server: newer };
  };

  const fetchModel = async (federation: Federation, signal?: AbortSignal): Promise<Model> => {
    const found = await find(federation, signal);
    if (found?.server !== undefined) {
      const { version, hash, layoutHash } = found.server;
      const response = await http.request(
        `/api/runs/${found.run}/models/${version}?hash=${hash}`,
        {},
        signal,
      );
      const bytes = new Uint8Array(await response.arrayBuffer());
      const { layout } = await predictor(federation, signal);
      check(
        layout.hash === layoutHash,
        'model.layout-mismatch',
        'The model of the server is of another shape.',
        {
          expected: layout.hash,
          received: layoutHash,
          remedy: 'Reload the page: the federation may have changed.',
        },
      );
      return modelFromBytes(version, layout, bytes, hash);
    }
    if (found?.device === undefined)
      throw new MurmurationError('model.unavailable', 'There is no model of this federation here.', {
        remedy: 'Take part in a round, or try again when the server can be reached.',
      });
    return found.device;
  };

  let kept: { readonly key: string; readonly model: Model } | undefined;

  /** Asks for the weights once per version, however often somebody draws. */
  const newest = async (federation: Federation, signal?: AbortSignal): Promise<Model> => {
    const found = await find(federation, signal);
    const hash = found?.server?.hash ?? found?.device?.hash;
    const key = `${federation.id}/${hash}`;
    if (hash === undefined || kept?.key !== key) kept = { key, model: await fetchModel(federation, signal) };
    return kept!.model;
  };

  const source = {
    newest,
    layoutOf: async (federation: Federation, signal?: AbortSignal) =>
      (await predictor(federation, signal)).layout,
  };
  const model: ModelService = {
    async latest(federation, signal): Promise<ModelInfo | undefined> {
      const found = await find(federation, signal);
      if (found?.server !== undefined) {
        const { version, hash, bytes } = found.server;
        return {
          version,
          hash,
          parameters: countWeights(bytes, strategySlots(federation.strategy)) ?? 0,
          from: 'server',
        };
      }
      if (found?.device === undefined) return undefined;
      const { version, hash, weights } = found.device;
      return { version, hash, parameters: weights.length, from: 'device' };
    },

    async predict(federation, input, signal, opened) {
      const inputs = encodeInput(federation, input);
      const model = opened?.model ?? (await newest(federation, signal));
      const outputs = await (await predictor(federation, signal)).predict(model, inputs);
      return predictionOf(federation, outputs, input);
    },

    async download(federation, format) {
      const model = await newest(federation);
      if (format === 'weights') return new Blob([model.weights], { type: 'application/octet-stream' });
      const { layout } = await predictor(federation);
      const parameters = layout.parameters.map(({ name, shape, offset, length }) => ({
        name,
        shape,
        values: Array.from(model.weights.subarray(offset, offset + length)),
      }));
      const { version, hash, layoutHash } = model;
      const text = JSON.stringify({
        format: 'murmuration/model',
        version,
        hash,
        layoutHash,
        federation,
        parameters,
      });
      return new Blob([text], { type: 'application/json' });
    },

    files: modelFiles(source),
  };

  // Loaded when somebody asks: with it comes what training reads.
  const personal = async () => (await import('./personal-models.ts')).personalModels(source);
  return {
    model,
    personal: {
      of: async (federation, datasetId) => (await personal()).of(federation, datasetId),
      train: async (federation, datasetId, method, onProgress, signal) =>
        (await personal()).train(federation, datasetId, method, onProgress, signal),
      remove: async (federation, datasetId) => (await personal()).remove(federation, datasetId),
    },
  };
}

/** One worker at a time, for the federation that was asked about last. */
function idlePredictor(): (federation: Federation, signal?: AbortSignal) => Promise<BrowserTrainer> {
  let held: { readonly key: string; readonly trainer: Promise<BrowserTrainer> } | undefined;
  let idle: ReturnType<typeof setTimeout> | undefined;

  const release = (): void => {
    const { trainer } = held!;
    held = undefined;
    trainer.then(
      (started) => started.dispose(),
      (error: unknown) => console.info('The worker that predicts had not started.', error),
    );
  };

  return async (federation) => {
    const key = `${federation.id}/${federation.revision}`;
    clearTimeout(idle);
    if (held !== undefined && held.key !== key) release();
    if (held === undefined) {
      const { createTrainer } = await import('../trainer/index.ts');
      const load = async () => ({
        examples: emptyExamples(exampleFormat(federation.data), 0),
        evaluation: undefined,
      });
      // One example at a time: starting WebAssembly is quicker than measuring which backend is fastest.
      const signal = new AbortController().signal;
      held ??= { key, trainer: createTrainer({ federation, load, backend: 'wasm', signal }) };
    }
    idle = setTimeout(release, IDLE_MS);
    try {
      return await held.trainer;
    } catch (error) {
      held = undefined;
      clearTimeout(idle);
      throw error;
    }
  };
}

/** @throws `data.*` naming the field that cannot be used, in the words of an import. */
export function encodeInput(
  { data }: Pick<Federation, 'data'>,
  input: ModelInput,
): Float32Array<ArrayBuffer> | Uint8Array<ArrayBuffer> {
  const size = inputSize(data);
  if (input.kind === 'image') {
    check(input.pixels.length === size, 'data.wrong-shape', 'The image has the wrong size.', {
      expected: `${size} values`,
      received: String(input.pixels.length),
    });
    return input.pixels;
  }
  if (input.kind === 'tokens' && data.kind === 'tokens') return encodeTokens(data, input.tokens).inputs;
  const encoded = new Float32Array(size);
  const problems: Parameters<typeof refusal>[0]['problems'][number][] = [];
  const report = (problem: (typeof problems)[number]): void => void problems.push(problem);
  if (data.kind === 'tabular' && input.kind === 'tabular') {
    const cells = [...data.columns.map(({ name }) => input.cells[name] ?? ''), anyTarget(data.target)];
    tableEncoder(data, [...cells.keys()]).encode({ cells, row: 1, line: 1 }, encoded, report);
  } else if (data.kind === 'records' && input.kind === 'records') {
    const text = JSON.stringify({ features: input.features, label: anyTarget(data.target) });
    recordEncoder(data).encode({ text, line: 1, row: 1 }, encoded, report);
  } else {
    throw new MurmurationError('data.wrong-shape', 'This is not an example of this federation.', {
      expected: data.kind,
      received: input.kind,
    });
  }
  const [first] = problems;
  if (first !== undefined)
    throw new MurmurationError(first.code, first.summary, {
      path: first.column ?? 'input',
      expected: first.expected,
      received: first.received,
    });
  return encoded;
}

/** The encoders check whole rows; what is asked of the model here is left out of what it is given. */
function anyTarget(target: Target): string {
  return target.type === 'class' ? target.labels[0]! : String(target.mean);
}

function predictionOf({ data }: Federation, outputs: Float32Array, input: ModelInput): Prediction {
  if (data.kind !== 'image' && data.target.type === 'value')
    return { kind: 'value', value: outputs[0]! * data.target.scale + data.target.mean };
  const width = classCount(data)!;
  const position =
    input.kind === 'tokens' && data.kind === 'tokens' ? encodeTokens(data, input.tokens).position : 0;
  return { kind: 'class', probabilities: [...outputs.subarray(position * width, (position + 1) * width)] };
}
