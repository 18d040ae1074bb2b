import { type Tensor3D, tensor1d, tensor2d, tensor3d, tidy } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { relativeDifference } from '../model/reference/compare.ts';
import { useBackend } from '../testing.ts';
import { normalizeChannels, standardizeChannels } from './normalize-channels.ts';
import { normalizeRows } from './normalize-rows.ts';

/** Four whose squares float32 cannot tell apart, and what they are when normalized. */
const LARGE = [10_000, 10_001, 10_002, 10_003];
const NORMALIZED = [-1.5, -0.5, 0.5, 1.5].map((centred) => centred / Math.sqrt(1.25));

describe.each(['cpu', 'wasm'] as const)('normalization on %s', (backend) => {
  beforeAll(() => useBackend(backend));

  it('rows: (1, 3) is (−1, 1), times gamma plus beta', () => {
    tidy(() => {
      const { outputs } = normalizeRows(tensor2d([[1, 3]]), tensor1d([5, 6]), tensor1d([0, 10]), 1e-12);
      expect(relativeDifference(outputs.dataSync(), [-5, 16])).toBeLessThan(1e-6);
    });
  });

  it('rows: small differences of large numbers are kept', () => {
    tidy(() => {
      const [gamma, beta] = [tensor1d([1, 1, 1, 1]), tensor1d([0, 0, 0, 0])];
      const { outputs } = normalizeRows(tensor2d([LARGE]), gamma, beta, 1e-12);
      expect(relativeDifference(outputs.dataSync(), NORMALIZED)).toBeLessThan(1e-5);
    });
  });

  it('rows: equal numbers become beta, and a constant slope does not come back', () => {
    tidy(() => {
      const [gamma, beta] = [tensor1d([1, 1]), tensor1d([7, 8])];
      const { outputs, backward } = normalizeRows(tensor2d([[5, 5]]), gamma, beta, 1e-5);
      expect([...outputs.dataSync()]).toEqual([7, 8]);
      const slope = backward(tensor2d([[2, 2]]));
      expect([...slope.inputs().dataSync()].map(Math.abs)).toEqual([0, 0]);
      expect([...slope.gamma.dataSync()].map(Math.abs)).toEqual([0, 0]);
    });
  });

  it('channels: each group of each set by itself', () => {
    tidy(() => {
      // Two sets of two positions of two channels.
      const x = tensor3d([
        [
          [1, 5],
          [3, 5],
        ],
        [
          [0, 10],
          [0, 14],
        ],
      ]);
      const [gamma, beta] = [tensor1d([1, 1]), tensor1d([0, 0])];
      const each = normalizeChannels(x, gamma, beta, 2, 1e-12);
      expect([...each.mean.dataSync()]).toEqual([2, 5, 0, 12]);
      expect([...each.variance.dataSync()]).toEqual([1, 0, 0, 4]);
      expect(relativeDifference(each.outputs.dataSync(), [-1, 0, 1, 0, 0, -1, 0, 1])).toBeLessThan(1e-5);
      const together = normalizeChannels(x, gamma, beta, 1, 1e-12);
      expect([...together.mean.dataSync()]).toEqual([3.5, 3.5, 6, 6]);
    });
  });

  it('channels: small differences of large numbers are kept', () => {
    tidy(() => {
      const x = tensor3d(LARGE, [1, 4, 1]);
      const { outputs } = normalizeChannels(x, tensor1d([1]), tensor1d([0]), 1, 1e-12);
      expect(relativeDifference(outputs.dataSync(), NORMALIZED)).toBeLessThan(1e-5);
    });
  });

  it('channels, with moments from elsewhere: 3·(7 − 1) / √(8 + 1) + 4 is 10', () => {
    tidy(() => {
      const one = (value: number): Tensor3D => tensor3d([[[value]]]);
      const moments = { mean: tensor1d([1]), variance: tensor1d([8]) };
      const { outputs, backward } = standardizeChannels(one(7), tensor1d([3]), tensor1d([4]), moments, 1);
      expect(outputs.dataSync()[0]).toBeCloseTo(10, 5);
      const slope = backward(one(5));
      expect(slope.inputs().dataSync()[0]).toBeCloseTo(5, 5); // 5·3 / √9
      expect(slope.gamma.dataSync()[0]).toBeCloseTo(10, 5); // 5·(7 − 1) / √9
      expect(slope.beta.dataSync()[0]).toBe(5);
    });
  });
});
