import { unreachable } from '../../errors/index.ts';
import type { LayerSpec } from '../../federation/index.ts';
import { activationLayer } from './activation-layer.ts';
import { attention } from './attention.ts';
import { batchNorm } from './batch-norm.ts';
import { conv2d } from './conv2d.ts';
import { dense } from './dense.ts';
import { depthwiseConv2d } from './depthwise-conv2d.ts';
import { dropout } from './dropout.ts';
import { embedding } from './embedding.ts';
import { flatten } from './flatten.ts';
import { globalAveragePool } from './global-average-pool.ts';
import { groupNorm } from './group-norm.ts';
import type { CompiledLayer } from './layer.ts';
import { layerNorm } from './layer-norm.ts';
import { pool2d } from './pool2d.ts';
import { positionalEncoding } from './positional-encoding.ts';
import { separableConv2d } from './separable-conv2d.ts';

/** Layers that stand by themselves: not those made of others, nor those that name another. */
export type SingleLayerSpec = Exclude<LayerSpec, { type: 'residual' | 'shared' | 'unembedding' }>;

/** @throws `model.invalid` with the path of the layer and what it expected. */
export function compileLayer(spec: SingleLayerSpec, shape: readonly number[], path: string): CompiledLayer {
  switch (spec.type) {
    case 'flatten':
      return flatten(shape);
    case 'dense':
      return dense(spec, shape, path);
    case 'conv2d':
      return conv2d(spec, shape, path);
    case 'maxPool2d':
    case 'averagePool2d':
      return pool2d(spec, shape, path);
    case 'embedding':
      return embedding(spec, shape, path);
    case 'positionalEncoding':
      return positionalEncoding(spec, shape, path);
    case 'attention':
      return attention(spec, shape, path);
    case 'depthwiseConv2d':
      return depthwiseConv2d(spec, shape, path);
    case 'separableConv2d':
      return separableConv2d(spec, shape, path);
    case 'globalAveragePool':
      return globalAveragePool(shape, path);
    case 'activation':
      return activationLayer(spec, shape);
    case 'layerNorm':
      return layerNorm(spec, shape, path);
    case 'groupNorm':
      return groupNorm(spec, shape, path);
    case 'batchNorm':
      return batchNorm(spec, shape);
    case 'dropout':
      return dropout(spec, shape);
    default:
      return unreachable(spec);
  }
}
