import { check } from '../../errors/index.ts';

/**
 * What is made of the mean update of a round, as if it were the negative of a gradient: Reddi et al. 2021, "Adaptive Federated
 * Optimization", algorithm 2, and momentum as in Hsu, Qi and Brown 2019 (FedAvgM). In doubles; only + − × ÷ and square roots,
 * each of which IEEE 754 rounds correctly, so every device computes the same bits. SPEC Y-04, Y-10 to Y-12.
 */
export type OptimizerRule =
  | { readonly type: 'sgd'; readonly momentum: number; readonly nesterov: boolean }
  | {
      readonly type: 'adam' | 'yogi';
      readonly beta1: number;
      readonly beta2: number;
      /** Added to the root of the second moment. */
      readonly tau: number;
      /** The second moment before the first step; left out, τ², as in the paper. Some implementations begin at zero. */
      readonly firstPreconditioner?: number;
    }
  | {
      readonly type: 'adagrad';
      readonly beta1: number;
      readonly tau: number;
      readonly firstPreconditioner?: number;
    };

export type Vector = Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer>;

/** What the rule remembers: names of vectors as long as the model, in the order in which they are kept. */
export function optimizerSlots(rule: OptimizerRule): readonly string[] {
  if (rule.type === 'sgd') return rule.momentum === 0 ? [] : ['velocity'];
  return rule.beta1 === 0 ? ['second-moment'] : ['first-moment', 'second-moment'];
}

/** The memory that a rule begins with. */
export function initOptimizer(rule: OptimizerRule, length: number): readonly Float64Array<ArrayBuffer>[] {
  return optimizerSlots(rule).map((slot) =>
    new Float64Array(length).fill(slot === 'second-moment' ? firstPreconditioner(rule) : 0),
  );
}

function firstPreconditioner(rule: OptimizerRule): number {
  if (rule.type === 'sgd') return 0;
  return rule.firstPreconditioner ?? rule.tau * rule.tau;
}

export interface OptimizerStep {
  /** To be added to the weights. */
  readonly change: Float64Array<ArrayBuffer>;
  readonly memory: readonly Float64Array<ArrayBuffer>[];
}

/**
 * One step.
 * @param memory of the step before, or of {@link initOptimizer}; not changed.
 * @param update mean of the cohort: minus the gradient.
 * @param biasStep t of Kingma and Ba's correction, which multiplies the rate by √(1 − β₂^t) / (1 − β₁^t); 0, as left out, for none:
 *   documents have none.
 * @throws `update.wrong-length` for a memory of another length.
 */
export function applyOptimizer(
  rule: OptimizerRule,
  memory: readonly Vector[],
  update: Float64Array<ArrayBuffer>,
  rate: number,
  biasStep = 0,
): OptimizerStep {
  const slots = optimizerSlots(rule);
  check(
    memory.length === slots.length && memory.every(({ length }) => length === update.length),
    'update.wrong-length',
    'What the optimizer remembers does not fit the update.',
    {
      expected: `${slots.length} vectors of ${update.length} numbers`,
      received: memory.map(({ length }) => length).join(', ') || 'none',
    },
  );
  return rule.type === 'sgd'
    ? momentumStep(rule, memory[0], update, rate)
    : adaptiveStep(rule, memory, update, rate * correction(rule, biasStep));
}

/** v ← μv + Δ, w ← w + η·v; with Nesterov's look ahead w ← w + η·(Δ + μv). */
function momentumStep(
  { momentum, nesterov }: Extract<OptimizerRule, { type: 'sgd' }>,
  velocity: Vector | undefined,
  update: Float64Array<ArrayBuffer>,
  rate: number,
): OptimizerStep {
  const change = new Float64Array(update.length);
  if (velocity === undefined) {
    for (let i = 0; i < change.length; i++) change[i] = rate * update[i]!;
    return { change, memory: [] };
  }
  const next = new Float64Array(update.length);
  for (let i = 0; i < next.length; i++) {
    const speed = momentum * velocity[i]! + update[i]!;
    next[i] = speed;
    change[i] = rate * (nesterov ? update[i]! + momentum * speed : speed);
  }
  return { change, memory: [next] };
}

type AdaptiveRule = Exclude<OptimizerRule, { type: 'sgd' }>;

/** m ← β₁m + (1 − β₁)Δ, v by the rule, w ← w + η·m / (√v + τ). */
function adaptiveStep(
  rule: AdaptiveRule,
  memory: readonly Vector[],
  update: Float64Array<ArrayBuffer>,
  rate: number,
): OptimizerStep {
  const { beta1, tau } = rule;
  const first = beta1 === 0 ? undefined : memory[0]!;
  const second = memory.at(-1)!;
  const change = new Float64Array(update.length);
  const nextFirst = new Float64Array(first === undefined ? 0 : update.length);
  const nextSecond = new Float64Array(update.length);
  for (let i = 0; i < change.length; i++) {
    const delta = update[i]!;
    const mean = first === undefined ? delta : beta1 * first[i]! + (1 - beta1) * delta;
    const moment = nextMoment(rule, second[i]!, delta * delta);
    const divisor = Math.sqrt(moment) + tau;
    // Without τ nothing moved yet: nothing moves.
    change[i] = divisor === 0 ? 0 : (rate * mean) / divisor;
    if (first !== undefined) nextFirst[i] = mean;
    nextSecond[i] = moment;
  }
  return { change, memory: first === undefined ? [nextSecond] : [nextFirst, nextSecond] };
}

function nextMoment(rule: AdaptiveRule, before: number, square: number): number {
  switch (rule.type) {
    case 'adam':
      return rule.beta2 * before + (1 - rule.beta2) * square;
    case 'yogi':
      if (before === square) return before;
      return before > square ? before - (1 - rule.beta2) * square : before + (1 - rule.beta2) * square;
    case 'adagrad':
      return before + square;
  }
}

function correction(rule: AdaptiveRule, step: number): number {
  if (step === 0) return 1;
  const second = rule.type === 'adagrad' ? 1 : Math.sqrt(1 - powerOf(rule.beta2, step));
  return second / (1 - powerOf(rule.beta1, step));
}

/** A whole power by multiplications, whose rounding is the same everywhere. */
function powerOf(base: number, exponent: number): number {
  let power = 1;
  for (let i = 0; i < exponent; i++) power *= base;
  return power;
}
