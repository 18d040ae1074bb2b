import { describe, expect, test } from 'vitest';
import { strategyOf } from '../aggregate/index.ts';
import { combineRuleOf } from '../aggregate/robust/index.ts';
import { encodingOf, type FixedPoint, type Lattice, roundToLattice } from '../compress/index.ts';
import { parseFederation, type RobustSpec } from '../federation/index.ts';
import { webCryptoRandom } from '../random/index.ts';
import { ALICE, attemptOf, BOB, CAROL, DAVE, LAYOUT, modelOf } from '../testing/session-fixtures.ts';
import { type ClippedUpdate, layoutOf, type Model, makeModel, staged } from '../update/index.ts';
import { type AggregatorContext, createAggregator } from './aggregator.ts';
import type { Part } from './effects.ts';
import type { Judge } from './judge.ts';

const encoding: FixedPoint = { fractionalBits: 4, clipNorm: 100, maxWeight: 1 };
const federation = parseFederation({
  format: 'murmuration/federation',
  formatVersion: 1,
  id: 'toy',
  name: 'Toy',
  data: { kind: 'records', features: 1 },
  model: { layers: [{ type: 'dense', units: 1 }], loss: 'meanSquaredError' },
});
const IDS = [ALICE, BOB, CAROL, DAVE];
/** Each moves all six weights by so many sixteenths. */
const partsOf = (steps: readonly number[]): Part[] =>
  steps.map((step, i) => ({ members: [IDS[i]!], weight: 1, values: new Int32Array(6).fill(step) }));
const robustOf = (change: Partial<RobustSpec> = {}): RobustSpec => {
  return { rule: { type: 'median' }, byzantine: 1, mixing: 'none', screening: 'none', ...change };
};
const signal = new AbortController().signal;
const base = async () => modelOf(0, 0);

function aggregate(
  robust: RobustSpec | undefined,
  steps: readonly number[],
  change: Partial<AggregatorContext> = {},
) {
  const aggregator = createAggregator({
    robust,
    encoding,
    layout: LAYOUT,
    strategy: strategyOf(federation, LAYOUT),
    noise: undefined,
    combine: combineRuleOf(robust, encoding),
    judge: undefined,
    ...change,
  });
  const parts = { attempt: attemptOf(), tally: 1, over: 'updates', parts: partsOf(steps) } as const;
  return aggregator.aggregate(parts, base, signal);
}
/** Loss is the distance of the first weight to one sixteenth. */
const judge: Judge = {
  evaluate: async ({ weights }: Model) => ({
    total: 4,
    correct: 0,
    lossSum: 4 * Math.abs(1 / 16 - weights[0]!),
  }),
};

test('without a rule parts are added, and noise comes on top where there is some', async () => {
  const { sum, outcomes } = await aggregate(undefined, [1, 2, 3]);
  expect([sum.weight, ...sum.values]).toEqual([3, 6, 6, 6, 6, 6, 6]);
  expect(outcomes).toEqual([]);
  const noise = { addTo: (values: Int32Array) => void values.fill(100) };
  expect((await aggregate(undefined, [1, 2, 3], { noise })).sum.values[0]).toBe(100);
});

test('Q-01, Q-08: a median of 1, 2 and 900 stands for three of 2; the one that is far out is suspected', async () => {
  const { sum, outcomes } = await aggregate(robustOf(), [1, 2, 900]);
  expect([sum.weight, sum.values[0]]).toEqual([3, 6]);
  expect(outcomes.map(({ members, suspicion }) => [members, suspicion])).toEqual([
    [[ALICE], 0],
    [[BOB], 0],
    [[CAROL], 1],
  ]);
});

test('Q-04: fewer than the rule needs are refused with the arithmetic, screened or not', async () => {
  for (const screening of ['none', 'held-out'] as const)
    await expect(aggregate(robustOf({ screening }), [1, 2], { judge })).rejects.toMatchObject({
      code: 'aggregate.too-few',
      message: expect.stringContaining('n ≥ 2f + 1 = 3, received 2'),
    });
});

describe('screening', () => {
  const screening = 'held-out';

  test('Q-06 Z-08: in a round that moves nothing but the norm nobody made anything worse', async () => {
    const compressed = parseFederation({
      ...federation,
      strategy: { type: 'fedavg', weighting: 'uniform', compression: { bits: 8 } },
    });
    // So many that rounding is surely more than what is told of the lengths of updates.
    const layout = layoutOf([{ name: 'w', shape: [4096] }]);
    const lattice = encodingOf(compressed, layout) as Lattice;
    const start = makeModel(0, layout, new Float32Array(layout.length));
    const delta = new Float32Array(layout.length).fill(1e-5);
    const update = staged<ClippedUpdate>({ layoutHash: layout.hash, delta, clipNorm: 20, weight: 1 });
    const parts = IDS.map((id): Part => {
      const random = webCryptoRandom(globalThis.crypto);
      return { members: [id], ...roundToLattice(update, lattice, start, random).update };
    });
    const robust = robustOf({ screening, rule: { type: 'mean' } });
    const strategy = strategyOf(compressed, layout);
    const aggregator = createAggregator({
      robust,
      encoding: lattice,
      layout,
      strategy,
      noise: undefined,
      combine: combineRuleOf(robust, lattice),
      judge,
    });
    const whole = { attempt: attemptOf(), tally: 1, over: 'updates', parts } as const;
    const { sum } = await aggregator.aggregate(whole, async () => start, signal);
    expect(sum.weight).toBe(4);
    const next = strategy.apply(start, sum, layout, lattice);
    expect([...next.weights]).toEqual([...start.weights]);
    expect(next.clipNorm).toBeLessThan(20);
  });

  test('Q-06: what makes the model worse is left out, however many they are', async () => {
    const { sum, outcomes } = await aggregate(robustOf({ screening }), [1, -50, -50, -50], { judge });
    // One is left, fewer than a median needs: its mean, with its weight.
    expect([sum.weight, sum.values[0]]).toEqual([1, 1]);
    expect(outcomes.map(({ isKept, suspicion }) => [isKept, suspicion])).toEqual([
      [true, 0],
      [false, 1],
      [false, 1],
      [false, 1],
    ]);
    expect(outcomes[0]!.contribution).toBeCloseTo(1 / 16);
    expect(outcomes[1]!.contribution).toBeCloseTo(-50 / 16);
  });

  test('Q-07: with none left nothing is published', async () => {
    await expect(aggregate(robustOf({ screening }), [-1, -2, -3], { judge })).rejects.toMatchObject({
      code: 'aggregate.all-screened',
    });
  });

  test('Q-06: without a judge, or when it fails, nothing is published', async () => {
    await expect(aggregate(robustOf({ screening }), [1, 1, 1])).rejects.toMatchObject({
      code: 'aggregate.no-held-out',
    });
    const broken: Judge = { evaluate: () => Promise.reject(new Error('gone')) };
    await expect(aggregate(robustOf({ screening }), [1, 1, 1], { judge: broken })).rejects.toThrow('gone');
  });

  test('Q-26: of two held-out sets nothing is compared: the attempt ends, and is tried again', async () => {
    let asked = 0;
    const replaced: Judge = {
      evaluate: async (model) => ({
        ...(await judge.evaluate(model, signal)),
        heldOut: asked++ < 2 ? 'one' : 'another',
      }),
    };
    await expect(aggregate(robustOf({ screening }), [1, 1, 1], { judge: replaced })).rejects.toMatchObject({
      code: 'round.superseded',
    });
    const { sum } = await aggregate(robustOf({ screening }), [1, 1, 1], { judge: replaced });
    expect(sum.weight).toBe(3);
  });

  test('Q-06: a loss that is not a number is the worst', async () => {
    const dizzy: Judge = {
      evaluate: async (model) =>
        model.weights[0]! > 1 ? { total: 4, correct: 0, lossSum: Number.NaN } : judge.evaluate(model, signal),
    };
    const { outcomes } = await aggregate(robustOf({ screening }), [1, 1, 900], { judge: dizzy });
    expect(outcomes.map(({ isKept }) => isKept)).toEqual([true, true, false]);
    expect(outcomes[2]).not.toHaveProperty('contribution');
  });
});
