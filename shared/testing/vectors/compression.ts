import {
  arithmeticCodingBits,
  binaryStochasticQuantize,
  fixedCodingBits,
  initPowerSgd,
  keptCoordinates,
  largestCoordinates,
  powerSgd,
  signQuantize,
  sparseTernary,
  ternGrad,
  topK,
  uniformStochasticQuantize,
  walshHadamard,
} from '../../compress/index.ts';
import { seededRandom } from '../../random/index.ts';
import { readNumber, scopeOf } from './conventions.ts';
import {
  has,
  type Inputs,
  type QuestionVector,
  type Results,
  UnsupportedVector,
  unsupported,
  wantedFigures,
} from './vector.ts';

/** A vector as its text describes it, and the coordinates that the text names. */
interface Described {
  readonly values: Float64Array<ArrayBuffer>;
  readonly named: readonly number[];
  readonly isOneHot: boolean;
}

/** Draws that cannot matter: what vectors ask for is the same for all of them. */
const uniform = () => seededRandom('vectors').uniform();

export function compressionVector(vector: QuestionVector): Results {
  const { inputs } = vector;
  const about = `${vector.source ?? ''} ${vector.note ?? ''} ${inputs.algorithm ?? inputs.method ?? ''}`;
  if (has(inputs, 'client_w', 'weights')) return quantizedMean(inputs, about);
  if (has(inputs, 'params')) return { num_bits: bitsOf(inputs, about) };
  if (has(inputs, 'matrix') || has(inputs, 'M')) return lowRank(vector);
  if (has(inputs, 'x')) return transformed(inputs, about);
  if (!has(inputs, 'v')) return unsupported(vector);
  return ofVector(vector, readVector(inputs.v), about);
}

function ofVector(vector: QuestionVector, { values, named }: Described, about: string): Results {
  const { inputs } = vector;
  const count =
    inputs.k ?? (has(inputs, 'fraction') ? Math.ceil(inputs.fraction * values.length) : undefined);
  if (count !== undefined) return sparse(vector, values, count, about);
  const quantized = (q: Float64Array): Results =>
    named.length === 0 ? { q: [...q] } : Object.fromEntries(named.map((i) => [`v${i}`, q[i]]));
  if (has(inputs, 'levels')) return quantized(uniformStochasticQuantize(values, inputs.levels, uniform));
  if (/arithmetic|num_bits|entropy/i.test(about)) return { bits: arithmeticCodingBits(values) };
  if (/terngrad/i.test(about)) return quantized(ternGrad(values, uniform));
  if (/drive/i.test(about)) return quantized(signQuantize(values));
  if (/binary/i.test(about)) return quantized(binaryStochasticQuantize(values, uniform));
  return unsupported(vector);
}

/** What remains of a vector, and with memory what does not. */
function sparse(vector: QuestionVector, values: Float64Array, count: number, about: string): Results {
  const { inputs } = vector;
  const memory = inputs.error ?? inputs.residual ?? inputs.memory;
  const target = memory === undefined ? values : values.map((value, i) => value + memory[i]!);
  const isRandom = /random/i.test(about);
  const kept = isRandom
    ? randomK(target, count)
    : /ternary|stc/i.test(about)
      ? sparseTernary(target, count)
      : topK(target, count);
  const indices = isRandom ? [] : [...largestCoordinates(target, count)];
  const residual = [...target].map((value, i) => value - kept[i]!);
  const answers: Results = {
    q: [...kept],
    y: [...kept],
    sparse: [...kept],
    compressed: [...kept],
    sent: [...kept],
    indices,
    values: indices.map((i) => kept[i]),
    residual,
    error: residual,
    memory: residual,
  };
  const wanted = wantedFigures(vector);
  if (wanted.length > 0) return Object.fromEntries(wanted.map((name) => [name, answers[name]]));
  return memory === undefined ? { q: answers.q } : { q: answers.q, residual };
}

/** Unbiased: what is kept stands for what is not. */
function randomK(values: Float64Array, count: number): Float64Array {
  const kept = new Float64Array(values.length);
  for (const i of keptCoordinates(values.length, count, 'vectors'))
    kept[i] = (values[i]! * values.length) / count;
  return kept;
}

function quantizedMean(inputs: Inputs, about: string): Results {
  const clients = (inputs.client_w as readonly number[][]).map((values) => {
    if (has(inputs, 'levels')) return uniformStochasticQuantize(values, inputs.levels, uniform);
    if (/terngrad/i.test(about)) return ternGrad(values, uniform);
    return Float64Array.from(values);
  });
  const weights: readonly number[] = inputs.weights;
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const mean = Array.from(clients[0]!, (_, i) =>
    clients.reduce((sum, values, client) => sum + (weights[client]! * values[i]!) / total, 0),
  );
  if (!has(inputs, 'levels')) return { mean };
  const isCoded = /arithmetic/i.test(`${about} ${inputs.encode_algorithm ?? inputs.encode ?? ''}`);
  const bits = isCoded
    ? clients.reduce((sum, values) => sum + arithmeticCodingBits(values), 0) / clients.length
    : fixedCodingBits(mean.length, inputs.levels, 1);
  return { mean, num_bits: bits };
}

function bitsOf(inputs: Inputs, about: string): number {
  const scope = scopeOf(inputs);
  const levels = has(inputs, 'levels') ? inputs.levels : /terngrad/i.test(about) ? 3 : 2;
  const bits = fixedCodingBits(readNumber(inputs.params, scope), levels, inputs.leaves ?? 1);
  return bits * (inputs.rounds ?? 1);
}

function transformed(inputs: Inputs, about: string): Results {
  const { values, isOneHot } = readVector(inputs.x);
  const times: number = inputs.times ?? inputs.applications ?? (/twice/i.test(about) ? 2 : 1);
  const unit = 1 / Math.sqrt(values.length);
  for (let time = 0; time < times; time++) {
    walshHadamard(values);
    for (let i = 0; i < values.length; i++) values[i]! *= unit;
  }
  const [first] = values;
  const isFlat = values.every((value) => Math.abs(value) === Math.abs(first!));
  return isOneHot && isFlat ? { abs_value_all: Math.abs(first!) } : { y: [...values] };
}

function lowRank(vector: QuestionVector): Results {
  const { inputs } = vector;
  const matrix: readonly (readonly number[])[] = inputs.matrix ?? inputs.M;
  const [rows, columns] = [matrix.length, matrix[0]!.length];
  let state = initPowerSgd(rows, columns, inputs.rank ?? 1, 'vectors');
  const first: readonly number[] | undefined = (inputs.q ?? inputs.Q)?.flat();
  // Given as a matrix of columns by rank; kept one vector after the other.
  if (first !== undefined)
    state = {
      ...state,
      q: state.q.map(
        (_, at) => first[(at % columns) * state.rank + Math.floor(at / columns)]!,
      ) as typeof state.q,
    };
  let approximation = new Float64Array(rows * columns);
  for (let step = 0; step < (inputs.steps ?? inputs.iterations ?? 1); step++)
    ({ approximation, state } = powerSgd(state, matrix.flat()));
  const byRows = (values: Float64Array) =>
    Array.from({ length: rows }, (_, i) => [...values.subarray(i * columns, (i + 1) * columns)]);
  const answers: Results = { approximation: byRows(approximation), error: byRows(state.error) };
  const wanted = wantedFigures(vector).filter((name) => answers[name] !== undefined);
  if (wanted.length > 0) return Object.fromEntries(wanted.map((name) => [name, answers[name]]));
  return { approximation: answers.approximation };
}

/** Lists of any depth; "one_hot(17, depth=256)"; "100 zeros with v[0]=100, v[1]=-100". */
function readVector(value: unknown): Described {
  if (Array.isArray(value)) return { values: Float64Array.from(value.flat(9)), named: [], isOneHot: false };
  const text = String(value);
  const oneHot = /one_hot\(\s*(?:indices\s*=\s*)?\[?(\d+)\]?\s*,\s*(?:depth\s*=\s*)?(\d+)\s*\)/.exec(text);
  if (oneHot !== null) {
    const values = new Float64Array(Number(oneHot[2]));
    values[Number(oneHot[1])] = 1;
    return { values, named: [], isOneHot: true };
  }
  const filled = /(\d+)\s+(zeros|ones)/.exec(text);
  if (filled === null) throw new UnsupportedVector(`"${text}" describes no vector.`);
  const values = new Float64Array(Number(filled[1])).fill(filled[2] === 'ones' ? 1 : 0);
  const named = [...text.matchAll(/\w+\[(\d+)\]\s*=\s*([-+\d.e]+)/g)].map(([, index, set]) => {
    values[Number(index)] = Number(set);
    return Number(index);
  });
  return { values, named, isOneHot: false };
}
