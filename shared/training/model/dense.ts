import { add, fused, matMul, reshape, type Tensor, type Tensor2D } from '@tensorflow/tfjs-core';
import { MurmurationError } from '../../errors/index.ts';
import type { LayerSpec } from '../../federation/index.ts';
import { type Activated, activate, fromOutputs } from './activation.ts';
import { type CompiledLayer, sizeOf } from './layer.ts';
import { affineGradients, asPositions, outerProductGradient } from './parameter-gradient.ts';

export type DenseSpec = Extract<LayerSpec, { type: 'dense' }>;

/** activation(x·kernel + bias) at every position: [batch, ...positions, features] → [batch, ...positions, units]. */
export function dense(spec: DenseSpec, inputShape: readonly number[], path: string): CompiledLayer {
  const features = inputShape.at(-1);
  if (features === undefined || inputShape.length > 2) {
    throw new MurmurationError('model.invalid', 'A dense layer works on flat examples or on sequences.', {
      path,
      expected: 'an input of [features] or [length, features]',
      received: `[${inputShape.join(', ')}]`,
      remedy: 'Put a flatten layer before it.',
    });
  }
  const { units, useBias } = spec;
  const outputShape = [...inputShape.slice(0, -1), units];
  const kernelShape = [features, units];
  return {
    parameters: [
      { name: 'kernel', shape: kernelShape, initializer: { fanIn: features, fanOut: units } },
      ...(useBias ? [{ name: 'bias', shape: [units], initializer: 'zeros' } as const] : []),
    ],
    outputShape,
    multiplyAdds: sizeOf(inputShape) * units,
    forward(inputs, [kernel, bias]) {
      const batch = inputs.shape[0]!;
      const rows = reshape(inputs, [-1, features]) as Tensor2D;
      const { outputs, backward } = affine(spec.activation, rows, kernel as Tensor2D, bias);
      return {
        outputs: reshape(outputs, [batch, ...outputShape]),
        backward(slope, wantInputs) {
          const rowSlopes = backward(reshape(slope, [-1, units])) as Tensor2D;
          const slopes = asPositions(reshape(rowSlopes, [batch, ...outputShape]));
          return {
            inputs: wantInputs
              ? reshape(matMul(rowSlopes, kernel as Tensor2D, false, true), inputs.shape)
              : undefined,
            parameters: useBias
              ? affineGradients(asPositions(inputs), slopes, kernelShape)
              : [outerProductGradient(asPositions(inputs), slopes, kernelShape)],
          };
        },
      };
    },
  };
}

/** One fused kernel where the backends have one. */
function affine(
  activation: DenseSpec['activation'],
  rows: Tensor2D,
  kernel: Tensor2D,
  bias: Tensor | undefined,
): Activated {
  if (activation === 'linear' || activation === 'relu') {
    const outputs = fused.matMul({ a: rows, b: kernel, activation, ...(bias ? { bias } : {}) });
    return fromOutputs(activation, outputs);
  }
  const products = matMul(rows, kernel);
  return activate(activation, bias === undefined ? products : add(products, bias));
}
