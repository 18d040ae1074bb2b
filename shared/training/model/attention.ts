import {
  add,
  fused,
  matMul,
  mul,
  reshape,
  softmax,
  sub,
  sum,
  type Tensor,
  type Tensor2D,
  type Tensor3D,
  tensor,
  transpose,
} from '@tensorflow/tfjs-core';
import { check } from '../../errors/index.ts';
import type { LayerSpec } from '../../federation/index.ts';
import { type CompiledLayer, type LayerParameter, sequenceShape } from './layer.ts';
import { addedVectorGradient, asPositions, outerProductGradient } from './parameter-gradient.ts';

export type AttentionSpec = Extract<LayerSpec, { type: 'attention' }>;

/** Added to the score of a position that must not be seen: e to it is 0 in float32, after any other score. */
const UNSEEN = -1e9;

/**
 * Multi-head self-attention: [batch, length, units] → the same shape. Each head puts out
 * softmax(q·kᵀ / √keySize)·v, and the heads side by side go through one more product (Vaswani et al. 2017, 3.2).
 */
export function attention(spec: AttentionSpec, inputShape: readonly number[], path: string): CompiledLayer {
  const [length, units] = sequenceShape(inputShape, path, 'attention');
  const { heads, keySize = units / heads } = spec;
  check(
    Number.isInteger(keySize),
    'model.invalid',
    'The units of the sequence do not divide among the heads.',
    {
      path: `${path}.heads`,
      expected: `a divisor of ${units}`,
      received: String(heads),
      remedy: 'Choose another number of heads, or name a keySize.',
    },
  );
  const width = heads * keySize;
  const scale = 1 / Math.sqrt(keySize);

  /** [batch × length, width] → [batch × heads, length, keySize]. */
  const split = (x: Tensor): Tensor3D =>
    reshape(transpose(reshape(x, [-1, length, heads, keySize]), [0, 2, 1, 3]), [-1, length, keySize]);
  /** The way back. */
  const merge = (x: Tensor): Tensor2D =>
    reshape(transpose(reshape(x, [-1, heads, length, keySize]), [0, 2, 1, 3]), [-1, width]);

  return {
    parameters: attentionParameters(units, width),
    outputShape: inputShape,
    multiplyAdds: 4 * length * units * width + 2 * length * length * width,
    largestInside: length * Math.max(heads * length, width),
    forward(inputs, parameters) {
      const [queryKernel, keyKernel, valueKernel, outputKernel] = parameters as Tensor2D[];
      const [queryBias, keyBias, valueBias, outputBias] = parameters.slice(4) as [
        Tensor,
        Tensor,
        Tensor,
        Tensor,
      ];
      const batch = inputs.shape[0]!;
      const rows = reshape(inputs, [batch * length, units]) as Tensor2D;
      const project = (kernel: Tensor2D, bias: Tensor) => fused.matMul({ a: rows, b: kernel, bias });

      const queries = mul(split(project(queryKernel!, queryBias)), scale) as Tensor3D;
      const keys = split(project(keyKernel!, keyBias));
      const values = split(project(valueKernel!, valueBias));
      const scores = matMul(queries, keys, false, true);
      const weights = softmax(spec.causal ? add(scores, causalMask(length)) : scores) as Tensor3D;
      const seen = matMul(weights, values);
      const merged = merge(seen);
      const outputs = fused.matMul({ a: merged, b: outputKernel!, bias: outputBias });

      return {
        outputs: reshape(outputs, inputs.shape),
        backward(slope, wantInputs) {
          const slopeRows = reshape(slope, [batch * length, units]) as Tensor2D;
          const seenSlope = split(matMul(slopeRows, outputKernel!, false, true));
          const valueSlope = merge(matMul(weights, seenSlope, true, false));
          const weightSlope = matMul(seenSlope, values, false, true);
          // Of softmax: P∘(dP − Σ dP∘P), where Σ over a row of dP∘P is that of the slope of P·v with P·v itself.
          const means = sum(mul(seenSlope, seen), 2, true);
          const scoreSlope = mul(weights, sub(weightSlope, means)) as Tensor3D;
          const querySlope = merge(mul(matMul(scoreSlope, keys), scale));
          const keySlope = merge(matMul(scoreSlope, queries, true, false));

          const positions = (x: Tensor): Tensor3D => reshape(x, [batch, length, -1]);
          const outward = [querySlope, keySlope, valueSlope].map(positions);
          const outputSlope = asPositions(slope);
          const from = asPositions(inputs);
          return {
            inputs: wantInputs
              ? reshape(
                  add(
                    add(
                      matMul(querySlope, queryKernel!, false, true),
                      matMul(keySlope, keyKernel!, false, true),
                    ),
                    matMul(valueSlope, valueKernel!, false, true),
                  ),
                  inputs.shape,
                )
              : undefined,
            parameters: [
              ...outward.map((slopes) => outerProductGradient(from, slopes, [units, width])),
              outerProductGradient(positions(merged), outputSlope, [width, units]),
              ...[...outward, outputSlope].map(addedVectorGradient),
            ],
          };
        },
      };
    },
  };
}

function attentionParameters(units: number, width: number): LayerParameter[] {
  const inward = { shape: [units, width], initializer: { fanIn: units, fanOut: width } };
  const inwardBias = { shape: [width], initializer: 'zeros' } as const;
  return [
    { name: 'queryKernel', ...inward },
    { name: 'keyKernel', ...inward },
    { name: 'valueKernel', ...inward },
    { name: 'outputKernel', shape: [width, units], initializer: { fanIn: width, fanOut: units } },
    { name: 'queryBias', ...inwardBias },
    { name: 'keyBias', ...inwardBias },
    { name: 'valueBias', ...inwardBias },
    { name: 'outputBias', shape: [units], initializer: 'zeros' },
  ];
}

/** [length, length]: zero where the column is not after the row. */
function causalMask(length: number): Tensor2D {
  return tensor(
    Float32Array.from({ length: length * length }, (_, k) =>
      k % length > Math.floor(k / length) ? UNSEEN : 0,
    ),
    [length, length],
  );
}
