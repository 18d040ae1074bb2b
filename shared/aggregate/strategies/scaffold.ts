import { check } from '../../errors/index.ts';
import { type Strategy as StrategySpec, strategyExtras } from '../../federation/index.ts';
import type { Model } from '../../update/index.ts';
import type { LocalWork, Strategy } from '../strategy.ts';
import { applyStep, type ServerRule } from './apply-step.ts';
import { optimizerSlots } from './server-optimizer.ts';
import { type RoundSum, readSum } from './sum-of-round.ts';

type ScaffoldSpec = Extract<StrategySpec, { type: 'scaffold' }>;

/**
 * SCAFFOLD (Karimireddy et al. 2020, algorithm 1, option II). Local steps are y ← y − η(g − cᵢ + c); afterwards the device's variate
 * becomes cᵢ⁺ = cᵢ − c + (x − y)/(Kη), the mean gradient that it took, and cᵢ⁺ − cᵢ goes along with its update, clipped by itself. The
 * server's c grows by |S|/N times the mean of what came, so that it stays the mean of the variates of all N. x moves by what the
 * server optimizer makes of the mean of y − x. Both norms bound what one participant can do. SPEC Y-20 to Y-22.
 * @param parameters of the model.
 */
export function scaffold(rule: ServerRule, spec: ScaffoldSpec, parameters: number): Strategy {
  const slots = [...optimizerSlots(rule.optimizer), 'variate'];
  const common = (base: Model) => sharedVariate(base, slots.length);
  return {
    extras: strategyExtras(spec, parameters),
    slots,
    remembers: true,
    prepare(base, memory) {
      const shared = common(base);
      const own = ownVariate(memory, base);
      return { control: shared.map((value, i) => value - own[i]!) };
    },
    contribute: (work) => contribution(work, common(work.base), spec.controlClipNorm),
    apply(base, slice, layout, encoding) {
      const sum = readSum(base, slice, encoding);
      return applyStep(base, layout, sum, rule, 1, [nextVariate(common(base), sum, spec)]);
    },
  };
}

function contribution(
  { base, update, steps, learningRate, memory }: LocalWork,
  shared: Float32Array,
  clipNorm: number,
) {
  check(steps >= 1, 'argument.invalid', 'A control variate is made of steps.', {
    expected: 'at least one step',
    received: String(steps),
  });
  const own = ownVariate(memory, base);
  // A schedule may end at a rate of zero, of which no gradient can be told.
  if (learningRate === 0) return { update, extras: new Float32Array(own.length), memory: own };
  const change = new Float64Array(own.length);
  let squares = 0;
  for (let i = 0; i < change.length; i++) {
    const value = -shared[i]! - update.delta[i]! / (steps * learningRate);
    change[i] = value;
    squares += value * value;
  }
  const norm = Math.sqrt(squares);
  check(Number.isFinite(norm), 'update.non-finite', 'The control variate is not finite.', {
    remedy: 'The training diverged on this device: check the data or lower the learning rate.',
  });
  const kept = norm > clipNorm ? clipNorm / norm : 1;
  const extras = new Float32Array(change.length);
  const next = new Float32Array(change.length);
  for (let i = 0; i < change.length; i++) {
    // A float32 may be the next one up: what is sent has to be within one.
    extras[i] = Math.max(-1, Math.min(1, (change[i]! * kept) / clipNorm));
    // As much as the others will know of, so that their c stays the mean of all.
    next[i] = own[i]! + extras[i]! * clipNorm;
  }
  return { update, extras, memory: next };
}

/** c + (|S| / N) · mean, which is c + sum / N; no more than the mean if more came than there should be. */
function nextVariate(shared: Float32Array, sum: RoundSum, spec: ScaffoldSpec): Float32Array<ArrayBuffer> {
  const part = Math.min(1, sum.weight / spec.population) * spec.controlClipNorm;
  const next = new Float32Array(shared.length);
  for (let i = 0; i < next.length; i++) next[i] = shared[i]! + part * sum.extras(i);
  return next;
}

/** Of the whole cohort: the last slot of the state. Zero in version 0, and where the state is another document's. */
function sharedVariate({ state, weights }: Model, slots: number): Float32Array<ArrayBuffer> {
  const { length } = weights;
  if (state?.length !== slots * length) return new Float32Array(length);
  return state.subarray((slots - 1) * length);
}

/** One that was lost, or is of another model, begins at zero. SPEC Y-03. */
function ownVariate(memory: Float32Array<ArrayBuffer> | undefined, { weights }: Model) {
  return memory?.length === weights.length ? memory : new Float32Array(weights.length);
}
