import { throwIfCancelled } from '../cancel.ts';
import type { CompiledModel } from '../model/compile.ts';
import { tensorsOf } from '../parameters.ts';
import { disposeSgd, initSgd } from '../sgd.ts';
import { readLoss, stepOnBatch } from '../step.ts';
import { syntheticExamples } from './probe.ts';

export interface Measurement {
  readonly msPerStep: number;
  /** Of the first step: the same on every backend, up to rounding. */
  readonly firstLoss: number;
}

const TIMED_STEPS = 5;

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
  const optimizer = { type: 'sgd', learningRate: 1e-3, momentum: 0 } as const;
  let state = initSgd(tensorsOf(compiled.layout, compiled.initialWeights()), 0);
  try {
    let firstLoss = 0;
    let deadlineMs = Number.POSITIVE_INFINITY;
    const durationsMs: number[] = [];
    for (let i = 0; i <= TIMED_STEPS; i++) {
      const startMs = performance.now();
      const step = stepOnBatch(compiled, examples, optimizer, state, indices);
      state = step.state;
      const loss = await readLoss(step.loss);
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
    disposeSgd(state);
  }
}
