import { add, matMul, type Tensor2D } from '@tensorflow/tfjs-core';
import { MurmurationError } from '../../errors/index.ts';
import type { LayerSpec } from '../../federation/index.ts';
import { activate } from './activation.ts';
import type { CompiledLayer } from './layer.ts';

type DenseSpec = Extract<LayerSpec, { type: 'dense' }>;

/** activation(x·kernel + bias): [batch, features] → [batch, units]. */
export function dense(spec: DenseSpec, inputShape: readonly number[], path: string): CompiledLayer {
  const [features, ...others] = inputShape;
  if (features === undefined || others.length > 0) {
    throw new MurmurationError('model.invalid', 'A dense layer works on flat examples.', {
      path,
      expected: 'an input of [features]',
      received: `[${inputShape.join(', ')}]`,
      remedy: 'Put a flatten layer before it.',
    });
  }
  return {
    parameters: [
      {
        name: 'kernel',
        shape: [features, spec.units],
        initializer: { fanIn: features, fanOut: spec.units },
      },
      { name: 'bias', shape: [spec.units], initializer: 'zeros' },
    ],
    outputShape: [spec.units],
    apply: (inputs, [kernel, bias]) =>
      activate(spec.activation, add(matMul(inputs as Tensor2D, kernel as Tensor2D), bias!)),
  };
}
