import { expose, type ProxyMarked, type Remote, releaseProxy, transfer } from 'comlink';
import type { Examples } from '../../../shared/dataset/examples.ts';
import { check } from '../../../shared/errors/index.ts';
import {
  type CompiledModel,
  chooseBackend,
  compileModel,
  type EvaluateJob,
  type EvaluationCounts,
  evaluateModel,
  predict,
  type TrainJob,
  type TrainProgress,
  type TrainResult,
  trainLocally,
} from '../../../shared/training/index.ts';
import { type Model, makeModel, sliceRange } from '../../../shared/update/index.ts';
import type { JobId, TrainerReady, TrainerSetup } from './api.ts';
import { backendCandidates } from './backends.ts';
import { type Reply, replyWith } from './reply.ts';

/**
 * The worker that trains: holds the examples, the compiled model and the backend. Its client is client.ts.
 */
interface Prepared extends TrainerSetup {
  readonly compiled: CompiledModel;
}
type ProgressProxy = Remote<((progress: TrainProgress) => void) & ProxyMarked>;

let prepared: Prepared | undefined;
const jobs = new Map<JobId, AbortController>();

const api = {
  setUp(job: JobId, setup: TrainerSetup): Promise<Reply<TrainerReady>> {
    return runJob(job, async (signal) => {
      const compiled = compileModel(setup.federation);
      const backend = await chooseBackend(backendCandidates(setup.backend), {
        compiled,
        batchSize: setup.federation.training.batchSize,
        signal,
      });
      prepared = { ...setup, compiled };
      return { layout: compiled.layout, backend };
    });
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
    { base, seed }: Pick<TrainJob, 'base' | 'seed'>,
    onProgress: ProgressProxy | undefined,
  ): Promise<Reply<TrainResult>> {
    const reply = await runJob(job, (signal) => {
      const { compiled, examples, federation } = whenPrepared();
      return trainLocally({
        compiled,
        examples,
        base,
        training: federation.training,
        seed,
        signal,
        onProgress: (progress) => void onProgress?.(progress),
      });
    });
    onProgress?.[releaseProxy]();
    return reply.ok ? transfer(reply, [reply.value.update.delta.buffer]) : reply;
  },

  evaluate(
    job: JobId,
    { model, part }: Pick<EvaluateJob, 'model' | 'part'>,
  ): Promise<Reply<EvaluationCounts>> {
    return runJob(job, async (signal) => {
      const { compiled, evaluation } = whenPrepared();
      if (evaluation === undefined) return { total: 0, correct: 0, lossSum: 0 };
      const examples = partOf(evaluation, compiled.inputSize, part);
      return evaluateModel({ compiled, examples, model, signal });
    });
  },

  predict(
    job: JobId,
    weights: Float32Array<ArrayBuffer>,
    inputs: Float32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>,
  ): Promise<Reply<Float32Array<ArrayBuffer>>> {
    return runJob(job, (signal) => predict({ compiled: whenPrepared().compiled, weights, inputs, signal }));
  },

  /** Does nothing when the job is already done. */
  cancel(job: JobId): void {
    jobs.get(job)?.abort();
  },
};
export type TrainerWorkerApi = typeof api;
expose(api);

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

/** Views, not copies. */
function partOf(examples: Examples, inputSize: number, part: EvaluateJob['part']): Examples {
  const { start, end } = sliceRange(examples.count, part.count, part.index);
  return {
    count: end - start,
    inputs: examples.inputs.subarray(start * inputSize, end * inputSize),
    targets: examples.targets.subarray(start, end),
  };
}
