import { applyOptimizer, initOptimizer, type OptimizerRule } from '../../aggregate/index.ts';
import { fairTerms } from '../../aggregate/strategies/q-fed-avg.ts';
import { flat, type Nested, shapedAs } from './nested.ts';
import { has, type Inputs, type QuestionVector, type Results, unsupported } from './vector.ts';

/** Steps that a vector takes that does not say how many. */
const STEPS = 4;

/**
 * Server optimizers: one of gradients, of updates or of weights that clients ended with, one step or several.
 * Where implementations differ the source decides: see {@link ruleOf} and {@link biasOf}.
 */
export function serverOptimizerVector(vector: QuestionVector): Results {
  const { inputs } = vector;
  if (has(inputs, 'values') && !has(inputs, 'w0')) {
    const counts = countsOf(inputs, inputs.values.length);
    return { average: shapedAs(inputs.values[0], weightedMean(inputs.values.map(flat), counts)) };
  }
  if (!has(inputs, 'w0')) return unsupported(vector);
  const like = shapeOf(inputs);
  const first = typeof inputs.w0 === 'number' ? flat(like).map(() => inputs.w0) : flat(inputs.w0);
  const shaped = (weights: readonly number[]) => shapedAs(like, weights);
  if (has(inputs, 'q')) return { w1: shaped(qFedAvgStep(first, vector)) };
  const updates = updatesOf(vector, first);
  const trajectory = follow(vector, first, updates.each);
  if (updates.figure === 'w1') return { w1: shaped(trajectory.at(-1)!) };
  return { [updates.figure]: trajectory.map(shaped) };
}

/** What is added to the weights in each step if the rate is 1, and the name of the figure asked for. */
function updatesOf(
  vector: QuestionVector,
  first: readonly number[],
): { readonly each: readonly (readonly number[])[]; readonly figure: string } {
  const { inputs } = vector;
  const steps: number = stepsOf(vector);
  const repeat = (update: readonly number[], count: number) => Array.from({ length: count }, () => update);
  if (has(inputs, 'gradients')) {
    const each = (inputs.gradients as Nested[]).map((gradient) => negated(spread(gradient, first)));
    return { each, figure: 'weights' };
  }
  if (has(inputs, 'gradient')) {
    return { each: repeat(negated(spread(inputs.gradient, first)), steps), figure: 'weights' };
  }
  if (has(inputs, 'client_deltas_each_round')) {
    const mean = meanOf(inputs, inputs.client_deltas_each_round);
    return { each: repeat(mean, steps), figure: 'weights_per_round' };
  }
  if (has(inputs, 'client_deltas_per_round')) {
    const rounds = inputs.client_deltas_per_round as Nested[][];
    return { each: rounds.map((deltas) => meanOf(inputs, deltas)), figure: 'weights_per_round' };
  }
  if (has(inputs, 'client_deltas')) return { each: [meanOf(inputs, inputs.client_deltas)], figure: 'w1' };
  if (has(inputs, 'client_weights')) {
    const mean = meanOf(inputs, inputs.client_weights);
    return { each: [mean.map((value, i) => value - first[i]!)], figure: 'w1' };
  }
  if (has(inputs, 'delta') || has(inputs, 'update')) {
    const update = spread(inputs.delta ?? inputs.update, first);
    return { each: repeat(update, steps), figure: 'weights' };
  }
  return unsupported(vector);
}

/** The weights before each step and after the last. */
function follow(
  vector: QuestionVector,
  first: readonly number[],
  updates: readonly (readonly number[])[],
): number[][] {
  const { inputs } = vector;
  const rate: number =
    inputs.eta ?? inputs.server_lr ?? inputs.server_learning_rate ?? inputs.lr ?? inputs.learning_rate ?? 1;
  const rule = ruleOf(vector);
  const bias = biasOf(vector, rule);
  let weights = [...first];
  const trajectory = [weights];
  let memory = initOptimizer(rule, first.length);
  updates.forEach((update, i) => {
    const step = bias === undefined ? 0 : i + bias.firstStep;
    // (m / c₁) / (√(v / c₂) + τ) is √c₂ / c₁ · m / (√v + τ√c₂).
    const hat = bias?.hatted && rule.type !== 'sgd' ? rootCorrection(rule, step) : 1;
    const used = rule.type === 'sgd' ? rule : { ...rule, tau: rule.tau * hat };
    const applied = applyOptimizer(used, memory, Float64Array.from(update), rate, step);
    memory = applied.memory;
    weights = weights.map((weight, at) => weight + applied.change[at]!);
    trajectory.push(weights);
  });
  return trajectory;
}

function rootCorrection(rule: Exclude<OptimizerRule, { type: 'sgd' }>, step: number): number {
  return rule.type === 'adagrad' ? 1 : Math.sqrt(1 - rule.beta2 ** step);
}

/** Which optimizer is meant: by what its source is called, or by the inputs that only it has. */
function ruleOf({ inputs, name, source = '' }: QuestionVector): OptimizerRule {
  const words = `${inputs.optimizer ?? ''} ${source}`.toLowerCase();
  const called = name.toLowerCase();
  const beta1: number | undefined = inputs.beta1 ?? inputs.beta_1 ?? inputs.b1;
  // RMSprop is Adam without a first moment.
  const beta2: number | undefined = inputs.beta2 ?? inputs.beta_2 ?? inputs.b2 ?? inputs.decay;
  const tau: number = inputs.tau ?? inputs.epsilon ?? inputs.eps ?? 0;
  const isPaper = /reddi/.test(words);
  const isGoogle = !isPaper && /tensorflow|tff|fedjax|optax/.test(words);
  const given: number | undefined =
    inputs.v0 ??
    inputs.initial_preconditioner ??
    inputs.initial_preconditioner_value ??
    inputs.initial_accumulator_value;
  if (beta2 !== undefined) {
    const isYogi = /yogi/.test(called) || (/yogi/.test(words) && !/adam/.test(called));
    const first = isPaper ? tau * tau : isGoogle && isYogi ? 1e-6 : 0;
    const moments = { beta1: beta1 ?? (has(inputs, 'decay') ? 0 : 0.9), beta2, tau };
    return { type: isYogi ? 'yogi' : 'adam', ...moments, firstPreconditioner: given ?? first };
  }
  if (/adagrad/.test(`${words} ${called}`) || given !== undefined || has(inputs, 'tau')) {
    // TFF and optax add epsilon to what is under the root.
    const first = given ?? (isPaper ? tau * tau : isGoogle ? 0.1 : 0);
    return isGoogle
      ? { type: 'adagrad', beta1: 0, tau: 0, firstPreconditioner: first + tau }
      : { type: 'adagrad', beta1: beta1 ?? 0, tau, firstPreconditioner: first };
  }
  const momentum: number = inputs.momentum ?? inputs.server_momentum ?? 0;
  return { type: 'sgd', momentum, nesterov: inputs.nesterov === true };
}

/**
 * Whether and how bias is corrected: Flower's FedAdam from t = 2 on, whatever the inputs say, and not its FedYogi; TFF from 1 on,
 * both by a factor on the rate; torch and optax, on which FLSim and fedjax stand, by dividing both moments.
 */
function biasOf(
  { inputs, source = '' }: QuestionVector,
  rule: OptimizerRule,
): { readonly firstStep: number; readonly hatted: boolean } | undefined {
  const wanted: unknown = inputs.bias_correction;
  if ((rule.type !== 'adam' && rule.type !== 'yogi') || wanted === false || wanted === 'none')
    return undefined;
  const hatted = /flsim|fedjax|optax|torch|kingma/.test(source.toLowerCase());
  if (/flower|flwr/.test(source))
    return rule.type === 'adam' || wanted ? { firstStep: 2, hatted } : undefined;
  const corrects = !/reddi/i.test(source) && !has(inputs, 'decay') && /tff|tensorflow/i.test(source);
  return wanted || hatted || corrects ? { firstStep: 1, hatted } : undefined;
}

/** q-FedAvg, with Flower's 10^-10 beside each loss where it is Flower's. */
function qFedAvgStep(first: readonly number[], { inputs, source = '' }: QuestionVector): number[] {
  const { q } = inputs;
  const lipschitz: number =
    inputs.L ?? inputs.lipschitz ?? 1 / (inputs.client_lr ?? inputs.client_learning_rate ?? inputs.lr);
  const ends = (inputs.client_weights as Nested[] | undefined)?.map(flat);
  const updates =
    ends?.map((end) => end.map((value, i) => value - first[i]!)) ??
    (inputs.client_deltas as Nested[]).map(flat);
  const least = /flower|flwr/.test(source) ? 1e-10 : 0;
  const terms = updates.map((update, client) => {
    const squares = update.reduce((sum, value) => sum + value * value, 0);
    return { update, ...fairTerms(inputs.losses[client] + least, squares, q, lipschitz) };
  });
  const divisor = terms.reduce((sum, term) => sum + term.divisor, 0);
  return first.map(
    (weight, i) =>
      weight + terms.reduce((sum, { update, weight: part }) => sum + part * update[i]!, 0) / divisor,
  );
}

function stepsOf({ inputs, name }: QuestionVector): number {
  const named = /(\d+)_?(?:steps|rounds)/.exec(name)?.[1];
  return (
    inputs.steps ??
    inputs.num_steps ??
    inputs.rounds ??
    inputs.num_rounds ??
    (named === undefined ? STEPS : Number(named))
  );
}

function meanOf(inputs: Inputs, clients: readonly Nested[]): number[] {
  return weightedMean(clients.map(flat), countsOf(inputs, clients.length));
}

function countsOf(inputs: Inputs, clients: number): readonly number[] {
  return inputs.num_examples ?? inputs.weights ?? Array.from({ length: clients }, () => 1);
}

function weightedMean(clients: readonly (readonly number[])[], counts: readonly number[]): number[] {
  const total = counts.reduce((sum, count) => sum + count, 0);
  return clients[0]!.map(
    (_, i) => clients.reduce((sum, client, at) => sum + counts[at]! * client[i]!, 0) / total,
  );
}

/** One number stands for all coordinates. */
function spread(value: Nested, like: readonly number[]): number[] {
  return typeof value === 'number' ? like.map(() => value) : flat(value);
}

function negated(values: readonly number[]): number[] {
  return values.map((value) => -value);
}

/** A single w0 stands for an array of the shape that clients have. */
function shapeOf({ w0, client_weights, client_deltas, client_deltas_each_round, gradient }: Inputs): Nested {
  if (typeof w0 !== 'number') return w0;
  return (client_weights ?? client_deltas ?? client_deltas_each_round)?.[0] ?? gradient ?? w0;
}
