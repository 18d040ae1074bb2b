import {
  add,
  dispose,
  div,
  engine,
  mul,
  sqrt,
  square,
  sub,
  type Tensor,
  tidy,
  zerosLike,
} from '@tensorflow/tfjs-core';
import type { OptimizerSpec } from '../federation/index.ts';
import { hasKernel } from './ops/kernel.ts';

/** Parameters under training and the optimizer's memory of them. Its tensors live until {@link disposeOptimizer}. */
export interface OptimizerState {
  readonly parameters: readonly Tensor[];
  /** Per parameter: nothing, the velocity, or the first and second moments. */
  readonly slots: readonly (readonly Tensor[])[];
  readonly steps: number;
}

/** What a step does with one parameter: moves it by a gradient, or puts another value in its place. */
export type ParameterChange = { readonly gradient: Tensor } | { readonly next: Tensor };

export interface StepSize {
  readonly learningRate: number;
  /** What the gradients are multiplied by first: 1 / batch for sums over a batch. */
  readonly scale: number;
}

/** Takes over the parameters: they are disposed of with the state. Memory starts at rest. */
export function initOptimizer(spec: OptimizerSpec, parameters: readonly Tensor[]): OptimizerState {
  const count = spec.type === 'sgd' ? (spec.momentum === 0 ? 0 : 1) : 2;
  return {
    parameters,
    slots: parameters.map((parameter) => Array.from({ length: count }, () => zerosLike(parameter))),
    steps: 0,
  };
}

/** @returns the next state; what it replaces is disposed of. The changes stay the caller's. */
export function applyChanges(
  spec: OptimizerSpec,
  state: OptimizerState,
  changes: readonly ParameterChange[],
  size: StepSize,
): OptimizerState {
  const steps = state.steps + 1;
  if (hasKernel('SgdStep')) {
    return { ...applyInPlace(spec, state, changes, size, steps), steps };
  }
  const parameters: Tensor[] = [];
  const slots: (readonly Tensor[])[] = [];
  changes.forEach((change, i) => {
    const [before, memory] = [state.parameters[i]!, state.slots[i]!];
    const [after, ...remembered] = tidy(() =>
      'next' in change
        ? [change.next.clone(), ...memory.map((slot) => slot.clone())]
        : moved(spec, before, change.gradient, memory, size, steps),
    );
    parameters.push(after!);
    slots.push(remembered);
  });
  disposeOptimizer(state);
  return { parameters, slots, steps };
}

/** As {@link moved}, writing over the parameters and slots. */
function applyInPlace(
  spec: OptimizerSpec,
  { parameters, slots }: OptimizerState,
  changes: readonly ParameterChange[],
  { learningRate: rate, scale }: StepSize,
  steps: number,
): Pick<OptimizerState, 'parameters' | 'slots'> {
  const updated = changes.map((change, i) => {
    const parameter = parameters[i]!;
    if ('next' in change) {
      parameter.dispose();
      return change.next.clone();
    }
    const { gradient } = change;
    const [first, second] = slots[i]!;
    if (spec.type === 'sgd') {
      const { momentum, nesterov, weightDecay: decay } = spec;
      const inputs = { parameter, gradient, ...(first === undefined ? {} : { velocity: first }) };
      engine().runKernel('SgdStep', inputs, { rate, scale, decay, momentum, nesterov });
    } else {
      const { beta1, beta2, epsilon } = spec;
      engine().runKernel(
        'AdamStep',
        { parameter, gradient, mean: first!, variance: second! },
        {
          rate,
          scale,
          beta1,
          beta2,
          correction1: 1 - beta1 ** steps,
          correction2: 1 - beta2 ** steps,
          epsilon,
          decay: spec.type === 'adamw' ? spec.weightDecay : 0,
        },
      );
    }
    return parameter;
  });
  return { parameters: updated, slots };
}

export function disposeOptimizer({ parameters, slots }: OptimizerState): void {
  dispose([...parameters, ...slots.flat()]);
}

/** The parameter and its slots after a step. */
function moved(
  spec: OptimizerSpec,
  parameter: Tensor,
  sum: Tensor,
  [first, second]: readonly Tensor[],
  { learningRate, scale }: StepSize,
  steps: number,
): Tensor[] {
  const gradient = scale === 1 ? sum : mul(sum, scale);
  if (spec.type === 'sgd') {
    const { momentum, nesterov, weightDecay } = spec;
    const decayed = weightDecay === 0 ? gradient : add(gradient, mul(parameter, weightDecay));
    if (first === undefined) return [sub(parameter, mul(decayed, learningRate))];
    const velocity = add(mul(first, momentum), decayed);
    const direction = nesterov ? add(mul(velocity, momentum), decayed) : velocity;
    return [sub(parameter, mul(direction, learningRate)), velocity];
  }
  const { beta1, beta2, epsilon } = spec;
  const mean = add(mul(first!, beta1), mul(gradient, 1 - beta1));
  const variance = add(mul(second!, beta2), mul(square(gradient), 1 - beta2));
  const correctedMean = mul(mean, 1 / (1 - beta1 ** steps));
  const correctedVariance = mul(variance, 1 / (1 - beta2 ** steps));
  const change = mul(div(correctedMean, add(sqrt(correctedVariance), epsilon)), learningRate);
  const decayed = spec.type === 'adamw' ? mul(parameter, 1 - learningRate * spec.weightDecay) : parameter;
  return [sub(decayed, change), mean, variance];
}
