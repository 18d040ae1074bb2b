import { inputShape } from '../../shared/dataset/examples.ts';
import type { Federation, LayerSpec } from '../../shared/federation/index.ts';

/** Multiply-adds of one example going forward; those of products of two activations have two slopes to pass back. */
interface Piece {
  readonly multiplyAdds: number;
  readonly outputShape: readonly number[];
  readonly hasParameters: boolean;
}

/**
 * Floating-point operations that one training step needs per example: a multiply-add counts as two; forward, the
 * gradient of the parameters, and that of the inputs wherever something before has parameters. Convolutions count
 * their padding; what is done once per number (activations, norms, pooling, the optimizer) is left out.
 * @throws for a layer that no benchmarked model has.
 */
export function trainingFlops({ data, model }: Pick<Federation, 'data' | 'model'>): number {
  return 2 * sequence(model.layers, inputShape(data), false).multiplyAdds;
}

/** Multiply-adds of a whole step. @param above whether anything before has parameters. */
function sequence(specs: readonly LayerSpec[], shape: readonly number[], above: boolean): Piece {
  let current = shape;
  let needsInputs = above;
  let multiplyAdds = 0;
  for (const spec of specs) {
    const piece =
      spec.type === 'residual' ? residual(spec, current, needsInputs) : layer(spec, current, needsInputs);
    multiplyAdds += piece.multiplyAdds;
    needsInputs ||= piece.hasParameters;
    current = piece.outputShape;
  }
  return { multiplyAdds, outputShape: current, hasParameters: needsInputs };
}

function residual(
  spec: Extract<LayerSpec, { type: 'residual' }>,
  shape: readonly number[],
  above: boolean,
): Piece {
  const body = sequence(spec.layers, shape, above);
  const shortcut = sequence(spec.shortcut, shape, above);
  return {
    multiplyAdds: body.multiplyAdds + shortcut.multiplyAdds,
    outputShape: body.outputShape,
    hasParameters: body.hasParameters || shortcut.hasParameters,
  };
}

function layer(
  spec: Exclude<LayerSpec, { type: 'residual' }>,
  shape: readonly number[],
  above: boolean,
): Piece {
  /** Forward, the parameters' gradient and, where wanted, the inputs'. */
  const weighted = (forward: number, outputShape: readonly number[]): Piece => ({
    multiplyAdds: forward * (above ? 3 : 2),
    outputShape,
    hasParameters: true,
  });
  const [height = 1, width = 1, channels = 1] = shape;
  const units = shape.at(-1)!;
  switch (spec.type) {
    case 'flatten':
      return free([product(shape)]);
    case 'dense':
      return weighted(product(shape) * spec.units, [...shape.slice(0, -1), spec.units]);
    case 'conv2d': {
      const out = convolved(spec, height, width);
      return weighted(product(out) * spec.kernelSize ** 2 * channels * spec.filters, [...out, spec.filters]);
    }
    case 'depthwiseConv2d': {
      const out = convolved(spec, height, width);
      const filters = channels * spec.multiplier;
      return weighted(product(out) * spec.kernelSize ** 2 * filters, [...out, filters]);
    }
    case 'separableConv2d': {
      const out = convolved(spec, height, width);
      const between = channels * spec.multiplier;
      const depthwise = weighted(product(out) * spec.kernelSize ** 2 * between, out).multiplyAdds;
      // What the 1 × 1 convolution reads always has parameters before it.
      const pointwise = 3 * product(out) * between * spec.filters;
      return {
        multiplyAdds: depthwise + pointwise,
        outputShape: [...out, spec.filters],
        hasParameters: true,
      };
    }
    case 'maxPool2d':
    case 'averagePool2d': {
      const { poolSize, strides = poolSize, padding } = spec;
      return free([...convolved({ kernelSize: poolSize, strides, padding }, height, width), channels]);
    }
    case 'globalAveragePool':
      return free([units]);
    case 'activation':
      return free(shape);
    case 'positionalEncoding':
      return { ...free(shape), hasParameters: spec.kind === 'learned' };
    case 'layerNorm':
    case 'groupNorm':
      return { ...free(shape), hasParameters: true };
    case 'embedding':
      return { ...free([...shape, spec.units]), hasParameters: true };
    case 'attention': {
      const [length = 1] = shape;
      const inner = spec.heads * (spec.keySize ?? units / spec.heads);
      // Queries, keys and values; the mixture of heads reads them, so its inputs always need a slope.
      const projections = weighted(3 * length * units * inner, shape).multiplyAdds;
      const output = 3 * length * inner * units;
      // Scores and their use are products of two activations each: two slopes for one product.
      const mixing = 3 * 2 * length * length * inner;
      return { multiplyAdds: projections + output + mixing, outputShape: shape, hasParameters: true };
    }
    default:
      throw new Error(`The operations of a ${spec.type} layer are not counted.`);
  }
}

function free(outputShape: readonly number[]): Piece {
  return { multiplyAdds: 0, outputShape, hasParameters: false };
}

interface Window {
  readonly kernelSize: number;
  readonly strides: number;
  readonly padding: 'same' | 'valid';
}

function convolved({ kernelSize, strides, padding }: Window, ...sizes: readonly number[]): number[] {
  return sizes.map((size) => Math.ceil((padding === 'same' ? size : size - kernelSize + 1) / strides));
}

function product(sizes: readonly number[]): number {
  return sizes.reduce((total, size) => total * size, 1);
}
