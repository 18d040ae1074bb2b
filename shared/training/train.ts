import type { Examples } from '../dataset/examples.ts';
import { check } from '../errors/index.ts';
import type { RecordPrivacy, TrainingSpec } from '../federation/index.ts';
import { type CryptoRandom, seededRandom } from '../random/index.ts';
import type { RecordNoise } from '../update/index.ts';
import { augmenter } from './augment.ts';
import { type Batches, privateBatches, shuffledBatches } from './batch-order.ts';
import { throwIfCancelled } from './cancel.ts';
import { checkedSource } from './checked-source.ts';
import { eventLoopYield } from './event-loop.ts';
import { meanLoss } from './mean-loss.ts';
import type { CompiledModel } from './model/compile.ts';
import { gaussianNoise } from './noise.ts';
import type { Pacer } from './pace.ts';
import { checkLayout } from './parameters.ts';
import type { TrainJob, TrainResult } from './port.ts';
import { progressReporter } from './progress.ts';
import { uniformSource } from './sampling.ts';
import { learningRateAt } from './schedule.ts';
import type { ExampleSource, Rows } from './source.ts';
import { createStepper, diverged } from './stepper.ts';

/** 1 GB of float32 in the largest layer: beyond it the WASM heap, at most 4 GB, cannot hold a step. */
const MAX_BATCH_NUMBERS = 2 ** 28;
/** 128 MB of float32 in the per-example gradients of one parameter, where a layer makes them. */
const MAX_GRADIENT_NUMBERS = 2 ** 25;
/** Layers with large parameters take norms without per-example gradients; fewer examples at a time only cost time. */
const MIN_MICRO_BATCH = 32;

export interface LocalTraining extends TrainJob {
  readonly compiled: CompiledModel;
  /** In memory, or read a batch at a time: the same examples train the same update either way. */
  readonly examples: Examples | ExampleSource;
  readonly training: TrainingSpec;
  /** What `training.proximal` pulls towards; left out, the base. */
  readonly anchor?: Float32Array;
  /** With `kept`: the learning rate stays what it is (SPEC Z-03 has it grow). */
  readonly keepsRate?: boolean;
  /** Fewest examples worth training on; 1 when left out. */
  readonly minimumExamples?: number;
  /** Rests between steps. */
  readonly pacer?: Pacer;
  /** Trains by DP-SGD. All that is drawn comes from `random` then, nothing from the seed. */
  readonly privacy?: {
    readonly record: RecordPrivacy;
    readonly random: CryptoRandom;
  };
}

/**
 * One participant's part of a round: some epochs of training from `base` over the local examples, on the current
 * backend. The order of examples follows from `seed`, or with record-level privacy from secret coins; the
 * optimizer's memory starts at rest each round. Leaves no tensor behind, however it ends.
 * @returns new weights − base, the mean loss of the last epoch, the steps taken, and the mean loss of the base where asked for.
 * @throws `model.layout-mismatch`, `data.*`, `storage.*` from a source, `training.diverged` on a loss or weight that is not finite,
 * `training.cancelled` within one step of the signal.
 */
export async function trainLocally(job: LocalTraining): Promise<TrainResult> {
  const { compiled, base, training, signal } = job;
  const { layout } = compiled;
  throwIfCancelled(signal);
  checkLayout(layout, base);
  const source = checkedSource(compiled, job.examples);
  const minimum = job.minimumExamples ?? 1;
  check(source.count >= minimum, 'data.too-small', 'There are too few examples to train on.', {
    expected: `at least ${minimum}`,
    received: String(source.count),
    remedy: 'Add data to the data set.',
  });

  const baseLoss = job.measuresBase ? await meanLoss(compiled, source, base, signal) : undefined;
  const batches =
    job.privacy === undefined
      ? shuffledBatches(source.count, training, seededRandom(job.seed))
      : privateBatches(source.count, training, job.privacy.record, uniformSource(job.privacy.random));
  const microBatch = job.privacy === undefined ? batches.largest : microBatchOf(compiled, batches.largest);
  checkBatch(compiled, microBatch);
  const augment = augmenter(compiled, training.augmentation);
  const random = seededRandom(job.privacy === undefined ? job.seed : secretSeed(job.privacy.random));

  const progress = progressReporter(batches.steps, job.onProgress);
  const loop = eventLoopYield();
  const stepper = createStepper({
    compiled,
    training,
    learningRate: learningRateAt(training, base.version),
    base: base.weights,
    random: random.fork('dropout'),
    ...(job.anchor === undefined ? {} : { anchor: job.anchor }),
    ...(job.control === undefined ? {} : { control: job.control }),
    ...(job.kept === undefined ? {} : { kept: job.kept }),
    ...(job.keepsRate === undefined ? {} : { keepsRate: job.keepsRate }),
    ...(job.privacy === undefined
      ? {}
      : {
          privacy: {
            record: job.privacy.record,
            expectedBatch: batches.expectedBatch,
            noise: gaussianNoise(job.privacy.random),
            microBatch,
          },
        }),
  });
  // Of the last pass over the data.
  let lossSum = 0;
  let lossExamples = 0;
  try {
    let next = readAhead(source, batches.at(0), signal);
    for (let step = 0; step < batches.steps; step++) {
      const read = await next;
      if (step + 1 < batches.steps) next = readAhead(source, batches.at(step + 1), signal);
      const startMs = performance.now();
      const { examples, indices } = augment?.(read, random.fork(`augmentation ${step}`)) ?? read;
      const loss = await stepper.step(examples, indices);
      const stepMs = performance.now() - startMs;
      if (step >= batches.steps - batches.stepsPerEpoch) {
        lossSum += loss * indices.length;
        lossExamples += indices.length;
      }
      progress.step(loss, indices.length);
      await loop.next();
      await job.pacer?.afterStep(stepMs, signal);
      throwIfCancelled(signal);
    }
    const delta = await stepper.weights();
    for (let i = 0; i < delta.length; i++) {
      delta[i] = delta[i]! - base.weights[i]!;
      if (!Number.isFinite(delta[i]!)) throw diverged('A weight is no longer a finite number.');
    }
    throwIfCancelled(signal);
    const update = { layoutHash: layout.hash, delta, examples: source.count };
    const recordNoise = job.privacy && recordNoiseOf(job.privacy.record, batches);
    return {
      update: recordNoise === undefined ? update : { ...update, recordNoise },
      loss: lossExamples === 0 ? 0 : lossSum / lossExamples,
      steps: batches.steps,
      ...(baseLoss === undefined ? {} : { baseLoss }),
    };
  } finally {
    stepper.dispose();
    loop.close();
  }
}

/** Reads while the step before is computed. */
function readAhead(source: ExampleSource, indices: Uint32Array, signal: AbortSignal): Promise<Rows> {
  const reading = source.read(indices, signal);
  // Whoever waits for it hears of a failure; until then it is not unhandled.
  reading.catch(() => undefined);
  return reading;
}

/**
 * What is drawn for an example may depend on its place in the batch, which moves when another example is not there.
 * With a seed that others know, that would tell them more than the accountant counts.
 */
function secretSeed(random: CryptoRandom): string {
  return random.bytes(32).join(' ');
}

/** What one round of DP-SGD spends. */
function recordNoiseOf(record: RecordPrivacy, batches: Batches): RecordNoise {
  return {
    noiseMultiplier: record.noiseMultiplier,
    clipNorm: record.clipNorm,
    sampling: record.sampling,
    samplingRate: batches.samplingRate,
    steps: batches.steps,
  };
}

/** As many examples as fit, so that a batch of any size can be trained privately in a small memory. */
function microBatchOf(compiled: CompiledModel, largest: number): number {
  const byActivations = Math.floor(MAX_BATCH_NUMBERS / compiled.largestLayer);
  const byGradients = Math.floor(MAX_GRADIENT_NUMBERS / compiled.largestParameter);
  return Math.max(1, Math.min(largest, byActivations, Math.max(MIN_MICRO_BATCH, byGradients)));
}

function checkBatch(compiled: CompiledModel, batchSize: number): void {
  check(
    batchSize * compiled.largestLayer <= MAX_BATCH_NUMBERS,
    'model.invalid',
    'A batch is too large to train in a browser.',
    {
      path: 'training.batchSize',
      expected: `at most ${Math.floor(MAX_BATCH_NUMBERS / compiled.largestLayer)} for this model`,
      received: String(batchSize),
    },
  );
}
