import { matMul, memory, type Tensor2D, tensor2d, tidy } from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { disagreement, noise, useBackend } from '../testing.ts';

describe('BatchMatMul on WASM', () => {
  it('multiplies a transposed matrix', async () => {
    await useBackend('wasm');
    const product = tidy(() =>
      matMul(
        tensor2d([
          [1, 2],
          [3, 4],
        ]),
        tensor2d([[1], [10]]),
        true,
      ),
    );
    expect([...(await product.data())]).toEqual([31, 42]);
    product.dispose();
  });

  it.each([
    { a: [4, 3], b: [3, 5], transposeA: false, transposeB: false },
    { a: [3, 4], b: [3, 5], transposeA: true, transposeB: false },
    { a: [4, 3], b: [5, 3], transposeA: false, transposeB: true },
    { a: [3, 4], b: [5, 3], transposeA: true, transposeB: true },
    { a: [2, 3, 4], b: [2, 3, 5], transposeA: true, transposeB: false },
    { a: [32, 784], b: [32, 128], transposeA: true, transposeB: false },
  ])('agrees with cpu: $a by $b, transposed $transposeA, $transposeB', async (product) => {
    const { a, b, transposeA, transposeB } = product;
    const difference = await disagreement(() =>
      matMul(noise('a', a) as Tensor2D, noise('b', b) as Tensor2D, transposeA, transposeB),
    );
    expect(difference).toBeLessThanOrEqual(1e-5);
  });

  it('leaves no tensor behind', async () => {
    await useBackend('wasm');
    const before = memory();
    tidy(() => void matMul(noise('a', [3, 4]) as Tensor2D, noise('b', [3, 4]) as Tensor2D, true, false));
    expect(memory()).toEqual(before);
  });
});
