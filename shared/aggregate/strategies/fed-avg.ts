import type { Strategy } from '../strategy.ts';
import { applyStep, type ServerRule } from './apply-step.ts';
import { optimizerSlots } from './server-optimizer.ts';
import { readSum } from './sum-of-round.ts';

export const NO_EXTRAS = new Float32Array();

/**
 * The weighted mean of updates (McMahan et al. 2017, algorithm 1), and what a server optimizer makes of it (FedAvgM, FedAdam, FedYogi,
 * FedAdagrad). FedProx is this with `training.proximal`; FedBuff is this among those that are ready, with weights that are less for
 * what is stale (staleness.ts).
 */
export function fedAvg(rule: ServerRule): Strategy {
  return {
    extras: 0,
    slots: optimizerSlots(rule.optimizer),
    remembers: false,
    prepare: () => ({}),
    contribute: ({ update }) => ({ update, extras: NO_EXTRAS, memory: undefined }),
    apply: (base, sum, layout, encoding) => applyStep(base, layout, readSum(base, sum, encoding), rule),
  };
}
