import { relu, sigmoid, type Tensor, tanh } from '@tensorflow/tfjs-core';
import { unreachable } from '../../errors/index.ts';
import type { Activation } from '../../federation/index.ts';

export function activate(name: Activation, inputs: Tensor): Tensor {
  switch (name) {
    case 'linear':
      return inputs;
    case 'relu':
      return relu(inputs);
    case 'tanh':
      return tanh(inputs);
    case 'sigmoid':
      return sigmoid(inputs);
    default:
      return unreachable(name);
  }
}
