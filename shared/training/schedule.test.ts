import { describe, expect, it } from 'vitest';
import { type TrainingSpec, trainingSchema } from '../federation/index.ts';
import { learningRateAt } from './schedule.ts';

function rates(schedule: unknown, rounds: readonly number[]): number[] {
  const training: TrainingSpec = trainingSchema.parse({
    optimizer: { type: 'sgd', learningRate: 0.8 },
    schedule,
  });
  return rounds.map((round) => Math.round(learningRateAt(training, round) * 1e9) / 1e9);
}

describe('learningRateAt', () => {
  it('stays as it is without a schedule', () => {
    expect(rates(undefined, [0, 1, 1000])).toEqual([0.8, 0.8, 0.8]);
  });

  it('warms up in equal steps, and reaches the whole rate after the last of them', () => {
    expect(rates({ warmupRounds: 3 }, [0, 1, 2, 3, 4])).toEqual([0.2, 0.4, 0.6, 0.8, 0.8]);
  });

  it('decays in steps, counted from the end of the warm-up', () => {
    const decay = { type: 'step', factor: 0.5, everyRounds: 2 };
    expect(rates({ decay }, [0, 1, 2, 3, 4])).toEqual([0.8, 0.8, 0.4, 0.4, 0.2]);
    expect(rates({ warmupRounds: 1, decay }, [0, 1, 2, 3])).toEqual([0.4, 0.8, 0.8, 0.4]);
  });

  it('decays along half a cosine to the floor, and stays there', () => {
    const decay = { type: 'cosine', rounds: 4, floor: 0.5 };
    // (1 + cos(π/4)) / 2 is 0.853553…, at half of the way 0.5.
    expect(rates({ decay }, [0, 1, 2, 4, 9])).toEqual([0.8, 0.741421356, 0.6, 0.4, 0.4]);
  });
});
