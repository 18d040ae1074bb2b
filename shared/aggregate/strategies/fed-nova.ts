import { check } from '../../errors/index.ts';
import { type Strategy as StrategySpec, strategyExtras, type TrainingSpec } from '../../federation/index.ts';
import type { Strategy } from '../strategy.ts';
import { applyStep, type ServerRule } from './apply-step.ts';
import { optimizerSlots } from './server-optimizer.ts';
import { readSum } from './sum-of-round.ts';

type FedNovaSpec = Extract<StrategySpec, { type: 'fednova' }>;

/**
 * FedNova (Wang et al. 2020, "Tackling the Objective Inconsistency Problem", equation 8): the mean of updates divided by ‖aᵢ‖₁, times
 * the mean of ‖aᵢ‖₁, so that whoever takes more steps does not pull the optimum its way. aᵢ says how much each step's gradient counts
 * in the update: ones for plain SGD, (1 − ημ)^k with a proximal term (section 4.2). Momentum and adaptive local optimizers
 * have an aᵢ of their own, which is not computed here: F-16 refuses them. The clipping norm is that of the divided update.
 * SPEC Y-30 to Y-32.
 */
export function fedNova(
  rule: ServerRule,
  spec: FedNovaSpec,
  { proximal }: Pick<TrainingSpec, 'proximal'>,
): Strategy {
  const { maxSteps } = spec;
  return {
    extras: strategyExtras(spec, 0),
    slots: optimizerSlots(rule.optimizer),
    remembers: false,
    prepare: () => ({}),
    contribute({ update, steps, learningRate }) {
      check(steps >= 1, 'argument.invalid', 'An update is divided by its steps.', {
        expected: 'at least one step',
        received: String(steps),
      });
      const norm = stepNorm(steps, learningRate * proximal);
      check(norm <= maxSteps, 'training.too-many-steps', 'This device would take too many steps.', {
        path: 'strategy.maxSteps',
        expected: `at most ${maxSteps}`,
        received: String(norm),
        remedy: 'Take part with fewer examples, or ask for larger batches or a larger strategy.maxSteps.',
      });
      const delta = update.delta.map((value) => value / norm);
      return {
        update: { ...update, delta },
        extras: Float32Array.of(norm / maxSteps),
        memory: undefined,
      };
    },
    apply(base, slice, layout, encoding) {
      const sum = readSum(base, slice, encoding);
      // Only a lie makes it negative.
      return applyStep(base, layout, sum, rule, Math.max(0, sum.extras(0)) * maxSteps);
    },
  };
}

/**
 * ‖a‖₁ of so many steps whose update shrinks by `decay` each: Σ |1 − decay|^k, k below `steps`.
 * @param decay learning rate × μ; 0 for plain SGD, which gives the number of steps.
 */
export function stepNorm(steps: number, decay: number): number {
  const kept = Math.abs(1 - decay);
  let norm = 0;
  let power = 1;
  if (kept === 1) return steps;
  for (let k = 0; k < steps && power > 0; k++) {
    norm += power;
    power *= kept;
  }
  return norm;
}
