import { add, tensor } from '@tensorflow/tfjs-core';
import type { LayerSpec } from '../../federation/index.ts';
import { type CompiledLayer, sequenceShape } from './layer.ts';
import { perExampleGradient } from './parameter-gradient.ts';

export type PositionalEncodingSpec = Extract<LayerSpec, { type: 'positionalEncoding' }>;

/** inputs + a row for each position: [batch, length, units] → the same shape. */
export function positionalEncoding(
  spec: PositionalEncodingSpec,
  inputShape: readonly number[],
  path: string,
): CompiledLayer {
  const [length, units] = sequenceShape(inputShape, path, 'positionalEncoding');
  const shape = { outputShape: inputShape, multiplyAdds: 0 };
  if (spec.kind === 'learned') {
    return {
      ...shape,
      parameters: [{ name: 'table', shape: [length, units], initializer: { limit: 0.05 } }],
      forward: (inputs, [table]) => ({
        outputs: add(inputs, table!),
        backward: (slope) => ({ inputs: slope, parameters: [perExampleGradient(() => slope)] }),
      }),
    };
  }
  let table: Float32Array | undefined;
  return {
    ...shape,
    parameters: [],
    forward(inputs) {
      table ??= sinusoids(length, units);
      return {
        outputs: add(inputs, tensor(table, [length, units])),
        backward: (slope) => ({ inputs: slope, parameters: [] }),
      };
    },
  };
}

/**
 * sin(position / 10000^(2i/units)) at unit 2i and the cosine of the same at unit 2i + 1 (Vaswani et al. 2017, 3.5).
 * @returns [length, units], row-major.
 */
export function sinusoids(length: number, units: number): Float32Array {
  return Float32Array.from({ length: length * units }, (_, k) => {
    const unit = k % units;
    const even = unit - (unit % 2);
    const angle = Math.floor(k / units) / 10_000 ** (even / units);
    return unit === even ? Math.sin(angle) : Math.cos(angle);
  });
}
