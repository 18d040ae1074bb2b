import { expose, type ProxyMarked, type Remote, releaseProxy, transfer } from 'comlink';
import { emptyExamples, exampleFormat } from '../../../shared/dataset/example-builder.ts';
import { type Examples, sliceExamples } from '../../../shared/dataset/examples.ts';
import { check, MurmurationError } from '../../../shared/errors/index.ts';
import type { Federation } from '../../../shared/federation/index.ts';
import { webCryptoRandom } from '../../../shared/random/index.ts';
import {
  type BackendReport,
  type CompiledModel,
  chooseBackend,
  compileModel,
  createPacer,
  type EvaluateJob,
  type EvaluationCounts,
  type ExampleSource,
  evaluateModel,
  fineTuneHead,
  type LocalTraining,
  type MetricReport,
  measureModel,
  type PaceLimits,
  type Pacer,
  type Personal,
  predict,
  streamedSource,
  type TrainJob,
  type TrainProgress,
  type TrainResult,
  trainDitto,
  trainLocally,
} from '../../../shared/training/index.ts';
import { type Model, makeModel, sliceRange } from '../../../shared/update/index.ts';
import type { JobId, PersonalJob, TrainerNotice, TrainerReady, TrainerSetup } from './api.ts';
import { backendLoss } from './backend-loss.ts';
import { backendCandidates } from './backends.ts';
import { environmentName } from './environment.ts';
import { type LossWatch, watchLoss } from './loss-watch.ts';
import { type Reply, replyWith } from './reply.ts';
import { findVerdict, isLasting, type Verdict } from './verdict.ts';

/**
 * The worker that trains: holds the examples, the compiled model and the backend. Its client is client.ts.
 */
interface Prepared extends TrainerSetup {
  readonly source: Examples | ExampleSource;
  readonly compiled: CompiledModel;
  readonly backendName: string;
  readonly loss: LossWatch;
  readonly pacer: Pacer;
}
type Callback<T> = Remote<((value: T) => void) & ProxyMarked>;

let prepared: Prepared | undefined;
let paceLimits: PaceLimits | undefined;
const jobs = new Map<JobId, AbortController>();

const api = {
  setUp(
    job: JobId,
    setup: TrainerSetup,
    onNotice: Callback<TrainerNotice> | undefined,
  ): Promise<Reply<TrainerReady>> {
    return runJob(job, async (signal) => {
      const compiled = compileModel(setup.federation);
      const source = await sourceOf(setup, signal);
      const { backend, verdict } = await choose(setup, compiled, signal);
      paceLimits ??= setup.pace;
      prepared = {
        ...setup,
        source,
        compiled,
        backendName: backend.name,
        loss: watchLoss(backendLoss(backend.name)),
        pacer: createPacer(
          () => paceLimits!,
          (slowed) => void onNotice?.(slowedNotice(slowed)),
        ),
      };
      return { layout: compiled.layout, backend, examples: setup.examples.count, verdict };
    });
  },

  setPace(pace: PaceLimits): void {
    paceLimits = pace;
  },

  async initialModel(): Promise<Reply<Model>> {
    const reply = await replyWith(() => {
      const { compiled } = whenPrepared();
      return makeModel(0, compiled.layout, compiled.initialWeights());
    });
    return reply.ok ? transfer(reply, [reply.value.weights.buffer]) : reply;
  },

  async train(
    job: JobId,
    task: Pick<TrainJob, 'base' | 'seed' | 'control' | 'kept' | 'measuresBase'>,
    onProgress: Callback<TrainProgress> | undefined,
  ): Promise<Reply<TrainResult>> {
    const reply = await runOnBackend(job, async (signal) => {
      const { compiled, source, federation, pacer } = whenPrepared();
      return trainLocally({
        ...task,
        ...recordPrivacy(federation),
        compiled,
        examples: source,
        training: federation.training,
        signal,
        pacer,
        onProgress: (progress) => void onProgress?.(progress),
      });
    });
    onProgress?.[releaseProxy]();
    return reply.ok ? transfer(reply, [reply.value.update.delta.buffer]) : reply;
  },

  async personalize(
    job: JobId,
    { method, epochs, personal, ...task }: Omit<PersonalJob, 'signal' | 'onProgress'>,
    onProgress: Callback<TrainProgress> | undefined,
  ): Promise<Reply<Personal>> {
    const reply = await runOnBackend(job, async (signal) => {
      const { compiled, source, federation, pacer } = whenPrepared();
      const work = {
        ...task,
        ...(personal === undefined ? {} : { personal }),
        compiled,
        examples: source,
        training: { ...federation.training, epochs },
        signal,
        pacer,
        onProgress: (progress: TrainProgress) => void onProgress?.(progress),
      };
      return method.type === 'head' ? fineTuneHead(work) : trainDitto(work, method.lambda);
    });
    onProgress?.[releaseProxy]();
    return reply.ok ? transfer(reply, [reply.value.weights.buffer]) : reply;
  },

  evaluate(
    job: JobId,
    { model, part }: Pick<EvaluateJob, 'model' | 'part'>,
  ): Promise<Reply<EvaluationCounts>> {
    return runOnBackend(job, async (signal) => {
      const { compiled, evaluation } = whenPrepared();
      if (evaluation === undefined) return { total: 0, correct: 0, lossSum: 0 };
      return evaluateModel({ compiled, examples: partOf(evaluation, part), model, signal });
    });
  },

  measure(job: JobId, model: Model): Promise<Reply<MetricReport>> {
    return runOnBackend(job, async (signal) => {
      const { compiled, evaluation, federation } = whenPrepared();
      const { data } = federation;
      const targetScale = data.kind !== 'image' && data.target.type === 'value' ? data.target.scale : 1;
      const examples = evaluation ?? emptyExamples(exampleFormat(data), 0);
      return measureModel({ compiled, examples, model, signal, targetScale });
    });
  },

  predict(
    job: JobId,
    weights: Float32Array<ArrayBuffer>,
    inputs: Float32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>,
  ): Promise<Reply<Float32Array<ArrayBuffer>>> {
    return runOnBackend(job, (signal) =>
      predict({ compiled: whenPrepared().compiled, weights, inputs, signal }),
    );
  },

  /** Does nothing when the job is already done. */
  cancel(job: JobId): void {
    jobs.get(job)?.abort();
  },
};
export type TrainerWorkerApi = typeof api;
expose(api);

/** What the worker keeps of stored examples: little next to a backend. */
const KEPT_BYTES = 64_000_000;

async function sourceOf({ examples }: TrainerSetup, signal: AbortSignal): Promise<Examples | ExampleSource> {
  if ('inputs' in examples) return examples;
  const { openShards } = await import('../storage/dataset-shards.ts');
  return streamedSource(await openShards(examples.dataset, signal), KEPT_BYTES, examples.rows);
}

/** With record-level privacy, what training needs for it: coins and noise that nobody can predict. */
function recordPrivacy({ privacy: { record } }: Federation): Pick<LocalTraining, 'privacy'> {
  return record === undefined ? {} : { privacy: { record, random: webCryptoRandom(crypto) } };
}

/** A choice of before holds for the same model, batch, browser, code and adapters. */
async function choose(
  { federation, backend: request, excluded, verdicts }: TrainerSetup,
  compiled: CompiledModel,
  signal: AbortSignal,
): Promise<{ backend: BackendReport; verdict: Verdict | undefined }> {
  const { batchSize } = federation.training;
  const key = {
    layoutHash: compiled.layout.hash,
    batchSize,
    environment: await environmentName(),
  };
  const remembered = request === 'auto' ? findVerdict(verdicts, key)?.report : undefined;
  const candidates = backendCandidates(request);
  const backend = await chooseBackend(candidates, {
    compiled,
    batchSize,
    signal,
    model: federation.model,
    excluded,
    remembered,
  });
  const isNew = request === 'auto' && backend !== remembered;
  if (!isNew || !isLasting(backend, excluded, candidates)) return { backend, verdict: undefined };
  const { name, id: federationId } = federation;
  return { backend, verdict: { ...key, federation: name, federationId, atMs: Date.now(), report: backend } };
}

/**
 * As {@link runJob}, for work that the backend does. What goes wrong there, and has no name, is the backend's; a
 * GPU that is lost may leave the work waiting for ever, so it is not waited for.
 */
function runOnBackend<T>(job: JobId, work: (signal: AbortSignal) => Promise<T>): Promise<Reply<T>> {
  return runJob(job, (signal) => {
    const { backendName, loss } = whenPrepared();
    const failed = async (thrown: unknown): Promise<never> => {
      if (thrown instanceof MurmurationError) throw thrown;
      // Work on a lost device may fail a moment before the loss is told, and with words that tell nothing.
      await new Promise((resolve) => setTimeout(resolve, LOSS_TOLD_WITHIN_MS));
      throw new MurmurationError('training.backend-failed', `The ${backendName} backend failed.`, {
        received: thrown instanceof Error ? thrown.message : String(thrown),
        cause: thrown,
      });
    };
    return loss.unlessLost(
      () => work(signal).catch(failed),
      ({ reason, transient }) => {
        const code = transient ? 'training.backend-lost' : 'training.backend-failed';
        return new MurmurationError(code, `The ${backendName} backend was lost.`, { received: reason });
      },
    );
  });
}

const LOSS_TOLD_WITHIN_MS = 200;

function slowedNotice(slowed: boolean): TrainerNotice {
  return slowed
    ? {
        level: 'info',
        text: 'Training has become slow: the device is hot or busy. It now rests half of the time.',
      }
    : { level: 'info', text: 'Training is as fast as before again, and rests no longer than you chose.' };
}

async function runJob<T>(job: JobId, work: (signal: AbortSignal) => Promise<T>): Promise<Reply<T>> {
  const controller = new AbortController();
  jobs.set(job, controller);
  try {
    return await replyWith(() => work(controller.signal));
  } finally {
    jobs.delete(job);
  }
}

function whenPrepared(): Prepared {
  check(prepared !== undefined, 'training.failed', 'The trainer was used before it was set up.');
  return prepared;
}

function partOf(examples: Examples, part: EvaluateJob['part']): Examples {
  const { start, end } = sliceRange(examples.count, part.count, part.index);
  return sliceExamples(examples, start, end);
}
