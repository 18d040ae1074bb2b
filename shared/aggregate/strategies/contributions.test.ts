import { describe, expect, test } from 'vitest';
import { makeModel } from '../../update/index.ts';
import type { LocalWork } from '../strategy.ts';
import { stepNorm } from './fed-nova.ts';
import { strategyOf } from './strategy-of.ts';
import { strategyFederation, vectorLayout } from './testing.ts';

const layout = vectorLayout(2);
const base = makeModel(4, layout, Float32Array.of(1, -1), undefined, Float32Array.of(0.5, 0));
const work = (delta: number[], more: Partial<LocalWork> = {}): LocalWork => ({
  base,
  update: { layoutHash: layout.hash, delta: Float32Array.from(delta), examples: 7 },
  steps: 4,
  learningRate: 0.1,
  baseLoss: undefined,
  memory: undefined,
  ...more,
});
const code = (name: string) => expect.objectContaining({ code: name });

describe('SCAFFOLD', () => {
  const federation = strategyFederation({
    type: 'scaffold',
    weighting: 'uniform',
    population: 2,
    controlClipNorm: 5,
  });
  const { prepare, contribute } = strategyOf(federation, layout);
  const own = Float32Array.of(0.25, 1);

  test('Y-20: each step is corrected by c − cᵢ', () => {
    expect(prepare(base, own)).toEqual({ control: Float32Array.of(0.25, -1) });
    expect(prepare(base, undefined)).toEqual({ control: Float32Array.of(0.5, 0) });
  });

  test('Y-21: by hand: cᵢ⁺ = cᵢ − c + (x − y)/(Kη)', () => {
    // (x − y)/(4 · 0.1) = [−2, 1]; the change is that less c: [−2.5, 1], in units of 5.
    const { update, extras, memory } = contribute(work([0.8, -0.4], { memory: own }));
    expect([...extras]).toEqual([expect.closeTo(-0.5, 6), expect.closeTo(0.2, 6)]);
    expect([...memory!]).toEqual([expect.closeTo(-2.25, 6), expect.closeTo(2, 6)]);
    expect([...update.delta]).toEqual([...Float32Array.of(0.8, -0.4)]);
  });

  test('Y-21: a change of length 50 is scaled down to 5: [−0.6, 0.8] of it', () => {
    const { extras, memory } = contribute(work([11.8, -16]));
    expect([...extras]).toEqual([expect.closeTo(-0.6, 6), expect.closeTo(0.8, 6)]);
    expect([...memory!]).toEqual([expect.closeTo(-3, 5), expect.closeTo(4, 5)]);
  });

  test('a rate of zero tells nothing of a gradient, and changes nothing', () => {
    const { extras, memory } = contribute(work([0, 0], { learningRate: 0, memory: own }));
    expect([...extras]).toEqual([0, 0]);
    expect(memory).toEqual(own);
  });

  test('Y-03: a variate of another model is one that was lost', () => {
    expect(prepare(base, new Float32Array(3))).toEqual(prepare(base, undefined));
  });

  test.each([
    ['no steps', work([1, 1], { steps: 0 }), 'argument.invalid'],
    ['what is not finite', work([Number.NaN, 1]), 'update.non-finite'],
  ])('%s is refused by name', (_, bad, name) => {
    expect(() => contribute(bad)).toThrow(code(name));
  });
});

describe('FedNova', () => {
  const federation = (proximal: number) =>
    strategyFederation(
      { type: 'fednova', maxSteps: 8 },
      { training: { proximal, optimizer: { type: 'sgd', learningRate: 0.1 } } },
    );

  test('Y-30: the update over its four steps, and 4/8', () => {
    const { update, extras } = strategyOf(federation(0), layout).contribute(work([0.8, -0.4]));
    expect([...update.delta]).toEqual([...Float32Array.of(0.2, -0.1)]);
    expect([...extras]).toEqual([0.5]);
  });

  test('Y-30: with μ = 5 steps count 1, ½, ¼, ⅛', () => {
    const { update, extras } = strategyOf(federation(5), layout).contribute(work([1.875, 0]));
    expect(update.delta[0]).toBe(1);
    expect(extras[0]).toBeCloseTo(1.875 / 8, 6);
  });

  test('Y-30: ‖a‖₁ where steps do not shrink, overshoot, or end at once', () => {
    expect([stepNorm(9, 0), stepNorm(9, 2), stepNorm(3, 1.5), stepNorm(9, 1)]).toEqual([9, 9, 1.75, 1]);
    expect(stepNorm(1_000_000, 0.5)).toBeCloseTo(2, 12);
  });

  test.each([
    [9, 'training.too-many-steps'],
    [0, 'argument.invalid'],
  ])('Y-31: %d steps of at most eight are refused by name', (steps, name) => {
    expect(() => strategyOf(federation(0), layout).contribute(work([1, 1], { steps }))).toThrow(code(name));
  });
});

describe('q-FedAvg', () => {
  const made = (q: number) =>
    strategyOf(
      strategyFederation(
        { type: 'qfedavg', q, maxLoss: 4, clipNorm: 5 },
        { training: { optimizer: { type: 'adam', learningRate: 0.5 } } },
      ),
      layout,
    );

  test('Y-40: it asks for the loss of the base', () => {
    expect(made(1).prepare(base, undefined)).toEqual({ measuresBase: true });
  });

  test('Y-40: by hand, q = 2, F = 2 of at most 4, u = [3, 4], L = 2', () => {
    // (F/M)² = ¼; H = 1 + 2 · 2 · 25 / 4 = 26; ¼ + 2 · ½ · 2 · 25 / 4 = 12.75.
    const { update, extras } = made(2).contribute(work([3, 4], { baseLoss: 2 }));
    expect([...update.delta]).toEqual([0.75, 1]);
    expect(extras[0]).toBeCloseTo(12.75 / 26, 6);
  });

  test('Y-40: a longer update counts as one of the clipping norm, above and below', () => {
    const [longer, whole] = [
      [30, 40],
      [3, 4],
    ].map((delta) => made(2).contribute(work(delta, { baseLoss: 2 })));
    expect(longer!.extras[0]).toBeCloseTo(whole!.extras[0]!, 6);
    expect([...longer!.update.delta]).toEqual(
      [...whole!.update.delta].map((value) => expect.closeTo(value, 6)),
    );
  });

  test('Y-40: losses are between M/1024 and M, where nothing that goes along is beyond one', () => {
    for (const q of [0, 0.2, 0.9, 1, 3, 10])
      for (const baseLoss of [0, 1e-9, 4, 1e9]) {
        const [extra] = made(q).contribute(work([3, 4], { baseLoss })).extras;
        expect(extra).toBeGreaterThan(0);
        expect(extra).toBeLessThanOrEqual(1);
      }
    const at = (baseLoss: number) => made(1).contribute(work([3, 4], { baseLoss })).extras;
    expect([at(0), at(100)]).toEqual([at(4 / 1024), at(4)]);
  });

  test.each([undefined, Number.NaN, Number.POSITIVE_INFINITY])(
    'a loss of %s is refused by name',
    (baseLoss) => {
      expect(() => made(1).contribute(work([1, 1], { baseLoss }))).toThrow(code('update.non-finite'));
    },
  );

  test('an update that is not finite is refused by name', () => {
    expect(() => made(1).contribute(work([Number.NaN, 1], { baseLoss: 1 }))).toThrow(
      code('update.non-finite'),
    );
  });

  test('Y-41: a sum that says nothing leaves the model as it is', () => {
    const encoding = { fractionalBits: 10, clipNorm: 5, maxWeight: 10_000, extras: 1 };
    for (const denominator of [0, -100]) {
      const sum = { values: Int32Array.of(500, 500, denominator), weight: 3 };
      expect([...made(1).apply(base, sum, layout, encoding).weights]).toEqual([1, -1]);
    }
  });
});
