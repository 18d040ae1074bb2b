import { slice as sliceOf, type Tensor, tensor, tensor1d, tidy, zeros } from '@tensorflow/tfjs-core';
import { beforeEach, describe, expect, it } from 'vitest';
import { seededRandom } from '../../random/index.ts';
import { noise, useBackend } from '../testing.ts';
import { type AttentionSpec, attention } from './attention.ts';
import type { ParameterGradient } from './parameter-gradient.ts';

const pass = { training: true, random: seededRandom('') };
const specOf = (heads: number, more: Partial<AttentionSpec> = {}): AttentionSpec => ({
  type: 'attention',
  heads,
  causal: false,
  ...more,
});
/** One head of one number at two positions, where every kernel is 1 and every bias 0. */
const plain = (causal: boolean) => attention(specOf(1, { causal }), [2, 1], 'layer');
const identity = (): Tensor[] => [
  ...Array.from({ length: 4 }, () => tensor([1], [1, 1])),
  ...Array.from({ length: 4 }, () => zeros([1])),
];
/** e^x / (e^x + 1): how much of 1 there is in the softmax of (0, x). */
const logistic = (x: number): number => 1 / (1 + Math.exp(-x));

describe.each(['cpu', 'wasm'] as const)('attention on %s', (backend) => {
  beforeEach(() => useBackend(backend));

  it('mixes the values of two positions by their scores', () => {
    tidy(() => {
      const { outputs } = plain(false).forward(tensor([0, 1], [1, 2, 1]), identity(), pass);
      // Scores of position 0 are (0, 0), of position 1 (0, 1); values are (0, 1).
      const [first, second] = outputs.dataSync();
      expect(first).toBeCloseTo(0.5, 6);
      expect(second).toBeCloseTo(logistic(1), 6);
    });
  });

  it('does not look ahead when it is causal', () => {
    tidy(() => {
      const { outputs } = plain(true).forward(tensor([3, 1], [1, 2, 1]), identity(), pass);
      const [first, second] = outputs.dataSync();
      expect(first).toBe(3);
      // Scores of position 1 are (3, 1): 3 with the weight of e², 1 with the rest.
      expect(second).toBeCloseTo(1 + 2 * logistic(2), 5);
    });
  });

  it('takes its slopes back through values and scores', () => {
    tidy(() => {
      const { backward } = plain(false).forward(tensor([0, 1], [1, 2, 1]), identity(), pass);
      const { inputs, parameters } = backward(tensor([0, 1], [1, 2, 1]), true);
      // y = p·b + (1 − p)·a with p = σ(b·(b − a)): ∂y/∂a = (1 − p) − (b − a)·p(1 − p)·b, ∂y/∂b = p + (b − a)·p(1 − p)·(2b − a).
      const p = logistic(1);
      const [byA, byB] = inputs!.dataSync();
      expect(byA).toBeCloseTo(1 - p - p * (1 - p), 6);
      expect(byB).toBeCloseTo(p + 2 * p * (1 - p), 6);
      const sums = parameters.map((gradient) => (gradient as ParameterGradient).sum().dataSync()[0]);
      // Kernels multiply (q, k) the scores, (v, o) the values; biases add to them, that of the keys in vain.
      expect(sums).toEqual(
        [p * (1 - p), p * (1 - p), p, p, p * (1 - p), 0, 1, 1].map((value) => expect.closeTo(value, 6)),
      );
    });
  });

  it.each([
    ['one product for several heads', specOf(2), 4],
    ['heads of their own size, causal', specOf(3, { keySize: 2, causal: true }), 5],
  ])('clips without seeing each example: %s', (_, spec, units) => {
    tidy(() => {
      const length = 3;
      const batch = 4;
      const layer = attention(spec, [length, units], 'layer');
      const parameters = layer.parameters.map(({ name, shape }) => noise(name, [...shape]));
      const inputs = noise('inputs', [batch, length, units]);
      const slope = noise('slope', [batch, length, units]);
      const weights = tensor1d([1, 0.5, 0, 2]);
      const together = layer.forward(inputs, parameters, pass).backward(slope, true);
      const alone = Array.from({ length: batch }, (_, i) => {
        const take = (x: Tensor) => sliceOf(x, [i, 0, 0], [1, length, units]);
        return layer.forward(take(inputs), parameters, pass).backward(take(slope), true);
      });
      together.parameters.forEach((result, k) => {
        const gradient = result as ParameterGradient;
        const each = alone.map(({ parameters }) => [
          ...(parameters[k] as ParameterGradient).sum().dataSync(),
        ]);
        const norms = each.map((values) => values.reduce((sum, value) => sum + value ** 2, 0));
        expectClose(gradient.squaredNorms(), norms);
        expectClose(gradient.perExample(), each.flat());
        const factors = weights.dataSync();
        expectClose(
          gradient.sum(weights),
          each[0]!.map((_, at) => each.reduce((sum, values, i) => sum + factors[i]! * values[at]!, 0)),
        );
      });
      expectClose(
        together.inputs!,
        alone.flatMap(({ inputs }) => [...inputs!.dataSync()]),
      );
    });
  });

  it('has slopes that are those of its outputs, by central differences', () => {
    tidy(() => {
      const shape = [1, 3, 4];
      const layer = attention(specOf(2, { causal: true }), [3, 4], 'layer');
      const parameters = layer.parameters.map(({ name, shape }) => noise(name, [...shape]));
      const inputs = noise('inputs', shape);
      const slope = noise('slope', shape);
      const lossAt = (x: Tensor) => {
        const outputs = layer.forward(x, parameters, pass).outputs.dataSync();
        return slope.dataSync<'float32'>().reduce((sum, value, i) => sum + value * outputs[i]!, 0);
      };
      const analytic = layer.forward(inputs, parameters, pass).backward(slope, true).inputs!.dataSync();
      const values = inputs.dataSync<'float32'>();
      const step = 2 ** -7;
      values.forEach((value, i) => {
        const at = (moved: number) => lossAt(tensor(values.with(i, moved), shape));
        expect(analytic[i]).toBeCloseTo((at(value + step) - at(value - step)) / (2 * step), 2);
      });
    });
  });
});

describe('attention', () => {
  it('asks for units that divide among the heads', () => {
    expect(() => attention(specOf(3), [2, 4], 'layer')).toThrow(
      expect.objectContaining({
        code: 'model.invalid',
        facts: expect.objectContaining({ path: 'layer.heads', expected: 'a divisor of 4' }),
      }),
    );
  });

  it('counts its multiply-adds and its scores', () => {
    const { multiplyAdds, largestInside } = attention(specOf(4), [32, 64], 'layer');
    // Four products of 32 × 64 × 64; scores and mixed values of 32 × 32 × 64 each.
    expect({ multiplyAdds, largestInside }).toEqual({
      multiplyAdds: 4 * 32 * 64 * 64 + 2 * 32 * 32 * 64,
      largestInside: 4 * 32 * 32,
    });
  });
});

function expectClose(received: Tensor, expected: readonly number[]): void {
  expect([...received.dataSync()]).toEqual(expected.map((value) => expect.closeTo(value, 4)));
}
