import { describe, expect, test } from 'vitest';
import { applyOptimizer, initOptimizer, type OptimizerRule, optimizerSlots } from './server-optimizer.ts';

/** The weights after each step of the same update. */
function follow(
  rule: OptimizerRule,
  first: readonly number[],
  update: readonly number[],
  rate: number,
  { steps = 4, biasFrom = 0 } = {},
): number[][] {
  let memory = initOptimizer(rule, first.length);
  let weights = [...first];
  return Array.from({ length: steps }, (_, i) => {
    const step = applyOptimizer(rule, memory, Float64Array.from(update), rate, biasFrom && biasFrom + i);
    memory = step.memory;
    weights = weights.map((weight, at) => weight + step.change[at]!);
    return weights;
  });
}
const closeTo = (rows: readonly (readonly number[])[], digits = 12) =>
  rows.map((row) => row.map((value) => expect.closeTo(value, digits)));
const columns = (values: readonly number[]) => values.map((value) => [value]);

describe('Y-10: sgd', () => {
  test('without momentum moves by rate times update, and remembers nothing', () => {
    const rule = { type: 'sgd', momentum: 0, nesterov: false } as const;
    expect(optimizerSlots(rule)).toEqual([]);
    expect(follow(rule, [1], [-2], 0.01)).toEqual(closeTo(columns([0.98, 0.96, 0.94, 0.92])));
  });

  test('with momentum 0.5 (TFF, sgdm_test.py): 2, 3, 3.5, 3.75 hundredths', () => {
    const rule = { type: 'sgd', momentum: 0.5, nesterov: false } as const;
    expect(follow(rule, [1], [-2], 0.01)).toEqual(closeTo(columns([0.98, 0.95, 0.915, 0.8775])));
  });

  test('FedAvgM as Flower runs it, momentum 0.9', () => {
    const rule = { type: 'sgd', momentum: 0.9, nesterov: false } as const;
    // The mean of [0.1, 0.2, −0.3] of weight 1 and [0.3, −0.1, 0.3] of weight 3.
    expect(follow(rule, [1, -2, 0.5], [0.25, -0.025, 0.15], 1).at(-1)).toEqual(
      closeTo([[3.26225, -2.226225, 1.85735]])[0],
    );
  });

  test('with nesterov each step is the update and the momentum to come: 1.5, then 1.75', () => {
    const rule = { type: 'sgd', momentum: 0.5, nesterov: true } as const;
    expect(follow(rule, [0], [1], 1, { steps: 2 })).toEqual([[1.5], [3.25]]);
  });
});

describe('Y-11: adam and yogi', () => {
  test('adam by hand: m = 0.02, v = 0.0103, a step of 0.02 / (√0.0103 + 0.1)', () => {
    const rule = { type: 'adam', beta1: 0.9, beta2: 0.99, tau: 0.1 } as const;
    const { change, memory } = applyOptimizer(rule, initOptimizer(rule, 1), Float64Array.of(0.2), 1);
    expect(optimizerSlots(rule)).toEqual(['first-moment', 'second-moment']);
    expect(memory.map(([value]) => value)).toEqual([expect.closeTo(0.02, 12), expect.closeTo(0.0103, 12)]);
    expect(change[0]).toBeCloseTo(0.02 / (Math.sqrt(0.0103) + 0.1), 12);
  });

  test('adam as Flower runs it: no moments at first, and bias corrected as if a step were over', () => {
    const rule = { type: 'adam', beta1: 0.9, beta2: 0.99, tau: 0.001, firstPreconditioner: 0 } as const;
    const rows = follow(rule, [1, -2, 0.5], [0.25, -0.025, 0.15], 0.1, { biasFrom: 2 });
    expect(rows.at(-1)).toEqual(closeTo([[1.3351954704682076, -2.271381159667517, 0.8293925540326617]])[0]);
  });

  test('adam with the correction of Kingma and Ba moves by the rate where updates stay the same (TFF, adam_test.py)', () => {
    const rule = { type: 'adam', beta1: 0.9, beta2: 0.999, tau: 0, firstPreconditioner: 0 } as const;
    expect(follow(rule, [1], [-2], 0.1, { biasFrom: 1 })).toEqual(closeTo(columns([0.9, 0.8, 0.7, 0.6]), 10));
  });

  test('yogi of Reddi et al.: from v = 0 without correction', () => {
    const rule = { type: 'yogi', beta1: 0.9, beta2: 0.99, tau: 0.001, firstPreconditioner: 0 } as const;
    expect(follow(rule, [1, -2, 0.5], [0.25, -0.025, 0.15], 0.1).at(-1)).toEqual(
      closeTo([[1.5483172421666422, -2.4465564775591595, 1.0391182016433793]])[0],
    );
  });

  test('yogi (TFF, yogi_test.py), to the digits that are there', () => {
    const rule = { type: 'yogi', beta1: 0.9, beta2: 0.999, tau: 0, firstPreconditioner: 0 } as const;
    const rows = follow(rule, [1], [-2], 0.1, { biasFrom: 1 });
    expect(rows).toEqual(closeTo(columns([0.9000007, 0.8000267, 0.700077, 0.600153]), 5));
  });

  test('yogi: a large second moment sinks by (1 − β₂)Δ², and an equal one stays', () => {
    const rule = { type: 'yogi', beta1: 0, beta2: 0.5, tau: 1 } as const;
    const next = (before: number, delta: number) =>
      applyOptimizer(rule, [Float64Array.of(before)], Float64Array.of(delta), 1).memory[0]![0];
    expect([next(9, 2), next(1, 2), next(4, 2)]).toEqual([7, 3, 4]);
  });
});

describe('Y-12: adagrad', () => {
  test('as Flower runs it: 0.1 · 0.5 / (√0.25 + 0.5) = 0.05', () => {
    const rule = { type: 'adagrad', beta1: 0, tau: 0.5, firstPreconditioner: 0 } as const;
    expect(optimizerSlots(rule)).toEqual(['second-moment']);
    expect(follow(rule, [0.1], [0.5], 0.1, { steps: 1 })).toEqual(closeTo([[0.15]]));
  });

  test('adds up squares: 2/√4, 2/√8, 2/√12, 2/√16 hundredths (TFF, adagrad_test.py)', () => {
    const rule = { type: 'adagrad', beta1: 0, tau: 0, firstPreconditioner: 0 } as const;
    const rows = follow(rule, [1], [-2], 0.01);
    expect(rows).toEqual(closeTo(columns([0.99, 0.9829289, 0.9771554, 0.9721554]), 6));
  });

  test('with a first moment it is kept', () => {
    const rule = { type: 'adagrad', beta1: 0.5, tau: 1 } as const;
    // v = 1 + 4, m = 1.
    const { change } = applyOptimizer(rule, initOptimizer(rule, 1), Float64Array.of(2), 1);
    expect(change[0]).toBeCloseTo(1 / (Math.sqrt(5) + 1), 12);
  });
});

test('Y-01: memory begins with zero, and a second moment with τ²', () => {
  expect(initOptimizer({ type: 'yogi', beta1: 0.9, beta2: 0.99, tau: 0.5 }, 2)).toEqual([
    new Float64Array(2),
    Float64Array.of(0.25, 0.25),
  ]);
  expect(initOptimizer({ type: 'sgd', momentum: 0.9, nesterov: false }, 2)).toEqual([new Float64Array(2)]);
});

test('where nothing ever moved and τ is zero nothing moves', () => {
  const rule = { type: 'adagrad', beta1: 0, tau: 0 } as const;
  expect(follow(rule, [1], [0], 1, { steps: 1 })).toEqual([[1]]);
});

test('a memory is not changed, and one of another length is refused by name', () => {
  const rule = { type: 'adam', beta1: 0.9, beta2: 0.99, tau: 0.1 } as const;
  const memory = initOptimizer(rule, 1);
  applyOptimizer(rule, memory, Float64Array.of(1), 1);
  expect(memory).toEqual(initOptimizer(rule, 1));
  for (const bad of [[], memory.slice(1), initOptimizer(rule, 2)])
    expect(() => applyOptimizer(rule, bad, Float64Array.of(1), 1)).toThrow(
      expect.objectContaining({ code: 'update.wrong-length' }),
    );
});
