import {
  add,
  cast,
  matMul,
  mul,
  oneHot,
  reshape,
  sqrt,
  square,
  sum,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
  type Tensor3D,
} from '@tensorflow/tfjs-core';
import {
  positionSums,
  rowSquaredNorms,
  rowSum,
  scaleRows,
  weightedProduct,
  weightedRowSum,
} from '../ops/rows.ts';
import { sizeOf } from './layer.ts';
import { withRoundingMargin } from './rounding-margin.ts';

/**
 * The gradient of one parameter, of which each example of a batch has its own, gᵢ. It is the layer's probe for
 * per-example clipping (Abadi et al. 2016, algorithm 1): norms first, then one sum with a weight per example, so
 * that a private step costs little more than a plain one (Bu et al. 2022, "book-keeping").
 */
export interface ParameterGradient {
  /** Σ gᵢ, or Σ weightsᵢ·gᵢ with weights [batch]; in the shape of the parameter. */
  sum(weights?: Tensor1D): Tensor;
  /** ‖gᵢ‖², [batch]. */
  squaredNorms(): Tensor1D;
  /** Every gᵢ, [batch, ...shape]. */
  perExample(): Tensor;
  /** Present where gᵢ = Σₜ leftᵢₜ ⊗ rightᵢₜ: lets the norm of a parameter with several uses be had without gᵢ. */
  readonly factors?: Factors;
}

export interface Factors {
  readonly features: number;
  /** [batch, positions, features]; or int32 [batch, positions], the one feature that is 1 at each position. */
  readonly left: Tensor3D | Tensor2D;
  /** [batch, positions, units]. */
  readonly right: Tensor3D;
}

/** Numbers of per-example gradients that are held at once: 64 MB. */
const MAX_PER_EXAMPLE_NUMBERS = 2 ** 24;
/** Writing, squaring and adding up one number of a per-example gradient costs about as much as so many multiply-adds. */
const PER_NUMBER_COST = 8;

/**
 * Of a matrix that is multiplied with from the right: gᵢ = Σₜ inputsᵢₜ ⊗ slopesᵢₜ.
 * Norms without per-example gradients: ‖gᵢ‖² = Σₜᵤ ⟨inputsᵢₜ, inputsᵢᵤ⟩⟨slopesᵢₜ, slopesᵢᵤ⟩ (Goodfellow 2015 for one
 * position; Li et al. 2022, section 4, for several). Where the per-example gradients are small, they are cheaper
 * than these products, and the sum that follows is then a sum of rows (Bu et al. 2022, section 4).
 * @param inputs [batch, positions, features]. @param slopes [batch, positions, units].
 * @param shape of the parameter, of features × units numbers.
 */
export function outerProductGradient(
  inputs: Tensor3D,
  slopes: Tensor3D,
  shape: readonly number[],
): ParameterGradient {
  const [batch, positions, features] = inputs.shape;
  const units = slopes.shape[2];
  const flatInputs = reshape(inputs, [batch * positions, features]) as Tensor2D;
  const flatSlopes = reshape(slopes, [batch * positions, units]) as Tensor2D;
  const instantiates = positions > 1 && isWorthInstantiating(batch, positions, features, units);
  const perExample = once(() => reshape(matMul(inputs, slopes, true, false), [batch, ...shape]));
  return {
    perExample,
    factors: { features, left: inputs, right: slopes },
    squaredNorms() {
      if (positions === 1) return mul(rowSquaredNorms(flatInputs), rowSquaredNorms(flatSlopes));
      if (instantiates) return rowSquaredNorms(perExample());
      const products = mul(matMul(inputs, inputs, false, true), matMul(slopes, slopes, false, true));
      return withRoundingMargin(
        sum(products, [1, 2]),
        square(longest({ features, left: inputs, right: slopes })),
      );
    },
    sum(weights) {
      if (weights !== undefined && instantiates) return weightedRowSum(perExample(), weights);
      if (weights !== undefined && positions === 1)
        return reshape(weightedProduct(flatInputs, flatSlopes, weights), [...shape]);
      const weighted =
        weights === undefined ? flatSlopes : reshape(scaleRows(slopes, weights), flatSlopes.shape);
      return reshape(matMul(flatInputs, weighted, true, false), [...shape]);
    },
  };
}

function isWorthInstantiating(batch: number, positions: number, features: number, units: number): boolean {
  return (
    batch * features * units <= MAX_PER_EXAMPLE_NUMBERS &&
    PER_NUMBER_COST * features * units <= positions ** 2 * (features + units)
  );
}

/** Of a vector that is added at every position: gᵢ = Σₜ slopesᵢₜ. @param slopes [batch, positions, units]. */
export function addedVectorGradient(slopes: Tensor3D): ParameterGradient {
  const [batch, positions, units] = slopes.shape;
  const perExample = once(() => (positions === 1 ? reshape(slopes, [batch, units]) : positionSums(slopes)));
  return {
    ...perExampleGradient(perExample),
    sum: (weights) =>
      weights === undefined
        ? rowSum(reshape(slopes, [batch * positions, units]))
        : weightedRowSum(perExample(), weights),
  };
}

/** Of inputs·kernel + bias: the kernel's gradient and the bias's, whose norms have a part in common. */
export function affineGradients(
  inputs: Tensor3D,
  slopes: Tensor3D,
  kernelShape: readonly number[],
): readonly [kernel: ParameterGradient, bias: ParameterGradient] {
  const kernel = outerProductGradient(inputs, slopes, kernelShape);
  const bias = addedVectorGradient(slopes);
  if (slopes.shape[1] > 1) return [kernel, bias];
  const slopeNorms = once(() => rowSquaredNorms(slopes));
  return [
    { ...kernel, squaredNorms: () => mul(rowSquaredNorms(inputs), slopeNorms()) },
    { ...bias, squaredNorms: slopeNorms },
  ];
}

/** Of a parameter whose per-example gradients are at hand. @param compute [batch, ...shape]. */
export function perExampleGradient(compute: () => Tensor): ParameterGradient {
  const perExample = once(compute);
  return {
    perExample,
    squaredNorms: () => rowSquaredNorms(perExample()),
    sum: (weights) => (weights === undefined ? rowSum(perExample()) : weightedRowSum(perExample(), weights)),
  };
}

/**
 * Of a parameter that several layers use: each example's parts are added up before the norm is taken. Where these
 * parts are products of factors and too large to be made, ‖Σ gᵢ‖² = Σ over all pairs of parts of ⟨gᵢ, hᵢ⟩.
 */
export function sharedGradient(parts: readonly ParameterGradient[]): ParameterGradient {
  const [first, ...others] = parts;
  if (first === undefined) throw new RangeError('A parameter that nothing uses has no gradient.');
  if (others.length === 0) return first;
  const perExample = once(() =>
    others.reduce((total, part) => add(total, part.perExample()), first.perExample()),
  );
  return {
    perExample,
    squaredNorms: () => factoredNorms(parts) ?? rowSquaredNorms(perExample()),
    sum: (weights) => others.reduce((total, part) => add(total, part.sum(weights)), first.sum(weights)),
  };
}

/** Undefined where not all parts have factors, or gradients of their own are cheaper. */
function factoredNorms(parts: readonly ParameterGradient[]): Tensor1D | undefined {
  const factors = parts.flatMap((part) => (part.factors === undefined ? [] : [part.factors]));
  if (factors.length < parts.length) return undefined;
  const [batch, positions, units] = factors[0]!.right.shape;
  if (isWorthInstantiating(batch, positions, factors[0]!.features, units)) return undefined;
  let total: Tensor = parts.map((part) => part.squaredNorms()).reduce((sum, norms) => add(sum, norms));
  factors.forEach((a, i) => {
    for (const b of factors.slice(i + 1)) total = add(total, mul(innerProducts(a, b), 2));
  });
  return withRoundingMargin(total, square(factors.map(longest).reduce((sum, length) => add(sum, length))));
}

/** Σₜ ‖leftᵢₜ‖·‖rightᵢₜ‖: no gradient of these factors is longer, however their signs fall. [batch]. */
function longest({ left, right }: Factors): Tensor {
  const lengths = ({ shape: [batch, positions, width] }: Tensor3D, x: Tensor) =>
    reshape(sqrt(rowSquaredNorms(reshape(x, [batch * positions, width]))), [batch, positions]);
  const rights = lengths(right, right);
  // An id stands for a row with a single one.
  return sum(left.rank === 3 ? mul(lengths(left as Tensor3D, left), rights) : rights, 1);
}

/** Σₜᵤ ⟨leftᵢₜ, leftᵢᵤ⟩⟨rightᵢₜ, rightᵢᵤ⟩ for each example i, t over one gradient and u over the other. */
function innerProducts(a: Factors, b: Factors): Tensor1D {
  const lefts = matMul(denseLeft(a), denseLeft(b), false, true);
  return sum(mul(lefts, matMul(a.right, b.right, false, true)), [1, 2]);
}

/** With ids, as large as the logits that the other use of the table puts out. */
function denseLeft({ left, features }: Factors): Tensor3D {
  // Not as float32 right away: tfjs's WASM kernel would write the bits of integers.
  return (left.rank === 3 ? left : cast(oneHot(left, features), 'float32')) as Tensor3D;
}

/** [batch, ...positions, units] → [batch, positions, units]. */
export function asPositions(tensor: Tensor): Tensor3D {
  const [batch = 1, ...rest] = tensor.shape;
  const units = rest.at(-1) ?? 1;
  return reshape(tensor, [batch, sizeOf(rest) / units, units]);
}

/** Computes when first asked, and remembers. */
function once<T>(compute: () => T): () => T {
  let result: { readonly value: T } | undefined;
  return () => {
    result ??= { value: compute() };
    return result.value;
  };
}
