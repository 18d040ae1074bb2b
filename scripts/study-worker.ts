import { join, resolve } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import { env, setBackend } from '@tensorflow/tfjs-core';
import { classCount } from '../shared/dataset/index.ts';
import { check, type ErrorRecord, MurmurationError, toErrorRecord } from '../shared/errors/index.ts';
import type { Federation } from '../shared/federation/index.ts';
import {
  compileModel,
  type EvaluationCounts,
  evaluateModel,
  registerMissingWasmKernels,
  type TrainJob,
  type TrainResult,
  trainLocally,
} from '../shared/training/index.ts';
import { instructionSet } from '../shared/training/native/module.ts';
import { type Model, sliceRange } from '../shared/update/index.ts';
import { type Division, rowsOf } from './simulate/division.ts';
import { type ExampleTable, flipTargets, gatherRows } from './simulate/example-table.ts';

/** Trains and evaluates for study-pool.ts, one job after the other, on a WASM backend of its own. */
export interface WorkerSetup {
  readonly federation: Federation;
  readonly train: ExampleTable;
  readonly test: ExampleTable;
  readonly division: Division;
}

export type Job =
  | ({
      readonly kind: 'train';
      readonly client: number;
      /** On examples with wrong labels. */
      readonly flipsLabels: boolean;
      readonly base: string;
    } & Omit<TrainJob, 'signal' | 'onProgress' | 'base'>)
  | {
      readonly kind: 'evaluate';
      readonly model: string;
      readonly part: { readonly index: number; readonly count: number };
    };
/** Models go by their hash; each is sent to a thread once, before the first job that needs it. */
export type Request =
  | { readonly id: number; readonly job: Job }
  | { readonly cancel: number }
  | { readonly model: Model; readonly forget: string | undefined };
export type Reply =
  | { readonly ready: { readonly instructionSet: string } }
  | { readonly id: number; readonly result: TrainResult | EvaluationCounts }
  | { readonly id: number; readonly error: ErrorRecord };

check(parentPort !== null, 'internal', 'This file is for a worker thread.');
const port = parentPort;
const { federation, train, test, division } = workerData as WorkerSetup;
const running = new Map<number, AbortController>();
const models = new Map<string, Model>();
/** One job after the other, in the order they came. */
let last: Promise<void> = Promise.resolve();

await useWasm();
const compiled = compileModel(federation);
const rowsFor = rowsOf(division, train);
const classes = classCount(federation.data);

port.on('message', (request: Request) => {
  if ('cancel' in request) {
    const reason = new MurmurationError('training.cancelled', 'The simulation no longer needs it.');
    running.get(request.cancel)?.abort(reason);
  } else if ('model' in request) {
    models.set(request.model.hash, request.model);
    if (request.forget !== undefined) models.delete(request.forget);
  } else {
    const { id, job } = request;
    const controller = new AbortController();
    running.set(id, controller);
    // What needs a model keeps it, though later ones may push it out before its turn comes.
    const model = models.get(job.kind === 'train' ? job.base : job.model);
    last = last.then(() => answer(id, job, model, controller.signal));
  }
});
reply({ ready: { instructionSet: instructionSet() } });

async function answer(
  id: number,
  job: Job,
  model: Model | undefined,
  signal: AbortController['signal'],
): Promise<void> {
  try {
    signal.throwIfAborted();
    check(model !== undefined, 'internal', 'A job came before its model.');
    const result = await perform(job, model, signal);
    reply({ id, result }, 'update' in result ? [result.update.delta.buffer] : []);
  } catch (thrown) {
    reply({ id, error: toErrorRecord(thrown) });
  } finally {
    running.delete(id);
  }
}

function perform(job: Job, model: Model, signal: AbortSignal): Promise<TrainResult | EvaluationCounts> {
  if (job.kind === 'train') {
    const own = gatherRows(train, rowsFor(job.client));
    const examples = job.flipsLabels ? flipTargets(own, classes) : own;
    return trainLocally({ ...job, base: model, compiled, examples, training: federation.training, signal });
  }
  const { start, end } = sliceRange(test.count, job.part.count, job.part.index);
  const rows = Array.from({ length: end - start }, (_, i) => start + i);
  return evaluateModel({ compiled, examples: gatherRows(test, rows), model, signal });
}

function reply(message: Reply, transfer: ArrayBuffer[] = []): void {
  port.postMessage(message, transfer);
}

async function useWasm(): Promise<void> {
  registerMissingWasmKernels();
  const packages = resolve(import.meta.dirname, '../node_modules');
  setWasmPaths(`${join(packages, '@tensorflow/tfjs-backend-wasm/dist')}/`);
  env().set('WASM_HAS_MULTITHREAD_SUPPORT', false);
  check(await setBackend('wasm'), 'training.backend-unavailable', 'The WASM backend did not start.');
}
