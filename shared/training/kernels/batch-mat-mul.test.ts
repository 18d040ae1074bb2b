import { broadcastTo, matMul, memory, type Tensor2D, tensor2d, tidy, zeros } from '@tensorflow/tfjs-core';
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

  it.each([
    { a: [2, 1, 4, 3], b: [1, 3, 3, 5] },
    { a: [1, 2, 4, 3], b: [3, 1, 3, 5] },
    { a: [5, 4, 3], b: [1, 3, 5] },
    { a: [1, 4, 3], b: [5, 3, 5] },
    { a: [2, 3, 4, 3], b: [3, 3, 5] },
    { a: [2, 3, 4, 3], b: [3, 5] },
  ])('broadcasts batches: $a by $b', async ({ a, b }) => {
    await useBackend('wasm');
    const outer = Array.from({ length: Math.max(a.length, b.length) - 2 }, (_, i) =>
      Math.max(a.toReversed()[i + 2] ?? 1, b.toReversed()[i + 2] ?? 1),
    ).toReversed();
    const [product, expected] = tidy(() => {
      const [left, right] = [noise('a', a) as Tensor2D, noise('b', b) as Tensor2D];
      return [
        matMul(left, right),
        matMul(
          broadcastTo(left, [...outer, ...a.slice(-2)] as [number, number]),
          broadcastTo(right, [...outer, ...b.slice(-2)] as [number, number]),
        ),
      ] as const;
    });
    expect(product.shape).toEqual([...outer, 4, 5]);
    expect(await product.data()).toEqual(await expected.data());
    product.dispose();
    expected.dispose();
  });

  it('multiplies empty matrices', async () => {
    await useBackend('wasm');
    const [none, nothing] = tidy(() => [
      matMul(zeros([0, 3]) as Tensor2D, zeros([3, 2]) as Tensor2D),
      matMul(zeros([2, 0]) as Tensor2D, zeros([0, 2]) as Tensor2D),
    ]) as [Tensor2D, Tensor2D];
    expect(none.shape).toEqual([0, 2]);
    expect([...(await nothing.data())]).toEqual([0, 0, 0, 0]);
    none.dispose();
    nothing.dispose();
  });

  it('refuses integers', async () => {
    await useBackend('wasm');
    const integers = tensor2d([[1]], undefined, 'int32');
    expect(() => matMul(integers, integers)).toThrow(expect.objectContaining({ code: 'training.failed' }));
    integers.dispose();
  });

  it('leaves no tensor behind', async () => {
    await useBackend('wasm');
    const before = memory();
    tidy(() => void matMul(noise('a', [3, 4]) as Tensor2D, noise('b', [3, 4]) as Tensor2D, true, false));
    expect(memory()).toEqual(before);
  });
});
