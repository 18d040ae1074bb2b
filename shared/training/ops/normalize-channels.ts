import {
  add,
  engine,
  expandDims,
  mean,
  mul,
  ones,
  reshape,
  rsqrt,
  square,
  sub,
  type Tensor,
  type Tensor3D,
} from '@tensorflow/tfjs-core';
import { hasKernel } from './kernel.ts';
import { positionSums } from './rows.ts';

/** gamma·(x − mean) / √(variance + ε) + beta, with moments over positions and groups of channels. */
export interface NormalizedChannels {
  readonly outputs: Tensor3D;
  /** [sets, 1, channels], or what broadcasts to it; equal within a group. */
  readonly mean: Tensor;
  readonly variance: Tensor;
  backward(slope: Tensor3D): {
    readonly inputs: () => Tensor3D;
    /** What each position adds to the gradient of gamma, [sets, positions, channels]. */
    readonly gammaParts: () => Tensor3D;
    /** The sums of these, and of the slope, over the positions: [sets, 1, channels]. */
    readonly gamma: Tensor;
    readonly beta: Tensor;
  };
}

/**
 * The mean is taken off before squares are, so that no large squares cancel. What is as large as x is touched as
 * seldom as can be: sums over the positions come first, the rest happens on the sums.
 * @param x [sets, positions, channels]. @param gamma, beta [channels]. @param groups divides the channels.
 */
export function normalizeChannels(
  x: Tensor3D,
  gamma: Tensor,
  beta: Tensor,
  groups: number,
  epsilon: number,
): NormalizedChannels {
  if (hasKernel('NormalizeChannels')) return normalizeNatively(x, gamma, beta, groups, epsilon);
  const positions = x.shape[1];
  const groupMean = (sums: Tensor) => overGroups(mul(sums, 1 / positions), groups);
  const average = groupMean(sumsOf(x));
  const centred = sub(x, average) as Tensor3D;
  const variance = groupMean(sumsOf(square(centred)));
  return scaleCentred(centred, { mean: average, variance, gamma, beta, epsilon }, (slope, scale, sums) => {
    // With g = gamma·slope, and y normalized: (g − mean(g) − y·mean(g·y)) · scale (Wu and He 2018; for one group
    // per channel, Ioffe and Szegedy 2015, section 3).
    const constant = mul(groupMean(mul(gamma, sums.beta)), scale);
    const proportional = mul(groupMean(mul(gamma, sums.gamma)), square(scale));
    return sub(sub(mul(slope, mul(gamma, scale)), mul(centred, proportional)), constant);
  });
}

/** As {@link normalizeChannels}, with moments from elsewhere, which do not depend on x. */
export function standardizeChannels(
  x: Tensor3D,
  gamma: Tensor,
  beta: Tensor,
  moments: { readonly mean: Tensor; readonly variance: Tensor },
  epsilon: number,
): NormalizedChannels {
  const centred = sub(x, moments.mean) as Tensor3D;
  return scaleCentred(centred, { ...moments, gamma, beta, epsilon }, (slope, scale) =>
    mul(slope, mul(gamma, scale)),
  );
}

function scaleCentred(
  centred: Tensor3D,
  options: {
    readonly mean: Tensor;
    readonly variance: Tensor;
    readonly gamma: Tensor;
    readonly beta: Tensor;
    readonly epsilon: number;
  },
  inputSlope: (
    slope: Tensor3D,
    scale: Tensor,
    sums: { readonly gamma: Tensor; readonly beta: Tensor },
  ) => Tensor3D,
): NormalizedChannels {
  const { mean: average, variance, gamma, beta, epsilon } = options;
  const scale = rsqrt(add(variance, epsilon));
  return {
    outputs: add(mul(centred, mul(scale, gamma)), beta),
    mean: average,
    variance,
    backward(slope) {
      const products = mul(slope, centred) as Tensor3D;
      const sums = {
        gamma: mul(sumsOf(products), scale),
        beta: sumsOf(slope),
      };
      return {
        ...sums,
        gammaParts: () => mul(products, scale),
        inputs: () => inputSlope(slope, scale, sums),
      };
    },
  };
}

function normalizeNatively(
  x: Tensor3D,
  gamma: Tensor,
  beta: Tensor,
  groups: number,
  epsilon: number,
): NormalizedChannels {
  const [outputs, centred, average, variance, scales] = engine().runKernel(
    'NormalizeChannels',
    { x, gamma, beta },
    { groups, epsilon },
  ) as unknown as [Tensor3D, Tensor3D, Tensor, Tensor, Tensor];
  return {
    outputs,
    mean: average,
    variance,
    backward(slope) {
      const [inputs, gammaSums, betaSums] = engine().runKernel(
        'NormalizeChannelsSlope',
        { slope, centred, scales, gamma },
        { groups },
      ) as unknown as [Tensor3D, Tensor, Tensor];
      return {
        gamma: gammaSums,
        beta: betaSums,
        gammaParts: () => mul(mul(slope, centred), scales),
        inputs: () => inputs,
      };
    },
  };
}

/** [sets, positions, channels] → [sets, 1, channels]. */
function sumsOf(x: Tensor3D): Tensor {
  return expandDims(positionSums(x), 1);
}

/** The mean of each group of channels, in the place of each of them. @param values [sets, 1, channels]. */
function overGroups(values: Tensor, groups: number): Tensor {
  const [sets, , channels] = values.shape as [number, number, number];
  if (groups === channels) return values;
  const means = mean(reshape(values, [sets, groups, channels / groups]), 2, true);
  return reshape(mul(means, ones([1, 1, channels / groups])), [sets, 1, channels]);
}
