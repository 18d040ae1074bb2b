import { expect, test } from 'vitest';
import { evaluate, UnsupportedVector } from '../vector-adapter.ts';

const vectors = [
  [1, 2, 3],
  [4, 5, 6],
  [7, 8, 9],
];
const line = [[0], [1], [2], [3], [100]];
const byzfl = 'LPD-EPFL/byzfl executed';
const flower = 'adap/flower framework/py/flwr/serverapp/strategy';
const ask = (
  inputs: Record<string, unknown>,
  name = 'asked here',
  source = byzfl,
  group = 'robust_aggregation',
) => evaluate({ name, group, source, inputs });
const aggregate = (inputs: Record<string, unknown>, name?: string, source?: string) =>
  ask(inputs, name, source).aggregate;
const close = (values: readonly number[]) => values.map((value) => expect.closeTo(value, 6));

test('pipelines, however they are written', () => {
  // Mixed with one lie: 0, 1 and 2 become 1.5, 3 too, and the lie (1 + 2 + 3 + 100) / 4.
  for (const pipeline of [
    'NNM_Median',
    'NNM -> Median',
    ['NNM(f=1)', 'Median'],
    [{ name: 'NNM', parameters: { f: 1 } }, 'Median'],
  ])
    expect(aggregate({ vectors: line, f: 1, pipeline })).toEqual([1.5]);
  expect(aggregate({ vectors: line, f: 1, pipeline: 'Clipping_Krum', c: 2 })).toEqual([2]);
  expect(aggregate({ vectors: line, f: 1, pipeline: 'Clipping(2.0) + TrMean' })).toEqual(close([5 / 3]));
  // 100 becomes 3; of three neighbours 2, 3, 3 and 1 are best.
  expect(aggregate({ vectors: line, f: 1, pipeline: 'ARC_Multi_Krum' })).toEqual([2.25]);
  expect(ask({ vectors: line, f: 1, pipeline: 'Clipping(2.0)_ARC' }).vectors).toEqual([
    [0],
    [1],
    [2],
    [2],
    [2],
  ]);
  expect(aggregate({ vectors, f: 1, agg: 'TrMean(f=1)', pre: ['NNM(f=1)'] })).toEqual([2.5, 3.5, 4.5]);
});

test('the rule is told by its parameters, or by the name', () => {
  const geometric = close([3.78788764, 4.78788764, 5.78788764]);
  expect(aggregate({ vectors, nu: 0.1, T: 3 })).toEqual(geometric);
  expect(aggregate({ vectors, params: 'nu=0.1, T=3' })).toEqual(geometric);
  expect(aggregate({ vectors }, 'byzfl_GeometricMedian')).toEqual(geometric);
  expect(aggregate({ vectors, pipeline: 'GeometricMedian' })).toEqual(geometric);
  expect(aggregate({ vectors }, 'geometric_median', 'a textbook')).toEqual(close([4, 5, 6]));
  expect(aggregate({ vectors, params: 'm=0,tau=100.0,L=1' })).toEqual([4, 5, 6]);
  expect(aggregate({ vectors, m: [4, 5, 6], tau: 1, L: 2 })).toEqual(close([4, 5, 6]));
  expect(aggregate({ vectors, f: 1, idx: 2 })).toEqual([5.5, 6.5, 7.5]);
  expect(aggregate({ vectors, f: 1 }, 'byzfl_exec_Meamed_3x3')).toEqual([2.5, 3.5, 4.5]);
  expect(aggregate({ vectors, f: 1 }, 'byzfl_Krum')).toEqual([1, 2, 3]);
  expect(
    aggregate({ updates: line, f: 1 }, 'flower_bulyan_is_not_mean_here', `${flower}/bulyan.py`),
  ).not.toEqual([21.2]);
});

/** n = 5, f = 1. Of three neighbours 1 and 2 score 6 and 2, 0 and 3 alike 14; of two, 2 each and 5. */
test('ByzFL and Flower differ in neighbours, and Flower weighs by examples', () => {
  const updates = [[0], [1], [2.5], [3], [3.2]];
  expect(aggregate({ vectors: updates, f: 1 }, 'Krum', byzfl)).toEqual([2.5]);
  expect(aggregate({ updates, f: 1 }, 'krum', flower)).toEqual([3]);
  expect(aggregate({ updates, f: 1, num_to_select: 2, num_examples: [1, 1, 1, 3, 1] }, 'x', flower)).toEqual(
    close([(3 * 3 + 3.2) / 4]),
  );
  expect(aggregate({ updates: [[1], [4]], num_examples: [1, 2] }, 'flower_aggregate', flower)).toEqual([3]);
});

test('numbers and nested lists come back in their own shape', () => {
  expect(aggregate({ updates: [1, 2, 30] }, 'flower_median_scalar', flower)).toBe(2);
  const nested = [1, 2, 30].map((x) => [x, [[x, x], [x]]]);
  expect(aggregate({ updates: nested }, 'flower_median', flower)).toEqual([2, [[2, 2], [2]]]);
  expect(aggregate({ ref: 0, weights: [1, -0.5, 10], beta: 1 }, 'bulyan', flower)).toBe(-0.5);
});

const attack = (inputs: Record<string, unknown>, name: string) =>
  ask({ honest_vectors: vectors, ...inputs }, name, byzfl, 'attacks').byzantine_vector;

test('attacks by name', () => {
  expect(attack({ tau: 2 }, 'byzfl_attack_InnerProductManipulation')).toEqual([-8, -10, -12]);
  expect(attack({}, 'byzfl_attack_IPM')).toEqual([-8, -10, -12]);
  expect(attack({ tau: 3 }, 'byzfl_FallOfEmpires')).toEqual([-8, -10, -12]);
  expect(attack({ params: 'tau=0.5' }, 'ALIE')).toEqual([5.5, 6.5, 7.5]);
  expect(attack({ attack: 'Mimic', epsilon: 2 }, 'here')).toEqual([7, 8, 9]);
  expect(attack({}, 'byzfl_attack_Inf')).toEqual(['Infinity', 'Infinity', 'Infinity']);
  expect(attack({ f: 1, agg: 'Average', evals: 3 }, 'Optimal_InnerProductManipulation')).toEqual([
    -120, -150, -180,
  ]);
});

test.each<[Record<string, unknown>, string, RegExp]>([
  [{ vectors, f: 1, pipeline: 'NNM_Nonsense' }, 'here', /Nonsense/],
  [{ vectors }, 'here', /vectors/],
  [{ vectors: ['a'] }, 'Median', /vectors/],
  [{ vectors, f: 'many' }, 'Krum', /many/],
])('%j is said to be unknown', (inputs, name, message) => {
  expect(() => ask(inputs, name)).toThrow(UnsupportedVector);
  expect(() => ask(inputs, name)).toThrow(message);
});

test('an attack without a name is said to be unknown', () => {
  expect(() => attack({}, 'here')).toThrow(UnsupportedVector);
  expect(() => attack({ tau: 1 }, 'here')).toThrow(/here/);
});
