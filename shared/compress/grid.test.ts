import { describe, expect, test } from 'vitest';
import type { ParticipantPrivacy } from '../federation/index.ts';
import { checkSlice, encodingOf, largestCoordinate, vectorLengthOf } from './encoding.ts';
import { certainShares, gridOf } from './grid.ts';

interface Change extends Partial<ParticipantPrivacy> {
  readonly clipNorm?: number;
  readonly quantizationBits?: number;
  readonly groupSize?: number;
  readonly maxParticipants?: number;
}

function federation({
  clipNorm = 1,
  quantizationBits,
  groupSize = 16,
  maxParticipants,
  ...participant
}: Change = {}) {
  return {
    strategy: {
      type: 'fedavg',
      serverLearningRate: 1,
      weighting: 'uniform',
      maxExamples: 1,
      clipNorm,
      quantizationBits,
    },
    cohort: { minParticipants: 3, groupSize, maxParticipants },
    privacy: {
      secureAggregation: 'secagg',
      participant: {
        trust: 'distributed',
        noiseMultiplier: 1,
        colluding: 1,
        mechanism: 'independent',
        ...participant,
      },
    },
  } as const;
}
const refusal = (code: string, path: string) =>
  expect.objectContaining({ code, facts: expect.objectContaining({ path }) });

describe('N-14: the grid of a norm that follows updates', () => {
  const adaptiveClipping = { targetQuantile: 0.5, learningRate: 0.2, indicatorWeight: 1.5 };

  test('is that of one coordinate more and of the joint norm', () => {
    const { adaptive, ...grid } = gridOf(federation({ adaptiveClipping, clipNorm: 20 }), 1000);
    expect(grid).toEqual(gridOf(federation({ clipNorm: 1.25 }), 1001));
    expect(adaptive).toEqual({ initial: 20, ...adaptiveClipping });
  });

  test('does not depend on the norm', () => {
    const { adaptive: _, ...grid } = gridOf(federation({ adaptiveClipping, clipNorm: 0.01 }), 1000);
    expect(gridOf(federation({ adaptiveClipping, clipNorm: 100 }), 1000)).toMatchObject(grid);
  });

  test('participants send one integer more', () => {
    expect(vectorLengthOf(encodingOf(federation({ adaptiveClipping }), 1000), 1000)).toBe(1001);
    expect(vectorLengthOf(encodingOf(federation(), 1000), 1000)).toBe(1000);
    expect(vectorLengthOf({ fractionalBits: 2, clipNorm: 1, maxWeight: 1 }, 1000)).toBe(1000);
  });
});

describe('certain shares', () => {
  test.each([
    // ⌈2 · 10 / 3⌉ = 7 survive at least.
    [10, 0, 7],
    [10, 1, 6],
    [3, 1, 1],
    [100, 10, 57],
  ])('N-04: of %i invited, with %i that collude: %i', (invited, colluding, shares) => {
    const { participant } = federation({ colluding }).privacy;
    expect(certainShares(participant, invited)).toBe(shares);
  });

  test('N-04: none at all is refused', () => {
    const { participant } = federation({ colluding: 2 }).privacy;
    expect(() => certainShares(participant, 3)).toThrow(
      refusal('privacy.policy-unmet', 'privacy.participant.colluding'),
    );
  });
});

describe('sensitivity', () => {
  test('N-06: by hand, where the ring does not matter: norm 3 on a grid of 100 coordinates', () => {
    const grid = gridOf(federation({ clipNorm: 3 }), 100);
    const norm = grid.scale * 3;
    // min((s·3 + 10)², (s·3)² + 25 + s·3 + 5)
    expect(grid.squaredNormLimit).toBe(Math.ceil(norm ** 2 + 25 + norm + 5));
    expect(grid.l2Sensitivity).toBe(Math.sqrt(grid.squaredNormLimit));
    expect(grid.l1Sensitivity).toBe(10 * grid.l2Sensitivity);
    expect(grid.noiseVariance).toBeCloseTo(grid.squaredNormLimit, 3);
  });

  test('N-06: of one coordinate the L1 norm is the L2 norm', () => {
    const grid = gridOf(federation(), 1);
    expect(grid.l1Sensitivity).toBe(grid.l2Sensitivity);
  });

  test.each([0.5, 1, 4])('N-06: noise of multiplier %d is that times the sensitivity', (noiseMultiplier) => {
    const { noiseVariance, l2Sensitivity } = gridOf(federation({ noiseMultiplier }), 1000);
    expect(Math.sqrt(noiseVariance)).toBeCloseTo(noiseMultiplier * l2Sensitivity, 6);
  });
});

describe('the scale', () => {
  test.each([
    [16, 100_000],
    [24, 100_000],
    [32, 100_000],
    [16, 1000],
  ])(
    'N-07: six deviations of signal and noise of 16 fit %i bits at %i coordinates, a finer scale does not',
    (quantizationBits, dimension) => {
      const { bits, scale, l2Sensitivity, clipNorm } = gridOf(federation({ quantizationBits }), dimension);
      expect(bits).toBe(quantizationBits);
      const block = dimension === 1000 ? 512 : 65_536;
      const reach = (factor: number) => {
        const signal = (16 * factor * scale * clipNorm) ** 2 / block;
        // Worst with three, where one certain share has all the noise and there are three of them.
        const noise = 3 * (factor * l2Sensitivity) ** 2;
        return 6 * Math.sqrt(signal + noise + 16 / 4);
      };
      expect(reach(1)).toBeLessThanOrEqual(2 ** (bits - 1));
      const isCapped = scale * clipNorm > 2 ** 17;
      expect(isCapped || reach(1 + 2 / 128) > 2 ** (bits - 1)).toBe(true);
    },
  );

  test('N-05: of a tree all rounds are rotated alike', () => {
    const treeOf = (mechanism: 'tree' | 'independent') =>
      ({ trust: 'central', noiseMultiplier: 1, colluding: 1, mechanism }) as const;
    const gridBy = (mechanism: 'tree' | 'independent') =>
      gridOf(
        { ...federation(), privacy: { secureAggregation: 'none', participant: treeOf(mechanism) } },
        100,
      );
    expect(gridBy('tree').hasOneRotation).toBe(true);
    expect(gridBy('independent').hasOneRotation).toBeUndefined();
  });

  test('N-07: it has 8 significant bits, so that every device finds the same', () => {
    for (const clipNorm of [0.001, 0.3, 1, 17, 1e6])
      for (const noiseMultiplier of [0.1, 1, 30]) {
        let { scale } = gridOf(federation({ clipNorm, noiseMultiplier }), 5000);
        while (scale < 128) scale *= 2;
        while (scale >= 256) scale /= 2;
        expect(Number.isInteger(scale)).toBe(true);
      }
  });

  test('N-07: rounding takes part in the choice of the ring: much noise on a million coordinates takes 24 bits', () => {
    expect(gridOf(federation(), 100_000)).toMatchObject({
      bits: 16,
      scale: 3136,
      squaredNormLimit: 9_862_791,
    });
    expect(gridOf(federation({ noiseMultiplier: 20 }), 1_000_000).bits).toBe(24);
  });

  test('N-07: a ring in which rounding would drown the noise is refused by name', () => {
    expect(() => gridOf(federation({ noiseMultiplier: 100, quantizationBits: 16 }), 1_000_000)).toThrow(
      refusal('update.overflow', 'strategy.quantizationBits'),
    );
  });

  test('N-07: totals of all groups fit 32 bits', () => {
    // Two by two, and one parameter: six deviations of a pair are what a 2,048th of 32 bits has room for.
    const cohort = { trust: 'local', groupSize: 2, maxParticipants: 4096, quantizationBits: 32 } as const;
    const { scale, noiseVariance, groupSumLimit } = gridOf(federation(cohort), 1);
    expect(groupSumLimit).toBe(2 ** 20 - 1);
    const reach = 6 * Math.sqrt(2 * noiseVariance + (2 * scale) ** 2 + 2 / 4);
    expect(reach).toBeLessThanOrEqual(groupSumLimit);
    expect(reach).toBeGreaterThan(0.98 * groupSumLimit);
  });

  test.each(['local', 'central'] as const)('N-07: with %s noise there is one too', (trust) => {
    expect(gridOf(federation({ trust }), 1000).scale).toBeGreaterThan(0);
  });
});

describe('what an owner lets in', () => {
  test('N-08: with noise, whatever fits the ring; without, what the norm allows', () => {
    const noised = gridOf(federation({ trust: 'local', quantizationBits: 16 }), 1000);
    expect(largestCoordinate(noised)).toBe(2 ** 15);
    for (const value of [2 ** 15 - 1, -(2 ** 15)])
      expect(() => checkSlice(Int32Array.of(value), 1, noised)).not.toThrow();
    const bare = gridOf(federation({ trust: 'central' }), 1000);
    const most = Math.floor(bare.l2Sensitivity);
    expect(() => checkSlice(Int32Array.of(most, -most), 1, bare)).not.toThrow();
    for (const [value, weight, grid] of [
      [2 ** 15 + 1, 1, noised],
      [most + 1, 1, bare],
      [0, 2, bare],
      [0, 0, bare],
    ] as const)
      expect(() => checkSlice(Int32Array.of(value), weight, grid)).toThrow(
        expect.objectContaining({ code: 'update.overflow' }),
      );
  });
});

test('R-11: without participant-level privacy everything is in fixed point, as it was', () => {
  const { strategy, cohort } = federation();
  const plain = { strategy, cohort, privacy: { secureAggregation: 'none' } } as const;
  expect(encodingOf(plain, 1000)).toEqual({ fractionalBits: 24, clipNorm: 1, maxWeight: 1 });
});
