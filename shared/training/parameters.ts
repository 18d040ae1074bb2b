import { type Tensor, tensor } from '@tensorflow/tfjs-core';
import { check } from '../errors/index.ts';
import type { Layout } from '../update/index.ts';

/** One tensor per parameter, in the layout's order. The caller disposes of them. */
export function tensorsOf(layout: Layout, weights: Float32Array): Tensor[] {
  check(weights.length === layout.length, 'model.layout-mismatch', 'The weights do not fit the model.', {
    expected: `${layout.length} weights`,
    received: String(weights.length),
    remedy: 'Use a model made for this federation.',
  });
  // slice, not subarray: the cpu backend keeps the array it is given.
  return layout.parameters.map(({ shape, offset, length }) =>
    tensor(weights.slice(offset, offset + length), [...shape], 'float32'),
  );
}

/** The inverse of {@link tensorsOf}. */
export async function weightsOf(
  layout: Layout,
  tensors: readonly Tensor[],
): Promise<Float32Array<ArrayBuffer>> {
  const weights = new Float32Array(layout.length);
  const values = await Promise.all(tensors.map((parameter) => parameter.data<'float32'>()));
  values.forEach((array, i) => {
    weights.set(array, layout.parameters[i]!.offset);
  });
  return weights;
}

/** @throws `model.layout-mismatch` when the model was made for another layout. */
export function checkLayout(layout: Layout, model: { layoutHash: string; weights: Float32Array }): void {
  check(
    model.layoutHash === layout.hash && model.weights.length === layout.length,
    'model.layout-mismatch',
    'The model has another layout than this federation.',
    {
      expected: `layout ${layout.hash.slice(0, 12)} of ${layout.length} parameters`,
      received: `layout ${model.layoutHash.slice(0, 12)} of ${model.weights.length}`,
      remedy: 'Fetch the model of this federation and revision.',
    },
  );
}
