import { join, resolve } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import { env, setBackend } from '@tensorflow/tfjs-core';
import { check, type ErrorRecord, MurmurationError, toErrorRecord } from '../shared/errors/index.ts';
import type { Federation } from '../shared/federation/index.ts';
import type { Partition } from '../shared/simulate/index.ts';
import {
  compileModel,
  type EvaluationCounts,
  evaluateModel,
  registerMissingWasmKernels,
  type TrainResult,
  trainLocally,
} from '../shared/training/index.ts';
import { instructionSet } from '../shared/training/native/module.ts';
import { type Model, sliceRange } from '../shared/update/index.ts';
import { gather, type StudyImages } from './study-data.ts';

/** Trains and evaluates for study-pool.ts, one job at a time, on a WASM backend of its own. */
export interface WorkerSetup {
  readonly federation: Federation;
  readonly train: StudyImages;
  readonly test: StudyImages;
  readonly partition: Partition;
}

export type Job =
  | { readonly kind: 'train'; readonly client: number; readonly base: Model; readonly seed: string }
  | {
      readonly kind: 'evaluate';
      readonly model: Model;
      readonly part: { readonly index: number; readonly count: number };
    };
export type Request = { readonly id: number; readonly job: Job } | { readonly cancel: number };
export type Reply =
  | { readonly ready: { readonly instructionSet: string } }
  | { readonly id: number; readonly result: TrainResult | EvaluationCounts }
  | { readonly id: number; readonly error: ErrorRecord };

check(parentPort !== null, 'internal', 'This file is for a worker thread.');
const port = parentPort;
const { federation, train, test, partition } = workerData as WorkerSetup;
const running = new Map<number, AbortController>();

await useWasm();
const compiled = compileModel(federation);

port.on('message', (request: Request) => {
  if ('cancel' in request) {
    const reason = new MurmurationError('training.cancelled', 'The simulation no longer needs it.');
    running.get(request.cancel)?.abort(reason);
  } else void answer(request.id, request.job);
});
reply({ ready: { instructionSet: instructionSet() } });

async function answer(id: number, job: Job): Promise<void> {
  const controller = new AbortController();
  running.set(id, controller);
  try {
    const result = await perform(job, controller.signal);
    reply({ id, result }, 'update' in result ? [result.update.delta.buffer] : []);
  } catch (thrown) {
    reply({ id, error: toErrorRecord(thrown) });
  } finally {
    running.delete(id);
  }
}

function perform(job: Job, signal: AbortSignal): Promise<TrainResult | EvaluationCounts> {
  if (job.kind === 'train') {
    const indices = partition[job.client];
    check(indices !== undefined, 'argument.invalid', `There is no client ${job.client}.`);
    const { base, seed } = job;
    const examples = gather(train, indices);
    return trainLocally({ compiled, examples, base, training: federation.training, seed, signal });
  }
  const { start, end } = sliceRange(test.count, job.part.count, job.part.index);
  const indices = Array.from({ length: end - start }, (_, i) => start + i);
  return evaluateModel({ compiled, examples: gather(test, indices), model: job.model, signal });
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
