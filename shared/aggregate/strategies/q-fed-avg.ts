import { check } from '../../errors/index.ts';
import { type Strategy as StrategySpec, strategyExtras, type TrainingSpec } from '../../federation/index.ts';
import type { Strategy } from '../strategy.ts';
import { applyStep, type ServerRule } from './apply-step.ts';
import { optimizerSlots } from './server-optimizer.ts';
import { readSum } from './sum-of-round.ts';

type QFedAvgSpec = Extract<StrategySpec, { type: 'qfedavg' }>;

/** Losses below this part of maxLoss count as that: F^(q−1) would leave all bounds. */
const LEAST_PART = 2 ** -10;

/**
 * q-FedAvg (Li et al. 2020, "Fair Resource Allocation in Federated Learning", algorithm 2): w ← w − Σ F_k^q Δw_k / Σ h_k, where
 * Δw_k = L(w − w_k) and h_k = q F_k^(q−1) ‖Δw_k‖² + L F_k^q. L is 1 / training.optimizer.learningRate, whatever the schedule makes of
 * that. So a participant sends (F/M)^q of its update, and its h over the largest that maxLoss M and the clipping norm allow;
 * sums of both are all that it takes. This is the project's way of weighing participants by how well the model serves
 * them: rules that weigh by looking at single updates, such as FedAdp's by their angles, cannot be had from sums.
 * SPEC Y-40, Y-41.
 */
export function qFedAvg(
  rule: ServerRule,
  spec: QFedAvgSpec,
  { optimizer }: Pick<TrainingSpec, 'optimizer'>,
): Strategy {
  const { q, maxLoss, clipNorm } = spec;
  const lipschitz = 1 / optimizer.learningRate;
  const most = largestPart(q, (lipschitz * clipNorm * clipNorm) / maxLoss);
  return {
    extras: strategyExtras(spec, 0),
    slots: optimizerSlots(rule.optimizer),
    remembers: false,
    prepare: () => ({ measuresBase: true }),
    contribute({ update, baseLoss }) {
      check(
        baseLoss !== undefined && Number.isFinite(baseLoss),
        'update.non-finite',
        'The loss of the model on this device is not known.',
        { expected: 'a finite loss', remedy: 'Check the data of this device.' },
      );
      const loss = Math.min(1, Math.max(LEAST_PART, baseLoss / maxLoss));
      let squares = 0;
      for (const value of update.delta) squares += value * value;
      check(
        Number.isFinite(squares),
        'update.non-finite',
        'The local update holds a value that is not finite.',
        {
          remedy: 'The training diverged on this device: check the data or lower the learning rate.',
        },
      );
      // Clipped here, so that the denominator is of what is sent.
      const kept = Math.min(1, clipNorm / Math.sqrt(squares));
      const { weight, divisor } = fairTerms(loss, squares * kept * kept, q, lipschitz / maxLoss);
      return {
        update: { ...update, delta: update.delta.map((value) => value * kept * weight) },
        extras: Float32Array.of(Math.min(1, divisor / most)),
        memory: undefined,
      };
    },
    apply(base, slice, layout, encoding) {
      const sum = readSum(base, slice, encoding);
      const divisor = sum.extras(0) * most;
      // Losses so small that nothing of them is left in whole numbers, or a lie: the model stays as it is.
      return applyStep(base, layout, sum, rule, divisor > 0 ? 1 / divisor : 0);
    },
  };
}

/**
 * What one participant adds above and below the fraction of algorithm 2, over L: F^q, which its update is multiplied by, and h / L.
 * @param squares ‖u‖² of its update. @param lipschitz L.
 */
export function fairTerms(
  loss: number,
  squares: number,
  q: number,
  lipschitz: number,
): { readonly weight: number; readonly divisor: number } {
  const weight = loss ** q;
  return { weight, divisor: weight + (q * weight * lipschitz * squares) / loss };
}

/**
 * No h is larger than L·M^q times this: q·F^(q−1)‖Δw‖² + F^q with F from M/1024 to M. For q below 1 a power of two stands in for
 * 1024^(1−q), which is no number that all engines compute alike.
 * @param longest L · clipNorm² / maxLoss.
 */
function largestPart(q: number, longest: number): number {
  return 1 + q * longest * (q < 1 ? 1 / LEAST_PART : 1);
}
