import { trainingSchema } from '../../federation/index.ts';
import { seededRandom } from '../../random/index.ts';
import { throwIfCancelled } from '../cancel.ts';
import type { CompiledModel } from '../model/compile.ts';
import { createStepper } from '../stepper.ts';
import { syntheticExamples } from './synthetic.ts';

export interface Measurement {
  readonly msPerStep: number;
  /** Of the first step: the same on every backend, up to rounding. */
  readonly firstLoss: number;
}

const TIMED_STEPS = 5;
const TRAINING = trainingSchema.parse({ optimizer: { type: 'sgd', learningRate: 1e-3 } });

/**
 * Times training steps of the model on the current backend: the median of up to five, after one that compiles
 * and warms up; fewer, but one at least, when they take longer than `budgetMs`.
 */
export async function measureSteps(
  compiled: CompiledModel,
  batchSize: number,
  budgetMs: number,
  signal: AbortSignal,
): Promise<Measurement> {
  const examples = syntheticExamples(compiled, batchSize);
  const indices = [...Array(batchSize).keys()];
  const stepper = createStepper({
    compiled,
    training: TRAINING,
    learningRate: 1e-3,
    base: compiled.initialWeights(),
    random: seededRandom('measure'),
  });
  try {
    let firstLoss = 0;
    let deadlineMs = Number.POSITIVE_INFINITY;
    const durationsMs: number[] = [];
    for (let i = 0; i <= TIMED_STEPS; i++) {
      const startMs = performance.now();
      const loss = await stepper.step(examples, indices);
      throwIfCancelled(signal);
      const nowMs = performance.now();
      if (i === 0) {
        firstLoss = loss;
        deadlineMs = nowMs + budgetMs;
      } else {
        durationsMs.push(nowMs - startMs);
        if (nowMs > deadlineMs) break;
      }
    }
    durationsMs.sort((a, b) => a - b);
    return { msPerStep: durationsMs[durationsMs.length >> 1]!, firstLoss };
  } finally {
    stepper.dispose();
  }
}
