import {
  add,
  dispose,
  mul,
  type Scalar,
  sub,
  type Tensor,
  tidy,
  valueAndGrads,
  zerosLike,
} from '@tensorflow/tfjs-core';
import type { TrainingSpec } from '../federation/index.ts';

/** Stochastic gradient descent, as a state that each step replaces. Its tensors live until {@link disposeSgd}. */
export interface SgdState {
  readonly parameters: readonly Tensor[];
  /** One per parameter; empty without momentum. */
  readonly velocities: readonly Tensor[];
}

/** Takes over the parameters: they are disposed of with the state. Momentum starts at rest. */
export function initSgd(parameters: readonly Tensor[], momentum: number): SgdState {
  return {
    parameters,
    velocities: momentum === 0 ? [] : parameters.map((parameter) => zerosLike(parameter)),
  };
}

/**
 * v ← momentum·v + gradient; w ← w − learningRate·v (Sutskever et al. 2013, in the form of Polyak's heavy ball).
 * @returns the next state and the loss before the step; the state passed in is disposed of, on failure too.
 */
export function stepSgd(
  state: SgdState,
  { learningRate, momentum }: TrainingSpec['optimizer'],
  loss: (parameters: readonly Tensor[]) => Scalar,
): { state: SgdState; loss: Scalar } {
  try {
    const [value, parameters, velocities] = tidy(() => {
      const { value, grads } = valueAndGrads((...parameters: Tensor[]) => loss(parameters))([
        ...state.parameters,
      ]);
      const velocities =
        momentum === 0
          ? grads
          : grads.map((gradient, i) => add(mul(state.velocities[i]!, momentum), gradient));
      const parameters = state.parameters.map((parameter, i) =>
        sub(parameter, mul(velocities[i]!, learningRate)),
      );
      return [value as Scalar, parameters, momentum === 0 ? [] : velocities] as const;
    }) as readonly [Scalar, Tensor[], Tensor[]];
    return { state: { parameters, velocities }, loss: value };
  } finally {
    disposeSgd(state);
  }
}

export function disposeSgd({ parameters, velocities }: SgdState): void {
  dispose([...parameters, ...velocities]);
}
