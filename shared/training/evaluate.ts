import { type Tensor, type Tensor2D, tidy } from '@tensorflow/tfjs-core';
import type { Examples } from '../dataset/examples.ts';
import { MurmurationError } from '../errors/index.ts';
import type { Model } from '../update/index.ts';
import { checkExamples, checkInputs, inputBatch } from './batches.ts';
import { throwIfCancelled } from './cancel.ts';
import { type EventLoopYield, eventLoopYield } from './event-loop.ts';
import { type MetricReport, metricReport } from './metric-report.ts';
import { addTotals, emptyTotals, totalsOf } from './metric-totals.ts';
import { countsOf, probabilitiesOfRow } from './metrics.ts';
import type { CompiledModel } from './model/compile.ts';
import { checkLayout, tensorsOf } from './parameters.ts';
import type { EvaluationCounts } from './port.ts';
import { rankingQuality } from './ranking.ts';

/** Numbers in the largest layer of a forward pass: 64 MB of float32, and at most 512 examples. */
const MAX_BATCH_NUMBERS = 16_000_000;
const MAX_BATCH_EXAMPLES = 512;

export interface Evaluation {
  readonly compiled: CompiledModel;
  /** May be empty: a part of a shared evaluation set can be. */
  readonly examples: Examples;
  readonly model: Model;
  readonly signal: AbortSignal;
}

/**
 * Counts right answers and adds up the loss over the targets of the examples, on the current backend.
 * @throws `model.layout-mismatch`, `data.*`, `training.diverged` on an output that is not finite,
 * `training.cancelled` within one batch of the signal.
 */
export async function evaluateModel(evaluation: Evaluation): Promise<EvaluationCounts> {
  const { compiled, examples, model, signal } = evaluation;
  throwIfCancelled(signal);
  checkLayout(compiled.layout, model);
  let counts: EvaluationCounts = { total: 0, correct: 0, lossSum: 0 };
  if (examples.count === 0) return counts;
  checkExamples(compiled, examples);
  await forEachOutput(compiled, model.weights, examples.inputs, examples.count, signal, (outputs, start) => {
    const batch = countsOf(compiled, outputs, targetsFrom(compiled, examples, start, outputs));
    counts = {
      total: counts.total + batch.total,
      correct: counts.correct + batch.correct,
      lossSum: counts.lossSum + batch.lossSum,
    };
  });
  return counts;
}

/** Scores that are kept for ranking: 64 MB of doubles. */
const MAX_SCORES = 2 ** 23;

export interface Measurement extends Evaluation {
  /** Of the standardized target; errors are reported in its own unit. */
  readonly targetScale?: number;
}

/**
 * All metrics that fit the target, over examples of this device. The area under the ROC curve is left out where
 * there are more scores than can be kept.
 * @throws as {@link evaluateModel}.
 */
export async function measureModel(measurement: Measurement): Promise<MetricReport> {
  const { compiled, examples, model, signal, targetScale = 1 } = measurement;
  const { classes, targetsPerExample, outputSize } = compiled;
  throwIfCancelled(signal);
  checkLayout(compiled.layout, model);
  if (examples.count === 0) return metricReport(compiled, emptyTotals(compiled), { targetScale });
  checkExamples(compiled, examples);
  const isRanked = classes > 0 && targetsPerExample === 1 && examples.count * classes <= MAX_SCORES;
  const scores = new Float64Array(isRanked ? examples.count * classes : 0);
  let totals = emptyTotals(compiled);
  await forEachOutput(compiled, model.weights, examples.inputs, examples.count, signal, (outputs, start) => {
    totals = addTotals(totals, totalsOf(compiled, outputs, targetsFrom(compiled, examples, start, outputs)));
    if (!isRanked) return;
    for (let i = 0; i < outputs.length / outputSize; i++) {
      const row = outputs.subarray(i * outputSize, (i + 1) * outputSize);
      probabilitiesOfRow(compiled, row, scores.subarray((start + i) * classes, (start + i + 1) * classes));
    }
  });
  const ranking = isRanked ? rankingQuality(scores, examples.targets, classes) : undefined;
  return metricReport(compiled, totals, { ranking, targetScale });
}

/** The targets that a batch of outputs from the example `start` on belongs to. */
function targetsFrom(
  { targetsPerExample: each, outputSize }: CompiledModel,
  { targets }: Examples,
  start: number,
  outputs: Float32Array,
): Examples['targets'] {
  return targets.subarray(start * each, start * each + outputs.length / outputSize);
}

export interface Prediction {
  readonly compiled: CompiledModel;
  readonly weights: Float32Array;
  /** Whole examples, one after the other. */
  readonly inputs: Float32Array | Uint8Array;
  readonly signal?: AbortSignal;
}

/**
 * @returns examples × targetsPerExample × (classes, or 1), row-major: for classes the probabilities of each, otherwise
 * standardized values.
 * @throws `model.layout-mismatch`, `data.empty`, `data.wrong-shape`, `data.invalid-value`, `training.diverged`.
 */
export async function predict(prediction: Prediction): Promise<Float32Array<ArrayBuffer>> {
  const { compiled, weights, inputs, signal } = prediction;
  const count = Math.ceil(inputs.length / compiled.inputSize);
  if (count === 0) throw new MurmurationError('data.empty', 'There is nothing to predict from.');
  checkInputs(compiled, inputs, count);
  const { outputSize, targetsPerExample: each } = compiled;
  const width = Math.max(1, compiled.classes);
  const predicted = new Float32Array(count * each * width);
  await forEachOutput(compiled, weights, inputs, count, signal, (outputs, start) => {
    if (compiled.target === 'value') {
      predicted.set(outputs, start * each);
      return;
    }
    for (let i = 0; i < outputs.length / outputSize; i++) {
      const at = (start * each + i) * width;
      const row = outputs.subarray(i * outputSize, (i + 1) * outputSize);
      probabilitiesOfRow(compiled, row, predicted.subarray(at, at + width));
    }
  });
  return predicted;
}

/** Runs the model over all inputs, a batch at a time, and hands out each batch's [examples × targets × outputSize]. */
async function forEachOutput(
  compiled: CompiledModel,
  weights: Float32Array,
  inputs: Float32Array | Uint8Array,
  count: number,
  signal: AbortSignal | undefined,
  handle: (outputs: Float32Array, start: number) => void,
): Promise<void> {
  const batchSize = Math.min(
    MAX_BATCH_EXAMPLES,
    Math.max(1, Math.floor(MAX_BATCH_NUMBERS / compiled.largestLayer)),
  );
  const parameters = tensorsOf(compiled.layout, weights);
  const loop: EventLoopYield = eventLoopYield();
  try {
    for (let start = 0; start < count; start += batchSize) {
      const indices = Array.from({ length: Math.min(batchSize, count - start) }, (_, i) => start + i);
      const outputs = await readOutputs(
        tidy(() => compiled.forward(parameters, inputBatch(compiled, inputs, indices))),
      );
      handle(outputs, start);
      await loop.next();
      if (signal !== undefined) throwIfCancelled(signal);
    }
  } finally {
    for (const parameter of parameters) parameter.dispose();
    loop.close();
  }
}

async function readOutputs(outputs: Tensor2D): Promise<Float32Array> {
  try {
    const values = await (outputs as Tensor).data<'float32'>();
    if (values.every(Number.isFinite)) return values;
    throw new MurmurationError('training.diverged', 'The model puts out numbers that are not finite.', {
      remedy: 'Lower the learning rate of the federation, or go back to an earlier model.',
    });
  } finally {
    outputs.dispose();
  }
}
