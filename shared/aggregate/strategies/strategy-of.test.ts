import { describe, expect, test } from 'vitest';
import { encodingOf, vectorLengthOf } from '../../compress/index.ts';
import {
  type FederationInput,
  type Strategy as StrategySpec,
  strategyExtras,
  strategySlots,
} from '../../federation/index.ts';
import { makeModel } from '../../update/index.ts';
import type { Strategy } from '../strategy.ts';
import { strategyOf } from './strategy-of.ts';
import { strategyFederation, vectorLayout } from './testing.ts';

const layout = vectorLayout(3);
const base = makeModel(4, layout, Float32Array.of(1, -1, 0));
type Input = NonNullable<FederationInput['strategy']>;

const OPTIMIZERS: readonly Input['serverOptimizer'][] = [
  undefined,
  { type: 'sgd' },
  { type: 'sgd', momentum: 0.9 },
  { type: 'sgd', momentum: 0.9, nesterov: true },
  { type: 'adam' },
  { type: 'yogi' },
  { type: 'adam', beta1: 0 },
  { type: 'adagrad' },
  { type: 'adagrad', beta1: 0.9 },
];
const TYPES: readonly Input[] = [
  { type: 'fedavg' },
  { type: 'scaffold', population: 4, weighting: 'uniform' },
  { type: 'fednova' },
  { type: 'qfedavg' },
  { type: 'fedbuff' },
];
const ALL = TYPES.flatMap((type) =>
  OPTIMIZERS.map((serverOptimizer) => ({ ...type, ...(serverOptimizer && { serverOptimizer }) }) as Input),
);

function made(input: Input) {
  const federation = strategyFederation(input);
  const encoding = encodingOf(federation, layout);
  return { strategy: strategyOf(federation, layout), spec: federation.strategy, encoding };
}

/** What this update and its extras come to as a sum of one. */
function sumOf(input: Input, update: readonly number[], extras: readonly number[] = []) {
  const { encoding } = made(input);
  if (encoding.kind !== undefined) throw new Error('no fixed point');
  const unit = 2 ** encoding.fractionalBits;
  const values = [...update, ...extras.map((value) => value * encoding.clipNorm)];
  return { values: Int32Array.from(values, (value) => Math.round(value * unit)), weight: 1 };
}

const apply = (
  strategy: Strategy,
  input: Input,
  update: readonly number[],
  extras: readonly number[] = [],
  from = base,
) => strategy.apply(from, sumOf(input, update, extras), layout, made(input).encoding);

describe.each(ALL.map((input) => [JSON.stringify(input), input] as const))('%s', (_, input) => {
  test('Y-01 Y-02: slots and extras are as many as the document says', () => {
    const { strategy, spec, encoding } = made(input);
    expect(strategy.slots.length).toBe(strategySlots(spec as StrategySpec));
    expect(strategy.extras).toBe(strategyExtras(spec as StrategySpec, 3));
    expect(vectorLengthOf(encoding, 3)).toBe(3 + strategy.extras);
  });

  test('Y-01: the state of the next model is as long; one of another document counts as none', () => {
    const { strategy } = made(input);
    const extras = Array.from({ length: strategy.extras }, () => 0.5);
    const next = apply(strategy, input, [0.5, 0.25, -0.5], extras);
    expect(next.version).toBe(5);
    expect(next.state?.length ?? 0).toBe(3 * strategy.slots.length);
    const state = new Float32Array(3 * (strategy.slots.length + 1)).fill(0.7);
    const foreign = makeModel(4, layout, base.weights, 3, state);
    expect(apply(strategy, input, [0.5, 0.25, -0.5], extras, foreign)).toEqual(next);
  });

  test('M-06: a sum of another length, or of no weight, is refused by name', () => {
    const { strategy, encoding } = made(input);
    const short = { values: new Int32Array(2 + strategy.extras), weight: 1 };
    const empty = { values: new Int32Array(3 + strategy.extras), weight: 0 };
    expect(() => strategy.apply(base, short, layout, encoding)).toThrow(
      expect.objectContaining({ code: 'update.wrong-length' }),
    );
    expect(() => strategy.apply(base, empty, layout, encoding)).toThrow(
      expect.objectContaining({ code: 'round.too-few-participants' }),
    );
  });
});

test('a model that could not travel with its memory is refused by name, with the arithmetic', () => {
  const { strategy, training } = strategyFederation({ type: 'fedavg', serverOptimizer: { type: 'adam' } });
  expect(strategyOf({ strategy, training }, { length: 16_000_000 }).slots.length).toBe(2);
  expect(() => strategyOf({ strategy, training }, { length: 17_000_000 })).toThrow(
    expect.objectContaining({ code: 'model.invalid', message: expect.stringContaining('204000000 bytes') }),
  );
});

test('Y-11: the example of the specification, weights and state rounded once', () => {
  const input: Input = {
    type: 'fedavg',
    weighting: 'uniform',
    clipNorm: 1,
    serverOptimizer: { type: 'adam', tau: 0.1 },
  };
  const { strategy, encoding } = made(input);
  if (encoding.kind !== undefined) throw new Error('no fixed point');
  const two = [0.3, 0.1].map((value) => Math.round(value * 2 ** encoding.fractionalBits));
  const values = Int32Array.of(two[0]! + two[1]!, 0, 0);
  const { weights, state } = strategy.apply(base, { values, weight: 2 }, layout, encoding);
  expect(weights[0]).toBeCloseTo(1.09926, 5);
  expect([state![0], state![3]]).toEqual([expect.closeTo(0.02, 6), expect.closeTo(0.0103, 7)]);
  // Where nothing moved only v shrinks.
  expect([...weights.subarray(1)]).toEqual([-1, 0]);
  expect(state![4]).toBe(Math.fround(0.99 * 0.1 * 0.1));
});

test('Y-01 Y-10: two rounds of momentum ½ move by the update, then by one and a half times that', () => {
  const input: Input = {
    type: 'fedavg',
    clipNorm: 1,
    weighting: 'uniform',
    serverOptimizer: { type: 'sgd', momentum: 0.5 },
  };
  const { strategy } = made(input);
  const first = apply(strategy, input, [0.5, 0, -0.25]);
  const second = apply(strategy, input, [0.5, 0, -0.25], [], first);
  expect([...second.weights]).toEqual([2.25, -1, -0.625]);
  expect([...second.state!]).toEqual([0.75, 0, -0.375]);
});

// Computed apart from this project, in Python, whose doubles are those of IEEE 754 as well.
test('Y-04 M-07: FedAdam’s bits are these on every engine', () => {
  const input: Input = { type: 'fedavg', serverOptimizer: { type: 'adam' }, serverLearningRate: 0.1 };
  const { strategy } = made(input);
  let model = base;
  for (let round = 0; round < 5; round++)
    model = apply(strategy, input, [0.1 * round, -0.3, 0.7 / (round + 1)], [], model);
  expect(model.hash).toBe('9437f43c0ecfac6f29d52a45c4cf0861f4c88f0bc9fb1ef846a7eb2d55850d84');
});

test('Y-01: what leaves the floats is refused by name', () => {
  const input: Input = {
    type: 'fedavg',
    serverOptimizer: { type: 'adagrad' },
    clipNorm: 1e6,
    weighting: 'uniform',
  };
  const { strategy, encoding } = made(input);
  const state = new Float32Array(3).fill(3.4e38);
  const full = makeModel(4, layout, base.weights, undefined, state);
  const lot = { values: new Int32Array(3).fill(2 ** 30), weight: 1 };
  expect(() => strategy.apply(full, lot, layout, encoding)).not.toThrow();
  expect(() =>
    strategy.apply(full, lot, layout, { ...encoding, fractionalBits: -80 } as typeof encoding),
  ).toThrow(expect.objectContaining({ code: 'update.non-finite' }));
});
