import { memory, type Tensor, type Tensor4D, tensor1d, tidy } from '@tensorflow/tfjs-core';
import { beforeEach, describe, expect, it } from 'vitest';
import { convolutionFilterGradient, perExampleFilterGradients, type Window } from '../ops/convolution.ts';
import { noise, useBackend } from '../testing.ts';
import { filterGradient } from './filter-gradient.ts';

const window: Window = { size: 2, stride: 1, padding: 'valid' };
const shape = [2, 2, 3, 4];
const FILTER = 48;

/** Five examples of 3 × 3 × 3, each gradient of 48 numbers. @param held how many gradients may be held at once. */
function gradientWith(held: number) {
  const inputs = noise('inputs', [5, 3, 3, 3]) as Tensor4D;
  const slopes = noise('slopes', [5, 2, 2, 4]) as Tensor4D;
  const asked: number[] = [];
  const each = (x: Tensor4D, dy: Tensor4D) => {
    asked.push(x.shape[0]);
    return perExampleFilterGradients(x, dy, shape, window);
  };
  const total = (x: Tensor4D, dy: Tensor4D) => convolutionFilterGradient(x, dy, shape, window);
  return { asked, gradient: filterGradient({ inputs, slopes, shape, each, total }, held * FILTER) };
}

describe.each(['cpu', 'wasm'] as const)('the gradient of a filter on %s', (backend) => {
  beforeEach(() => useBackend(backend));

  it.each([
    [5, [5]],
    [2, [2, 2, 1]],
    [0.5, [1, 1, 1, 1, 1]],
  ])('holds those of at most %d examples, with the same result', (held, expected) => {
    const before = memory().numTensors;
    tidy(() => {
      const weights = tensor1d([1, 0.5, 0, 2, 0.25]);
      const results = ({ gradient }: ReturnType<typeof gradientWith>): Tensor[] => [
        gradient.squaredNorms(),
        gradient.sum(weights),
        gradient.sum(),
      ];
      const parts = gradientWith(held);
      const whole = results(gradientWith(5)).map((result) => result.dataSync());
      results(parts).forEach((result, i) => {
        result.dataSync().forEach((value, k) => {
          expect(value).toBeCloseTo(whole[i]![k]!, 4);
        });
      });
      expect(parts.asked).toEqual(expected);
    });
    expect(memory().numTensors).toBe(before);
  });
});
