import {
  abs,
  add,
  fused,
  matMul,
  max,
  memory,
  relu,
  sigmoid,
  sub,
  type Tensor,
  type Tensor2D,
  type Tensor3D,
  tanh,
  tensor1d,
  tensor2d,
  tidy,
} from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { disagreement, noise, useBackend } from '../testing.ts';

describe('_FusedMatMul on WASM', () => {
  it('multiplies, adds the bias, and cuts off below 0', async () => {
    await useBackend('wasm');
    const result = tidy(() =>
      fused.matMul({
        a: tensor2d([[1, 2]]),
        b: tensor2d([
          [1, -1, 0],
          [1, -1, 0],
        ]),
        bias: tensor1d([0.5, 1, 2]),
        activation: 'relu',
      }),
    );
    expect([...(await result.data())]).toEqual([3.5, 0, 2]);
    result.dispose();
  });

  it.each(['linear', 'relu', 'relu6', 'elu', 'sigmoid', 'leakyrelu'] as const)(
    'agrees with cpu: %s, with a bias and without',
    async (activation) => {
      for (const bias of [undefined, [7], [1, 7], [5, 7]]) {
        for (const transpose of [false, true]) {
          const difference = await disagreement(() =>
            fused.matMul({
              a: noise('a', transpose ? [9, 5] : [5, 9]) as Tensor2D,
              b: noise('b', transpose ? [7, 9] : [9, 7]) as Tensor2D,
              transposeA: transpose,
              transposeB: transpose,
              ...(bias === undefined ? {} : { bias: noise('bias', bias) }),
              activation,
              leakyreluAlpha: 0.3,
            }),
          );
          expect(difference).toBeLessThanOrEqual(1e-6);
        }
      }
    },
  );

  it('agrees with cpu: prelu', async () => {
    const difference = await disagreement(() =>
      fused.matMul({
        a: noise('a', [5, 9]) as Tensor2D,
        b: noise('b', [9, 7]) as Tensor2D,
        bias: noise('bias', [7]),
        activation: 'prelu',
        preluActivationWeights: noise('alpha', [7]),
      }),
    );
    expect(difference).toBeLessThanOrEqual(1e-6);
  });

  it.each([
    ['relu', relu],
    ['sigmoid', sigmoid],
    ['tanh', tanh],
  ] as const)('is the composition of stock kernels, over batches: %s', async (activation, activate) => {
    await useBackend('wasm');
    const difference = tidy(() => {
      const [a, b] = [noise('a', [3, 4, 6]) as Tensor3D, noise('b', [3, 6, 5]) as Tensor3D];
      const bias = noise('bias', [5]);
      const composed = activate(add(matMul(a, b), bias) as Tensor);
      // tfjs's types do not know every activation that its kernels may be asked for.
      const together = fused.matMul({ a, b, bias, activation: activation as 'relu' });
      return max(abs(sub(composed, together))).dataSync()[0]!;
    });
    expect(difference).toBeLessThanOrEqual(1e-7);
  });

  it('refuses an activation that it does not know, and leaves no tensor behind', async () => {
    await useBackend('wasm');
    const before = memory();
    tidy(() => {
      const [a, b] = [noise('a', [3, 4]) as Tensor2D, noise('b', [4, 2]) as Tensor2D];
      for (const activation of ['relu', 'sigmoid'] as const)
        fused.matMul({ a, b, bias: noise('c', [1, 2]), activation });
      expect(() => fused.matMul({ a, b, activation: 'softplus' as 'relu' })).toThrow(
        expect.objectContaining({ code: 'training.failed' }),
      );
    });
    expect(memory()).toEqual(before);
  });
});
