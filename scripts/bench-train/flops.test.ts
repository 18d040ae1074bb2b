import { describe, expect, it } from 'vitest';
import type { FederationInput } from '../../shared/federation/index.ts';
import { parseFederation } from '../../shared/federation/index.ts';
import { trainingFederation } from '../../shared/testing/training-models.ts';
import { trainingFlops } from './flops.ts';

describe('operations of a training step, per example', () => {
  it('perceptron: the first layer passes no gradient further back', () => {
    // Forward and weights: 784 · 200 + 200 · 200 + 200 · 10 = 198,800 each; inputs of the last two: 42,000.
    expect(trainingFlops(trainingFederation('mlp'))).toBe(2 * (198_800 + 198_800 + 42_000));
  });

  it('the CNN of McMahan et al. 2017', () => {
    const first = 28 * 28 * 25 * 32; // 627,200
    const second = 14 * 14 * 25 * 32 * 64; // 10,035,200
    const dense = 7 * 7 * 64 * 512 + 512 * 10; // 1,610,752
    expect(trainingFlops(trainingFederation('mcmahan-cnn'))).toBe(2 * (2 * first + 3 * second + 3 * dense));
  });

  it('small CNN', () => {
    const first = 28 * 28 * 9 * 16; // 112,896
    const second = 14 * 14 * 9 * 16 * 32; // 903,168
    expect(trainingFlops(trainingFederation('small-cnn'))).toBe(2 * (2 * first + 3 * second + 3 * 1568 * 10));
  });

  it('depthwise CNN', () => {
    const first = 28 * 28 * 9 * 16;
    const depthwise = 14 * 14 * 9 * 16;
    const pointwise = 14 * 14 * 16 * 32;
    const separable = 7 * 7 * 9 * 32 + 7 * 7 * 32 * 64;
    expect(trainingFlops(trainingFederation('depthwise-cnn'))).toBe(
      2 * (2 * first + 3 * (depthwise + pointwise + separable + 64 * 10)),
    );
  });

  it('transformer', () => {
    // Queries, keys, values and output of 32 positions; 32 × 32 scores of width 64, and their use.
    const attention = 4 * 32 * 64 * 64 + 2 * 32 * 32 * 64;
    const perceptron = 2 * 32 * 64 * 256;
    expect(trainingFlops(trainingFederation('transformer'))).toBe(
      2 * 3 * (2 * (attention + perceptron) + 64 * 10),
    );
  });

  it('refuses a layer that it does not know, rather than count it as nothing', () => {
    const input: FederationInput = {
      format: 'murmuration/federation',
      formatVersion: 1,
      id: 'test',
      name: 'Test',
      data: { kind: 'tokens', length: 4, vocabulary: 8, target: { type: 'next' } },
      model: {
        layers: [
          { type: 'embedding', vocabulary: 8, units: 2, name: 'table' },
          { type: 'unembedding', of: 'table' },
        ],
        loss: 'softmaxCrossEntropy',
      },
    };
    expect(() => trainingFlops(parseFederation(input))).toThrow(/unembedding/);
  });
});
