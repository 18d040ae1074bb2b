import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { workerData } from 'node:worker_threads';
import { type Examples, readSampleShard, sampleExamples } from '../../shared/dataset/index.ts';
import { check, MurmurationError } from '../../shared/errors/index.ts';
import {
  type CompiledModel,
  compileModel,
  conformanceFault,
  evaluateModel,
  predict,
  probesFor,
} from '../../shared/training/index.ts';
import type { EvaluationCounts } from '../../shared/training/port.ts';
import { chooseEngine, type EngineReport } from '../engines/choose-engine.ts';
import { tfjsEngines } from '../engines/tfjs-engines.ts';
import { sampleData } from '../sample-data.ts';
import { serveJobs } from '../threads/serve-jobs.ts';
import { changedPredictions } from './changed-predictions.ts';
import { compareWeights } from './compare-weights.ts';
import { readHeldOut } from './held-out-reader.ts';
import { encodeQueryRows } from './query-rows.ts';
import type {
  HeldOutSource,
  JudgedModel,
  ThreadJob,
  ThreadReady,
  ThreadResult,
  ThreadSetup,
} from './thread-protocol.ts';

/** Reads held-out examples and runs models on them, for judge.ts: either would hold up every socket in the main thread. */
const { federation, source, readOnly = false } = workerData as ThreadSetup;
/** Examples in a timed pass. */
const TIMED_EXAMPLES = 32;

await serveJobs<ThreadJob, ThreadReady, ThreadResult>(async () => {
  const { examples, classes, sha256 } = await heldOutOf(source);
  const compiled = compileModel(federation);
  const engine = readOnly ? undefined : await engineFor(compiled);
  return {
    ready: { examples: examples?.count ?? 0, classes, engine },
    perform: async (job, signal) => {
      const result = await perform(job, compiled, examples, signal);
      return job.kind === 'evaluate' ? { ...(result as EvaluationCounts), heldOut: sha256 } : result;
    },
  };
});

async function heldOutOf(from: HeldOutSource): Promise<{
  readonly examples: Examples | undefined;
  readonly classes: Readonly<Record<string, number>> | undefined;
  /** Of the file: two sets of the same bytes are one. */
  readonly sha256: string | undefined;
}> {
  switch (from.kind) {
    case 'file': {
      const bytes = await bytesOf(from.path);
      return { ...readHeldOut(bytes, from.format, federation.data), sha256: sha256Of(bytes) };
    }
    case 'digits': {
      const bytes = await sampleData().test();
      return {
        examples: sampleExamples(readSampleShard(bytes)),
        classes: undefined,
        sha256: sha256Of(bytes),
      };
    }
    case 'none':
      return { examples: undefined, classes: undefined, sha256: undefined };
  }
}

function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

async function bytesOf(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new MurmurationError('data.unreadable', 'The held-out set cannot be read.', {
      received: String((cause as { code?: unknown }).code ?? 'a failure of the disk'),
      remedy: 'Check the file in the data folder, or supply it again.',
      cause,
    });
  }
}

function engineFor(compiled: CompiledModel): Promise<EngineReport> {
  const inputs = new Float32Array(TIMED_EXAMPLES * compiled.inputSize);
  const weights = compiled.initialWeights();
  const { signal } = new AbortController();
  return chooseEngine(tfjsEngines, {
    pass: () => predict({ compiled, weights, inputs }),
    fault: () => conformanceFault(probesFor(federation.model), signal),
    nowMs: () => performance.now(),
  });
}

async function perform(
  job: ThreadJob,
  compiled: CompiledModel,
  examples: Examples | undefined,
  signal: AbortSignal,
): Promise<ThreadResult> {
  if (job.kind === 'evaluate') {
    check(examples !== undefined, 'data.empty', 'There are no held-out examples to evaluate on.', {
      remedy: 'Supply a held-out set for this federation.',
    });
    return evaluateModel({ compiled, examples, model: job.model, signal });
  }
  if (job.kind === 'predict') {
    const { weights } = job.model;
    checkFit(compiled, weights);
    const inputs = encodeQueryRows(federation.data, job.rows);
    return {
      outputs: await predict({ compiled, weights, inputs, signal }),
      width: Math.max(1, compiled.classes),
    };
  }
  const { from, to } = job;
  for (const { weights } of [from, to]) checkFit(compiled, weights);
  const weights = compareWeights(compiled.layout, from.weights, to.weights);
  if (examples === undefined) return { weights, evaluations: null, predictions: null };
  const countsOf = (model: JudgedModel) => evaluateModel({ compiled, examples, model, signal });
  return {
    weights,
    evaluations: { from: await countsOf(from), to: await countsOf(to) },
    predictions:
      compiled.target === 'value'
        ? null
        : await changedPredictions(compiled, examples, from.weights, to.weights, signal),
  };
}

function checkFit(compiled: CompiledModel, weights: Float32Array): void {
  check(
    weights.length === compiled.layout.length,
    'model.layout-mismatch',
    'The weights do not fit the model of the federation.',
    { expected: `${compiled.layout.length} weights`, received: String(weights.length) },
  );
}
