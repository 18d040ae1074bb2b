import type { Examples } from '../dataset/examples.ts';
import { check } from '../errors/index.ts';
import type { TrainingSpec } from '../federation/index.ts';
import { seededRandom, shuffle } from '../random/index.ts';
import { checkExamples } from './batches.ts';
import { throwIfCancelled } from './cancel.ts';
import { eventLoopYield } from './event-loop.ts';
import type { CompiledModel } from './model/compile.ts';
import { checkLayout, tensorsOf, weightsOf } from './parameters.ts';
import type { TrainJob, TrainResult } from './port.ts';
import { progressReporter } from './progress.ts';
import { disposeSgd, initSgd } from './sgd.ts';
import { diverged, readLoss, stepOnBatch } from './step.ts';

/** 1 GB of float32 in the largest layer: beyond it the WASM heap, at most 4 GB, cannot hold a step. */
const MAX_BATCH_NUMBERS = 2 ** 28;

export interface LocalTraining extends TrainJob {
  readonly compiled: CompiledModel;
  readonly examples: Examples;
  readonly training: TrainingSpec;
  /** Fewest examples worth training on; 1 when left out. */
  readonly minimumExamples?: number;
}

/**
 * One participant's part of a round: some epochs of SGD from `base` over the local examples, on the current
 * backend. The order of examples follows from `seed`; momentum starts at rest each round; the last batch of an
 * epoch may be smaller. Leaves no tensor behind, however it ends.
 * @returns new weights − base, and the mean loss of the last epoch.
 * @throws `model.layout-mismatch`, `data.*`, `training.diverged` on a loss or weight that is not finite,
 * `training.cancelled` within one step of the signal.
 */
export async function trainLocally(job: LocalTraining): Promise<TrainResult> {
  const { compiled, examples, base, training, signal } = job;
  const { layout } = compiled;
  throwIfCancelled(signal);
  checkLayout(layout, base);
  checkExamples(compiled, examples);
  const minimum = job.minimumExamples ?? 1;
  check(examples.count >= minimum, 'data.too-small', 'There are too few examples to train on.', {
    expected: `at least ${minimum}`,
    received: String(examples.count),
    remedy: 'Add data to the data set.',
  });

  checkBatch(compiled, Math.min(training.batchSize, examples.count));

  const batchesPerEpoch = Math.ceil(examples.count / training.batchSize);
  const progress = progressReporter(batchesPerEpoch * training.epochs, job.onProgress);
  const order = Uint32Array.from({ length: examples.count }, (_, i) => i);
  const random = seededRandom(job.seed);
  const loop = eventLoopYield();
  let state = initSgd(tensorsOf(layout, base.weights), training.optimizer.momentum);
  let epochLoss = 0;
  try {
    for (let epoch = 0; epoch < training.epochs; epoch++) {
      shuffle(order, random.fork(epoch));
      let lossSum = 0;
      for (let start = 0; start < order.length; start += training.batchSize) {
        const indices = order.subarray(start, start + training.batchSize);
        const step = stepOnBatch(compiled, examples, training.optimizer, state, indices);
        state = step.state;
        const loss = await readLoss(step.loss);
        lossSum += loss * indices.length;
        progress.step(loss, indices.length);
        await loop.next();
        throwIfCancelled(signal);
      }
      epochLoss = lossSum / examples.count;
    }
    const delta = await weightsOf(layout, state.parameters);
    for (let i = 0; i < delta.length; i++) {
      delta[i] = delta[i]! - base.weights[i]!;
      if (!Number.isFinite(delta[i]!)) throw diverged('A weight is no longer a finite number.');
    }
    throwIfCancelled(signal);
    return { update: { layoutHash: layout.hash, delta, examples: examples.count }, loss: epochLoss };
  } finally {
    disposeSgd(state);
    loop.close();
  }
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
