import { tensor1d } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { useBackend } from '../testing.ts';
import { clipWeights } from './clip-weights.ts';

describe.each(['cpu', 'wasm'] as const)('clipWeights on %s', (backend) => {
  beforeAll(() => useBackend(backend));

  async function weightsOf(...squaredNorms: readonly (readonly number[])[]): Promise<number[]> {
    const parts = squaredNorms.map((norms) => tensor1d([...norms]));
    const weights = clipWeights(parts, 1);
    const values = [...(await weights.data())];
    for (const tensor of [...parts, weights]) tensor.dispose();
    return values.map((value) => Math.round(value * 1e6) / 1e6);
  }

  it('is the clipping norm over the length of all parts together, at most 1', async () => {
    // √(3² + 4²) is 5, √(0.3² + 0.4²) is 0.5.
    expect(await weightsOf([9, 0.09, 0], [16, 0.16, 4])).toEqual([0.2, 1, 0.5]);
  });

  it('leaves gradients of zero, and what rounding made of them', async () => {
    expect(await weightsOf([0, -1e-9])).toEqual([1, 1]);
  });

  it('drops what is too long to be told, and does not hide what is no number', async () => {
    expect(await weightsOf([1, Number.NaN], [Number.POSITIVE_INFINITY, 1])).toEqual([0, Number.NaN]);
  });
});
