import type { LayerSpec } from '../../../federation/index.ts';
import type { SeededRandom } from '../../../random/index.ts';
import { REFERENCE_ACTIVATIONS } from './activation.ts';
import { convolution, depthwiseConvolution, pool } from './convolution.ts';
import { momentsOfSets, normalizeSets, standardize } from './normalization.ts';
import { affine, attend, lookUp, sinusoids, transposed } from './sequence.ts';
import { plus, sumOver, type Values, valuesOf } from './values.ts';

/**
 * The forward pass of every layer in double precision, as plain loops from the definitions: slow, and the measure
 * of the fast one. Gradients come from it by finite differences.
 */
export interface ReferencePass {
  /** By the names of the layout. */
  readonly weights: ReadonlyMap<string, Values>;
  readonly training: boolean;
  /** Drawn from once per number of each dropout layer, in order. */
  readonly random: SeededRandom;
}

export interface ReferenceOutputs {
  readonly outputs: Values;
  /** What the moving averages become, by name. */
  readonly statistics: ReadonlyMap<string, readonly number[]>;
}

export function referenceForward(
  layers: readonly LayerSpec[],
  inputs: Values,
  pass: ReferencePass,
): ReferenceOutputs {
  const context: Context = { ...pass, named: new Map(), statistics: new Map() };
  return { outputs: runAll(layers, inputs, '', context), statistics: context.statistics };
}

interface Context extends ReferencePass {
  readonly named: Map<string, { readonly spec: LayerSpec; readonly prefix: string }>;
  readonly statistics: Map<string, readonly number[]>;
}

function runAll(layers: readonly LayerSpec[], inputs: Values, prefix: string, context: Context): Values {
  return layers.reduce((x, spec, i) => run(spec, x, `${prefix}${i}.${spec.type}/`, context), inputs);
}

function run(spec: LayerSpec, x: Values, prefix: string, context: Context): Values {
  if ('name' in spec && spec.name !== undefined) context.named.set(spec.name, { spec, prefix });
  const weight = (name: string) => weightAt(context, prefix + name);
  const bias = () => ('useBias' in spec && !spec.useBias ? undefined : weight('bias'));
  const channels = x.shape.at(-1)!;
  const batch = x.shape[0]!;
  switch (spec.type) {
    case 'flatten':
      return { shape: [batch, x.data.length / batch], data: x.data };
    case 'dense':
      return activated(spec, affine(x, weight('kernel'), bias()));
    case 'conv2d':
      return activated(spec, biased(convolution(x, weight('kernel'), spec.strides, spec.padding), bias()));
    case 'depthwiseConv2d':
      return activated(
        spec,
        biased(depthwiseConvolution(x, weight('depthwiseKernel'), spec.strides, spec.padding), bias()),
      );
    case 'separableConv2d': {
      const each = depthwiseConvolution(x, weight('depthwiseKernel'), spec.strides, spec.padding);
      return activated(spec, biased(convolution(each, weight('pointwiseKernel'), 1, 'valid'), bias()));
    }
    case 'maxPool2d':
    case 'averagePool2d': {
      const window = { size: spec.poolSize, strides: spec.strides ?? spec.poolSize, padding: spec.padding };
      return pool(x, window, spec.type === 'maxPool2d' ? 'largest' : 'mean');
    }
    case 'globalAveragePool': {
      const positions = x.data.length / batch / channels;
      return valuesOf([batch, channels], (index) => {
        const first = Math.floor(index / channels) * positions * channels + (index % channels);
        return sumOver(positions, (position) => x.data[first + position * channels]!) / positions;
      });
    }
    case 'activation':
      return activated(spec, x);
    case 'layerNorm':
      return scaled(
        normalizeSets(x, (index) => Math.floor(index / channels), spec.epsilon),
        weight,
      );
    case 'groupNorm': {
      const perGroup = channels / spec.groups;
      const perExample = x.data.length / batch;
      const groupOf = (index: number) =>
        Math.floor(index / perExample) * spec.groups + Math.floor((index % channels) / perGroup);
      return scaled(normalizeSets(x, groupOf, spec.epsilon), weight);
    }
    case 'batchNorm': {
      const { momentum, epsilon } = spec;
      const movingMeans = weight('movingMean').data;
      const movingVariances = weight('movingVariance').data;
      const moments = momentsOfSets(x, (index) => index % channels);
      const next = (moving: readonly number[], of: 'mean' | 'variance') =>
        moving.map((value, channel) => momentum * value + (1 - momentum) * moments.get(channel)![of]);
      context.statistics.set(`${prefix}movingMean`, next(movingMeans, 'mean'));
      context.statistics.set(`${prefix}movingVariance`, next(movingVariances, 'variance'));
      const momentsAt = (index: number) => {
        const channel = index % channels;
        return context.training
          ? moments.get(channel)!
          : { mean: movingMeans[channel]!, variance: movingVariances[channel]! };
      };
      return scaled(standardize(x, momentsAt, epsilon), weight);
    }
    case 'dropout':
      return context.training && spec.rate > 0
        ? valuesOf(x.shape, (index) =>
            context.random.uniform() < spec.rate ? 0 : x.data[index]! / (1 - spec.rate),
          )
        : x;
    case 'embedding':
      return lookUp(x, weight('table'));
    case 'positionalEncoding': {
      const table = spec.kind === 'learned' ? weight('table') : sinusoids(x.shape[1]!, channels);
      return valuesOf(x.shape, (index) => x.data[index]! + table.data[index % table.data.length]!);
    }
    case 'attention': {
      const project = (name: string) => affine(x, weight(`${name}Kernel`), weight(`${name}Bias`));
      const projections = { queries: project('query'), keys: project('key'), values: project('value') };
      const heads = attend(projections, spec.heads, spec.causal);
      return affine(heads, weight('outputKernel'), weight('outputBias'));
    }
    case 'shared': {
      const original = context.named.get(spec.of)!;
      return run(original.spec, x, original.prefix, context);
    }
    case 'unembedding':
      return affine(
        x,
        transposed(weightAt(context, `${context.named.get(spec.of)!.prefix}table`)),
        undefined,
      );
    case 'residual': {
      const body = runAll(spec.layers, x, prefix, context);
      return plus(body, runAll(spec.shortcut, x, `${prefix}shortcut.`, context));
    }
  }
}

function weightAt({ weights }: Context, name: string): Values {
  const weight = weights.get(name);
  if (weight === undefined) throw new RangeError(`There is no weight ${name}.`);
  return weight;
}

function activated(spec: Extract<LayerSpec, { activation: unknown }>, x: Values): Values {
  const activation = REFERENCE_ACTIVATIONS[spec.activation];
  return valuesOf(x.shape, (index) => activation(x.data[index]!));
}

/** One number per channel. */
function biased(x: Values, bias: Values | undefined): Values {
  if (bias === undefined) return x;
  return valuesOf(x.shape, (index) => x.data[index]! + bias.data[index % bias.data.length]!);
}

function scaled(x: Values, weight: (name: string) => Values): Values {
  const gamma = weight('gamma').data;
  return biased(
    valuesOf(x.shape, (index) => x.data[index]! * gamma[index % gamma.length]!),
    weight('beta'),
  );
}
