import { matMul, reshape, type Tensor2D } from '@tensorflow/tfjs-core';
import { check } from '../../errors/index.ts';
import { type CompiledLayer, sizeOf } from './layer.ts';
import { asPositions, outerProductGradient } from './parameter-gradient.ts';

/**
 * x·tableᵀ: [batch, ...positions, units] → [batch, ...positions, vocabulary], by the table of an embedding.
 * @param tableShape [vocabulary, units].
 */
export function unembedding(
  tableShape: readonly number[],
  inputShape: readonly number[],
  path: string,
): CompiledLayer {
  const [vocabulary, units] = tableShape as [number, number];
  check(
    inputShape.at(-1) === units && inputShape.length <= 2,
    'model.invalid',
    'The inputs do not fit the table.',
    {
      path,
      expected: `an input of [length, ${units}] or [${units}]`,
      received: `[${inputShape.join(', ')}]`,
      remedy: 'Use as many units before it as the embedding has.',
    },
  );
  const outputShape = [...inputShape.slice(0, -1), vocabulary];
  return {
    parameters: [{ name: 'table', shape: tableShape, initializer: 'zeros' }],
    outputShape,
    multiplyAdds: sizeOf(inputShape) * vocabulary,
    forward(inputs, [table]) {
      const batch = inputs.shape[0]!;
      const rows = reshape(inputs, [-1, units]) as Tensor2D;
      return {
        outputs: reshape(matMul(rows, table as Tensor2D, false, true), [batch, ...outputShape]),
        backward: (slope, wantInputs) => ({
          inputs: wantInputs
            ? reshape(matMul(reshape(slope, [-1, vocabulary]) as Tensor2D, table as Tensor2D), inputs.shape)
            : undefined,
          parameters: [outerProductGradient(asPositions(slope), asPositions(inputs), tableShape)],
        }),
      };
    },
  };
}
