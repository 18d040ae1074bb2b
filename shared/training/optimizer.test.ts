import { memory, tensor1d } from '@tensorflow/tfjs-core';
import { beforeEach, describe, expect, it } from 'vitest';
import { type OptimizerSpec, trainingSchema } from '../federation/index.ts';
import { seededRandom } from '../random/index.ts';
import { adamStep, momentumStep } from './native/reference.ts';
import { applyChanges, disposeOptimizer, initOptimizer } from './optimizer.ts';
import { useBackend } from './testing.ts';

const specOf = (spec: unknown): OptimizerSpec => trainingSchema.parse({ optimizer: spec }).optimizer;

const SPECS: readonly (readonly [string, OptimizerSpec])[] = [
  ['SGD', specOf({ type: 'sgd', learningRate: 0.1 })],
  ['SGD with decay', specOf({ type: 'sgd', learningRate: 0.1, weightDecay: 0.01 })],
  ['momentum', specOf({ type: 'sgd', learningRate: 0.1, momentum: 0.9 })],
  [
    'Nesterov with decay',
    specOf({ type: 'sgd', learningRate: 0.1, momentum: 0.9, nesterov: true, weightDecay: 0.01 }),
  ],
  ['Adam', specOf({ type: 'adam', learningRate: 0.1 })],
  ['AdamW', specOf({ type: 'adamw', learningRate: 0.1, weightDecay: 0.01 })],
];

describe.each(['cpu', 'wasm'] as const)('optimizers on %s', (backend) => {
  beforeEach(() => useBackend(backend));

  // The weight is 1 and the mean gradient 4 / 2 = 2.
  it.each([
    // 1 − 0.1 · 2
    ['SGD', 0.8],
    // 1 − 0.1 · (2 + 0.01 · 1)
    ['SGD with decay', 0.799],
    ['momentum', 0.8],
    // v = 2.01; 1 − 0.1 · (0.9 · 2.01 + 2.01)
    ['Nesterov with decay', 0.6181],
    // The moments are unbiased: 1 − 0.1 · 2 / √4
    ['Adam', 0.9],
    // 1 − 0.1 · (1 + 0.01 · 1)
    ['AdamW', 0.899],
  ])('%s: the first step', async (name, expected) => {
    const spec = SPECS.find(([known]) => known === name)![1];
    expect((await trained(spec, [1], [[4]], 0.5))[0]).toBeCloseTo(expected, 6);
  });

  it.each(SPECS)('%s: ten steps as in double precision', async (_, spec) => {
    const random = seededRandom('optimizer');
    const numbers = () => Array.from({ length: 7 }, () => 2 * random.uniform() - 1);
    const start = numbers();
    const gradients = Array.from({ length: 10 }, numbers);
    const received = await trained(spec, start, gradients, 0.5);
    start.forEach((weight, i) => {
      const expected = inDoubles(
        spec,
        weight,
        gradients.map((gradient) => gradient[i]!),
        0.5,
      );
      expect(Math.abs(received[i]! - expected)).toBeLessThan(2e-6);
    });
  });

  it('puts a statistic in the place of the one before', async () => {
    const [, spec] = SPECS[4]!;
    const before = memory().numTensors;
    const next = tensor1d([5, 6]);
    const state = applyChanges(spec, initOptimizer(spec, [tensor1d([1, 2])]), [{ next }], {
      learningRate: 0.1,
      scale: 1,
    });
    next.dispose();
    expect([...(await state.parameters[0]!.data())]).toEqual([5, 6]);
    disposeOptimizer(state);
    expect(memory().numTensors).toBe(before);
  });
});

/** The weights after a step along each of these gradients. No tensor may be left. */
async function trained(
  spec: OptimizerSpec,
  start: readonly number[],
  gradients: readonly (readonly number[])[],
  scale: number,
): Promise<Float32Array> {
  const before = memory().numTensors;
  let state = initOptimizer(spec, [tensor1d([...start])]);
  for (const numbers of gradients) {
    const gradient = tensor1d([...numbers]);
    state = applyChanges(spec, state, [{ gradient }], { learningRate: spec.learningRate, scale });
    gradient.dispose();
  }
  const weights = await state.parameters[0]!.data<'float32'>();
  disposeOptimizer(state);
  expect(memory().numTensors).toBe(before);
  return weights;
}

function inDoubles(spec: OptimizerSpec, weight: number, gradients: readonly number[], scale: number): number {
  const rate = spec.learningRate;
  if (spec.type === 'sgd') {
    const { momentum, nesterov, weightDecay: decay } = spec;
    return gradients.reduce(
      ({ w, velocity }, g) => momentumStep(w, g, velocity, { rate, scale, decay, momentum, nesterov }),
      { w: weight, velocity: 0 },
    ).w;
  }
  const decay = spec.type === 'adamw' ? spec.weightDecay : 0;
  return gradients.reduce(
    ({ w, m, v }, g, t) => adamStep(w, g, m, v, t + 1, { ...spec, rate, scale, decay }),
    { w: weight, m: 0, v: 0 },
  ).w;
}
