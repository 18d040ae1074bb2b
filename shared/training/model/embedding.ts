import {
  add,
  cast,
  gather,
  matMul,
  mul,
  range,
  reshape,
  sqrt,
  sum,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
  unsortedSegmentSum,
} from '@tensorflow/tfjs-core';
import { check } from '../../errors/index.ts';
import type { DataSchema, LayerSpec } from '../../federation/index.ts';
import { equalIds } from '../ops/equal-ids.ts';
import { rowSquaredNorms, scaleRows } from '../ops/rows.ts';
import type { CompiledLayer } from './layer.ts';
import { asPositions, type ParameterGradient } from './parameter-gradient.ts';
import { withRoundingMargin } from './rounding-margin.ts';

export type EmbeddingSpec = Extract<LayerSpec, { type: 'embedding' }>;

/** Rows of a table by token id: [batch, length] int32 → [batch, length, units]. */
export function embedding(spec: EmbeddingSpec, inputShape: readonly number[], path: string): CompiledLayer {
  const { vocabulary, units } = spec;
  const [length, ...others] = inputShape;
  check(
    length !== undefined && others.length === 0,
    'model.invalid',
    'An embedding works on sequences of token ids.',
    {
      path,
      expected: 'an input of [length]',
      received: `[${inputShape.join(', ')}]`,
      remedy: 'Put it first, in a federation on tokens.',
    },
  );
  return {
    parameters: [{ name: 'table', shape: [vocabulary, units], initializer: { limit: 0.05 } }],
    outputShape: [length, units],
    multiplyAdds: 0,
    forward: (ids, [table]) => ({
      outputs: gather(table!, ids as Tensor2D),
      // Ids have no slope.
      backward: (slope) => ({
        inputs: undefined,
        parameters: [tableGradient(ids as Tensor2D, slope, vocabulary)],
      }),
    }),
  };
}

/**
 * The slope of each position goes to the row of its id. Norms without per-example tables: two positions meet in a
 * row only where their ids are equal, so ‖gᵢ‖² = Σₜᵤ [idᵢₜ = idᵢᵤ]·⟨slopeᵢₜ, slopeᵢᵤ⟩ (Li et al. 2022, section 4). Where
 * a table is smaller than that matrix of pairs, as with long sequences, it is what takes less memory and time.
 * @param ids [batch, length]. @param slope [batch, length, units].
 */
function tableGradient(ids: Tensor2D, slope: Tensor, vocabulary: number): ParameterGradient {
  const [batch, length] = ids.shape;
  const slopes = asPositions(slope);
  const units = slopes.shape[2];
  const perExample = (): Tensor => {
    // Each example gets a table of its own: as many ids again.
    const firsts = mul(reshape(range(0, batch, 1, 'int32'), [batch, 1]), vocabulary);
    return reshape(
      unsortedSegmentSum(
        reshape(slopes, [batch * length, units]) as Tensor2D,
        reshape(add(ids, cast(firsts, 'int32')), [batch * length]) as Tensor1D,
        batch * vocabulary,
      ),
      [batch, vocabulary, units],
    );
  };
  return {
    factors: { features: vocabulary, left: ids, right: slopes },
    perExample,
    sum(weights) {
      const weighted = weights === undefined ? slopes : scaleRows(slopes, weights);
      return unsortedSegmentSum(
        reshape(weighted, [batch * length, units]) as Tensor2D,
        reshape(ids, [batch * length]) as Tensor1D,
        vocabulary,
      );
    },
    squaredNorms() {
      if (vocabulary * units <= length ** 2) return rowSquaredNorms(perExample());
      const areEqual = equalIds(ids, ids);
      const lengths = reshape(sqrt(rowSquaredNorms(reshape(slopes, [-1, units]))), [batch, length, 1]);
      return withRoundingMargin(
        sum(mul(matMul(slopes, slopes, false, true), areEqual), [1, 2]),
        sum(mul(matMul(lengths, lengths, false, true), areEqual), [1, 2]),
      );
    },
  };
}

/**
 * Tokens are ids, which only an embedding can take; and it takes nothing else.
 * @throws `model.invalid` with the path of the layer at fault.
 */
export function checkTokenLayers(data: DataSchema, layers: readonly LayerSpec[]): void {
  const [first, ...others] = layers;
  if (data.kind === 'tokens') {
    check(first?.type === 'embedding', 'model.invalid', 'A model on tokens starts with an embedding.', {
      path: 'model.layers[0]',
      expected: 'an embedding layer',
      received: `a ${first?.type} layer`,
      remedy: `Put an embedding with a vocabulary of ${data.vocabulary} first.`,
    });
    check(
      data.vocabulary <= first.vocabulary,
      'model.invalid',
      'The embedding has no row for some of the tokens.',
      {
        path: 'model.layers[0].vocabulary',
        expected: `at least ${data.vocabulary}, the vocabulary of the data`,
        received: String(first.vocabulary),
      },
    );
    refuseEmbeddings(others, 1, 'model.layers', first.name);
  } else {
    refuseEmbeddings(layers, 0, 'model.layers', undefined);
  }
}

function refuseEmbeddings(
  layers: readonly LayerSpec[],
  from: number,
  path: string,
  first: string | undefined,
): void {
  layers.forEach((layer, i) => {
    const layerPath = `${path}[${from + i}]`;
    const takesIds =
      layer.type === 'embedding' || (layer.type === 'shared' && first !== undefined && layer.of === first);
    check(!takesIds, 'model.invalid', 'An embedding takes token ids, not the outputs of a layer.', {
      path: layerPath,
      expected: 'an embedding as the first layer of a model on tokens, and nowhere else',
      received: `a layer of type ${layer.type}`,
      remedy: 'Use a dense layer, or "unembedding" to turn units into logits over the tokens.',
    });
    if (layer.type === 'residual') {
      refuseEmbeddings(layer.layers, 0, `${layerPath}.layers`, first);
      refuseEmbeddings(layer.shortcut, 0, `${layerPath}.shortcut`, first);
    }
  });
}
