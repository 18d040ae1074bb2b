import {
  add,
  elu,
  leakyRelu,
  minimum,
  mul,
  relu,
  relu6,
  sigmoid,
  softplus,
  square,
  step,
  sub,
  type Tensor,
  tanh,
} from '@tensorflow/tfjs-core';
import { unreachable } from '../../errors/index.ts';
import type { Activation } from '../../federation/index.ts';
import { gelu, geluSlope } from '../ops/gelu.ts';
import { reluSlope } from '../ops/relu-slope.ts';

export interface Activated {
  readonly outputs: Tensor;
  /** ∂loss/∂inputs from ∂loss/∂outputs. */
  backward(slope: Tensor): Tensor;
}

const LEAK = 0.2;

export function activate(name: Activation, inputs: Tensor): Activated {
  switch (name) {
    case 'linear':
      return { outputs: inputs, backward: (slope) => slope };
    case 'relu':
      return fromOutputs(name, relu(inputs));
    case 'sigmoid':
      return fromOutputs(name, sigmoid(inputs));
    case 'tanh':
      return fromOutputs(name, tanh(inputs));
    case 'relu6':
      return fromOutputs(name, relu6(inputs));
    case 'elu':
      return fromOutputs(name, elu(inputs));
    case 'leakyRelu':
      return fromOutputs(name, leakyRelu(inputs, LEAK));
    case 'softplus':
      return { outputs: softplus(inputs), backward: (slope) => mul(slope, sigmoid(inputs)) };
    case 'silu': {
      const gate = sigmoid(inputs);
      const outputs = mul(inputs, gate);
      // (x·σ)′ = σ + x·σ·(1 − σ)
      return {
        outputs,
        backward: (slope) => mul(slope, add(gate, mul(outputs, sub(1, gate)))),
      };
    }
    case 'gelu':
      return { outputs: gelu(inputs), backward: (slope) => geluSlope(slope, inputs) };
    default:
      return unreachable(name);
  }
}

export type InvertibleActivation = Exclude<Activation, 'softplus' | 'silu' | 'gelu'>;

/** An activation whose slope follows from what it put out: its inputs need not be kept. */
export function fromOutputs(name: InvertibleActivation, outputs: Tensor): Activated {
  const slopeOf = (): ((slope: Tensor) => Tensor) => {
    switch (name) {
      case 'linear':
        return (slope) => slope;
      case 'relu':
        return (slope) => reluSlope(slope, outputs);
      case 'relu6':
        return (slope) => mul(reluSlope(slope, outputs), step(sub(6, outputs)));
      case 'leakyRelu':
        // 1 above zero, LEAK below.
        return (slope) => mul(slope, step(outputs, LEAK));
      case 'elu':
        // exp(x) = y + 1 below zero, 1 above.
        return (slope) => mul(slope, add(minimum(outputs, 0), 1));
      case 'sigmoid':
        return (slope) => mul(slope, mul(outputs, sub(1, outputs)));
      case 'tanh':
        return (slope) => mul(slope, sub(1, square(outputs)));
      default:
        return unreachable(name);
    }
  };
  return { outputs, backward: slopeOf() };
}
