import { tensor1d, tensor2d, tidy } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { useBackend } from '../testing.ts';
import { lossOf } from './loss.ts';

describe.each(['cpu', 'wasm'] as const)('losses on %s', (backend) => {
  beforeAll(() => useBackend(backend));

  const evaluate = (
    spec: Parameters<typeof lossOf>[0],
    outputs: number[][],
    targets: number[],
    dtype: 'int32' | 'float32' = 'int32',
  ) =>
    tidy(() => {
      const { losses, slope } = lossOf(spec)(tensor2d(outputs), tensor1d(targets, dtype));
      return { losses: [...losses.dataSync()], slope: [...slope.dataSync()] };
    });

  it('softmax cross-entropy of equal logits is the logarithm of their number', () => {
    const { losses, slope } = evaluate({ loss: 'softmaxCrossEntropy', huberDelta: 1 }, [[7, 7, 7, 7]], [2]);
    expect(losses[0]).toBeCloseTo(Math.log(4), 6);
    [0.25, 0.25, -0.75, 0.25].forEach((expected, i) => {
      expect(slope[i]).toBeCloseTo(expected, 6);
    });
  });

  it('softmax cross-entropy is exact where powers of e overflow', () => {
    const outputs = [
      [300, -300],
      [300, -300],
    ];
    const { losses, slope } = evaluate({ loss: 'softmaxCrossEntropy', huberDelta: 1 }, outputs, [0, 1]);
    expect(losses).toEqual([0, 600]);
    expect(slope.map((value) => value + 0)).toEqual([0, 0, 1, -1]);
  });

  it('sigmoid cross-entropy is exact where powers of e overflow', () => {
    const outputs = [[300], [300], [-300], [0]];
    const { losses, slope } = evaluate({ loss: 'sigmoidCrossEntropy', huberDelta: 1 }, outputs, [1, 0, 1, 1]);
    expect(losses.slice(0, 3)).toEqual([0, 300, 300]);
    expect(losses[3]).toBeCloseTo(Math.LN2, 6);
    expect(slope).toEqual([0, 1, -1, -0.5]);
  });

  it('huber is half the square up to delta, and a line of slope delta beyond', () => {
    const { losses, slope } = evaluate(
      { loss: 'huber', huberDelta: 2 },
      [[1], [2], [5], [-5]],
      [0, 0, 0, 0],
      'float32',
    );
    expect(losses).toEqual([0.5, 2, 8, 8]); // 1²/2, 2²/2, 2·(5 − 1)
    expect(slope).toEqual([1, 2, 2, -2]);
  });
});
