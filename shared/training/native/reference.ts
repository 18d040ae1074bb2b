/**
 * What the kernels of assembly/ compute, plainly and in double precision, on arrays instead of pointers. Tests hold
 * the kernels to it.
 */
type Numbers = ArrayLike<number>;

export interface MatMulShape {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
}

/** op(A)·op(B), [m, n]; A and B dense. */
export function matMul(a: Numbers, b: Numbers, shape: MatMulShape): Float64Array {
  const { m, n, k, transposeA, transposeB } = shape;
  const product = new Float64Array(m * n);
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let p = 0; p < k; p++) {
        sum += a[transposeA ? p * m + i : i * k + p]! * b[transposeB ? j * k + p : p * n + j]!;
      }
      product[i * n + j] = sum;
    }
  }
  return product;
}

/** clamp(x + bias, least, most), row by row. */
export function addBias(x: Numbers, width: number, bias: Numbers, least: number, most: number): Float64Array {
  return Float64Array.from(x, (value, i) => Math.min(Math.max(value + bias[i % width]!, least), most));
}

export function reluGradient(dy: Numbers, y: Numbers): Float64Array {
  return Float64Array.from(dy, (value, i) => (y[i]! > 0 ? value : 0));
}

export function rowSquaredNorms(x: Numbers, rows: number, width: number): Float64Array {
  const norms = new Float64Array(rows);
  for (let i = 0; i < rows * width; i++) norms[Math.floor(i / width)]! += x[i]! ** 2;
  return norms;
}

export function scaleRows(x: Numbers, width: number, factors: Numbers): Float64Array {
  return Float64Array.from(x, (value, i) => value * factors[Math.floor(i / width)]!);
}

export function weightedSumOfRows(x: Numbers, rows: number, width: number, factors: Numbers): Float64Array {
  const sum = new Float64Array(width);
  for (let i = 0; i < rows * width; i++) sum[i % width]! += x[i]! * factors[Math.floor(i / width)]!;
  return sum;
}

/** −ln p(label) per row, and its gradient p − onehot(label). */
export function softmaxCrossEntropy(
  logits: Numbers,
  labels: Numbers,
  rows: number,
  classes: number,
): { losses: Float64Array; slopes: Float64Array } {
  const losses = new Float64Array(rows);
  const slopes = new Float64Array(rows * classes);
  for (let row = 0; row < rows; row++) {
    const own = Array.from({ length: classes }, (_, i) => logits[row * classes + i]!);
    const most = Math.max(...own);
    const powers = own.map((logit) => Math.exp(logit - most));
    const sum = powers.reduce((total, power) => total + power, 0);
    losses[row] = Math.log(sum) + most - own[labels[row]!]!;
    powers.forEach((power, i) => {
      slopes[row * classes + i] = power / sum - (i === labels[row] ? 1 : 0);
    });
  }
  return { losses, slopes };
}

export interface Momentum {
  readonly rate: number;
  readonly scale: number;
  readonly decay: number;
  readonly momentum: number;
  readonly nesterov: boolean;
}

/** The next weight and velocity; SGD is momentum 0. */
export function momentumStep(
  w: number,
  g: number,
  velocity: number,
  { rate, scale, decay, momentum, nesterov }: Momentum,
): { w: number; velocity: number } {
  const slope = scale * g + decay * w;
  const next = momentum * velocity + slope;
  return { w: w - rate * (nesterov ? momentum * next + slope : next), velocity: next };
}

export interface Adam {
  readonly rate: number;
  readonly scale: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly decay: number;
}

/** The next weight and moments in step t = 1, 2, … */
export function adamStep(
  w: number,
  g: number,
  m: number,
  v: number,
  t: number,
  { rate, scale, beta1, beta2, epsilon, decay }: Adam,
): { w: number; m: number; v: number } {
  const slope = scale * g;
  const mean = beta1 * m + (1 - beta1) * slope;
  const square = beta2 * v + (1 - beta2) * slope ** 2;
  const unbiasedMean = mean / (1 - beta1 ** t);
  const unbiasedSquare = square / (1 - beta2 ** t);
  return {
    w: w - rate * (unbiasedMean / (Math.sqrt(unbiasedSquare) + epsilon) + decay * w),
    m: mean,
    v: square,
  };
}

/** x·Φ(x). */
export function gelu(x: number): number {
  return x * normalDistribution(x);
}

/** Φ(x) + x·φ(x). */
export function geluDerivative(x: number): number {
  return normalDistribution(x) + (x * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI);
}

/** Φ(x) = ½ + φ(x)·(x + x³/3 + x⁵/15 + …) (Marsaglia 2004); beyond 9, 0 or 1. */
function normalDistribution(x: number): number {
  if (Math.abs(x) > 9) return x > 0 ? 1 : 0;
  let sum = 0;
  let term = x;
  for (let k = 3; Math.abs(term) > 1e-17 * Math.abs(sum); k += 2) {
    sum += term;
    term *= (x * x) / k;
  }
  return 0.5 + (sum * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI);
}

export interface NormalizedRow {
  readonly y: number[];
  readonly normalized: number[];
  readonly scale: number;
}

/** gamma·(x − mean) / √(variance + epsilon) + beta. */
export function normalizeRow(x: Numbers, gamma: Numbers, beta: Numbers, epsilon: number): NormalizedRow {
  const values = Array.from(x);
  const mean = meanOf(values);
  const scale = 1 / Math.sqrt(meanOf(values.map((value) => (value - mean) ** 2)) + epsilon);
  const normalized = values.map((value) => (value - mean) * scale);
  return { y: normalized.map((value, i) => gamma[i]! * value + beta[i]!), normalized, scale };
}

/** With g = gamma·slope: (g − mean(g) − normalized·mean(g·normalized))·scale. */
export function normalizeRowSlope(
  slope: Numbers,
  { normalized, scale }: NormalizedRow,
  gamma: Numbers,
): { readonly products: number[]; readonly dx: number[] } {
  const g = Array.from(slope, (value, i) => value * gamma[i]!);
  const constant = meanOf(g);
  const proportional = meanOf(g.map((value, i) => value * normalized[i]!));
  return {
    products: normalized.map((value, i) => value * slope[i]!),
    dx: g.map((value, i) => (value - constant - normalized[i]! * proportional) * scale),
  };
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** One set of [positions, channels]: each group of neighbouring channels as one row of {@link normalizeRow}. */
export function normalizeGroups(
  x: Numbers,
  slope: Numbers,
  gamma: Numbers,
  beta: Numbers,
  groups: number,
  epsilon: number,
): {
  readonly y: number[];
  readonly dx: number[];
  readonly gammaSums: number[];
  readonly betaSums: number[];
} {
  const channels = gamma.length;
  const [y, dx] = [new Array<number>(x.length), new Array<number>(x.length)];
  const [gammaSums, betaSums] = [new Array<number>(channels).fill(0), new Array<number>(channels).fill(0)];
  for (let group = 0; group < groups; group++) {
    const places = Array.from({ length: x.length }, (_, i) => i).filter(
      (i) => Math.floor(((i % channels) * groups) / channels) === group,
    );
    const pick = (values: Numbers, of: (i: number) => number) => places.map((i) => values[of(i)]!);
    const own = (i: number) => i;
    const channel = (i: number) => i % channels;
    const gammas = pick(gamma, channel);
    const row = normalizeRow(pick(x, own), gammas, pick(beta, channel), epsilon);
    const back = normalizeRowSlope(pick(slope, own), row, gammas);
    places.forEach((place, i) => {
      y[place] = row.y[i]!;
      dx[place] = back.dx[i]!;
      gammaSums[place % channels]! += back.products[i]!;
      betaSums[place % channels]! += slope[place]!;
    });
  }
  return { y, dx, gammaSums, betaSums };
}
