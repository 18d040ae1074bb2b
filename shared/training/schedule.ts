import type { TrainingSpec } from '../federation/index.ts';

/** @param round that is trained, from 0. @returns the optimizer's learning rate times what the schedule says. */
export function learningRateAt({ optimizer, schedule }: TrainingSpec, round: number): number {
  const { warmupRounds, decay } = schedule;
  if (round < warmupRounds) return (optimizer.learningRate * (round + 1)) / (warmupRounds + 1);
  const since = round - warmupRounds;
  switch (decay.type) {
    case 'none':
      return optimizer.learningRate;
    case 'step':
      return optimizer.learningRate * decay.factor ** Math.floor(since / decay.everyRounds);
    case 'cosine': {
      const progress = Math.min(1, since / decay.rounds);
      const share = decay.floor + ((1 - decay.floor) * (1 + Math.cos(Math.PI * progress))) / 2;
      return optimizer.learningRate * share;
    }
  }
}
