import { beforeAll, expect, test } from 'vitest';
import { predict } from '../evaluate.ts';
import { federationWith, useBackend } from '../testing.ts';
import { compileModel } from './compile.ts';

beforeAll(() => useBackend('cpu'));

/** gamma, beta, moving mean, moving variance of one channel; then weight and bias of a dense layer that changes nothing. */
const predictWith = (variance: number) =>
  predict({
    compiled: compileModel(
      federationWith(
        [
          { type: 'batchNorm', epsilon: 0.25 },
          { type: 'dense', units: 1 },
        ],
        {
          kind: 'records',
          features: 1,
        },
      ),
    ),
    weights: Float32Array.of(1, 0, 1, variance, 1, 0),
    inputs: Float32Array.of(3),
  });

test('normalizes by the moving averages', async () => {
  // (3 − 1) / √(3.75 + 0.25)
  expect([...(await predictWith(3.75))]).toEqual([1]);
});

test('takes a variance that averaging moved below zero for zero', async () => {
  // (3 − 1) / √0.25; a server learning rate above 1, or rounding, may go beyond every participant's variance.
  expect([...(await predictWith(-1))]).toEqual([4]);
});
