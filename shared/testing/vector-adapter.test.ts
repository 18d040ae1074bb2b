import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { evaluate, GROUPS_ANSWERED, type QuestionVector, UnsupportedVector } from './vector-adapter.ts';
import { readList, readNumber } from './vectors/conventions.ts';
import { evaluateExpression } from './vectors/expression.ts';

/**
 * Runs the reference vectors of privacy that lie beside the repository in shared/reference/vectors.json. The key figures are
 * quoted in shared/privacy's own tests too, for where the file is not at hand.
 */
const FILE = resolve(import.meta.dirname, '../../../shared/reference/vectors.json');

interface Tolerance {
  readonly type?: string;
  readonly value?: number;
  readonly rel?: number;
  readonly abs?: number;
}
interface Vector extends QuestionVector {
  readonly expected: Readonly<Record<string, unknown>>;
}

const vectors: readonly Vector[] = existsSync(FILE)
  ? JSON.parse(readFileSync(FILE, 'utf8')).vectors.filter(({ group }: Vector) =>
      GROUPS_ANSWERED.includes(group),
    )
  : [];

test('the reference vectors are at hand, or this says that they are not', () => {
  if (!existsSync(FILE))
    return console.info('No shared/reference/vectors.json beside the repository: quoted figures only.');
  expect(vectors.length).toBeGreaterThan(0);
});

/** Where the file has rounded what its source has by more than its own tolerance, the figures of the source. */
const QUOTED: Readonly<Record<string, Pick<Vector, 'expected' | 'tolerance'>>> = {
  // TFF's yogi_test.py compares with these to 10^-6; Adam's, which the file has, are 1.5 · 10^-4 away.
  tff_yogi_4steps: {
    expected: { weights: [1, 0.9000007, 0.8000267, 0.700077, 0.600153] },
    tolerance: { type: 'abs', value: 5e-6 },
  },
};

// No group around them: where the file is absent it would be empty, which fails.
for (const { expected, ...question } of vectors.map((each) => ({ ...each, ...QUOTED[each.name] })))
  test(`reference vector ${question.name}`, () => {
    const results = evaluate(question);
    expect(Object.keys(results).sort()).toEqual(Object.keys(expected).sort());
    for (const [name, value] of Object.entries(expected))
      expectWithin(toleranceOf(question, name), results[name], value, name);
  }, 60_000);

/** One for all figures or one for each; an order that has none of its own is exact. */
function toleranceOf({ tolerance = {} }: QuestionVector, name: string): Tolerance {
  if (typeof tolerance.type === 'string') return tolerance as Tolerance;
  return (tolerance[name] as Tolerance | undefined) ?? { type: 'exact' };
}

function expectWithin(tolerance: Tolerance, actual: unknown, expected: unknown, name: string): void {
  if (/_between$/.test(name)) {
    const [low, high] = expected as [number, number];
    expect(actual).toBeGreaterThanOrEqual(low);
    return expect(actual).toBeLessThanOrEqual(high);
  }
  if (Array.isArray(expected)) {
    expect(actual).toHaveLength(expected.length);
    for (const [i, item] of expected.entries()) expectWithin(tolerance, (actual as unknown[])[i], item, name);
    return;
  }
  if (typeof expected !== 'number' || !Number.isFinite(expected)) return expect(actual).toEqual(expected);
  expect(actual, name).toBeTypeOf('number');
  const difference = Math.abs((actual as number) - expected);
  const { type, value = 0, rel = 0, abs = 0 } = tolerance;
  switch (type) {
    case 'exact':
      // Composed deltas are sums and products of doubles.
      return expect(difference, `${name}: ${actual}`).toBeLessThanOrEqual(1e-15 * Math.abs(expected));
    case 'abs':
      return expect(difference, `${name}: ${actual}`).toBeLessThanOrEqual(value);
    case 'rel':
      return expect(difference, `${name}: ${actual}`).toBeLessThanOrEqual(value * Math.abs(expected));
    case 'rel_or_abs':
      return expect(difference, `${name}: ${actual}`).toBeLessThanOrEqual(
        Math.max(abs, rel * Math.abs(expected)),
      );
    case 'less_than':
      return expect(actual).toBeLessThan(expected);
    default:
      throw new Error(`The tolerance type "${type}" of ${name} is not known.`);
  }
}

const question = (group: string, inputs: Record<string, unknown>, others = {}): QuestionVector => ({
  name: 'asked here',
  group,
  inputs,
  ...others,
});

test('what is not known is said so, with what was asked', () => {
  for (const group of GROUPS_ANSWERED)
    expect(() => evaluate(question(group, { nonsense: 1 }))).toThrow(UnsupportedVector);
  expect(() => evaluate(question('rdp', { nonsense: 1 }))).toThrow(/rdp.*nonsense/);
  expect(() => evaluate(question('vdaf', {}))).toThrow(/vdaf/);
  expect(() => evaluate(question('clipping', { clients: 'many', clip: 1 }))).toThrow(/many/);
});

/** Opacus, test_rdp_accountant. */
test('figures of Opacus are had by its own orders', () => {
  const inputs = { noise_multiplier: 1.5, q: 0.04, steps: 2250, delta: 1e-5 };
  const { epsilon } = evaluate(question('rdp', inputs, { source: 'pytorch/opacus accountants_test.py' }));
  expect(epsilon).toBeCloseTo(7.32911117143, 8);
});

test('what cannot be had is infinite, as vectors write it', () => {
  const run = { q: 0.01, steps: 10, delta: 1e-5 };
  expect(evaluate(question('rdp', { ...run, noise_multiplier: 0 }))).toEqual({ epsilon: 'Infinity' });
  const person = {
    noise_multiplier: 1,
    epochs: 5,
    sampling: '64/10000',
    delta: 1e-6,
    max_examples_per_user: 10,
  };
  expect(evaluate(question('group_privacy', person))).toEqual({ epsilon: 'Infinity' });
  const composed = { epsilon: 1, delta: 0.2, num_queries: 1, total_delta: 0.1 };
  expect(evaluate(question('advanced_composition', composed))).toEqual({ total_epsilon: null });
});

test('the answer does not depend on the name', () => {
  const inputs = { noise_multiplier: 2, order: 4 };
  expect(evaluate(question('rdp', inputs))).toEqual({ rdp: 0.5 });
  expect(evaluate({ ...question('rdp', inputs), name: 'log_A' })).toEqual({ rdp: 0.5 });
});

test('shapes beside those of the file', () => {
  const gaussian = { q: 1, noise_multiplier: 4.530877117, steps: 1, orders: '0.01*i for i in 110..9999' };
  expect(evaluate(question('rdp', { ...gaussian, epsilon: 1 }))).toEqual({ delta: expect.closeTo(1e-6, 9) });
  const zcdp = { rho: 0.81, noise_multiplier: '1/sqrt(2*rho)', delta: 1e-10 };
  expect(evaluate(question('dp_ftrl', zcdp))).toEqual({ epsilon: expect.closeTo(8.92, 2) });
  expect(evaluate(question('rdp', { noise_multiplier: 2, orders: '2..4' }))).toEqual({
    rdp: [0.25, 0.375, 0.5],
  });
  expect(evaluate(question('rdp', { rho: 0.5, orders: [2, 'Infinity'] }))).toEqual({ rdp: [1, 'Infinity'] });
  expect(evaluate(question('clipping', { clients: [[3, 4]], weights: [2], clip: 1 }))).toEqual({
    mean: [expect.closeTo(0.6, 12), expect.closeTo(0.8, 12)],
  });
  expect(
    evaluate(
      question('adaptive_clipping', {
        initial: 1,
        target: 0.5,
        lr: 1,
        records: 'both below',
        geometric: false,
      }),
    ),
  ).toEqual({ estimate: 0.5 });
  expect(evaluate(question('pld_prv', { events: [[1, 0.1]], epsilon: 1 }))).toEqual({
    delta: expect.closeTo(0.1, 12),
  });
  expect(evaluate(question('membership_inference', { sigma: 1, fpr: [0, 1] }))).toEqual({ tpr: [0, 1] });
});

const close = (values: readonly number[]) => values.map((value) => expect.closeTo(value, 12));

/** Shapes beside those of the file, with figures that can be had by hand. */
test.each<[string, Record<string, unknown>, Record<string, unknown>, object]>([
  [
    'a look ahead',
    { w0: 0, gradient: -1, lr: 1, momentum: 0.5, nesterov: true, steps: 2 },
    { weights: [0, 1.5, 3.25] },
    { source: 'tensorflow_federated sgdm_test.py' },
  ],
  [
    'gradients one by one, and vectors',
    {
      w0: [1, 1],
      gradients: [
        [1, 2],
        [0, 1],
      ],
      lr: 0.5,
    },
    {
      weights: [
        [1, 1],
        [0.5, 0],
        [0.5, -0.5],
      ],
    },
    {},
  ],
  [
    'TFF’s adagrad, whose epsilon is under the root',
    { w0: 0, gradient: 2, lr: 1, initial_preconditioner: 3, epsilon: 9, steps: 1 },
    { weights: [0, -0.5] },
    { source: 'tensorflow_federated adagrad_test.py' },
  ],
  [
    'Flower’s adagrad, whose tau is not',
    { w0: [[0]], client_weights: [[[3]], [[3]]], num_examples: [1, 1], eta: 1, tau: 3 },
    { w1: [[0.5]] },
    { source: 'flwr fedadagrad.py' },
  ],
  [
    'the paper’s first moments, of τ²',
    {
      w0: 0,
      client_deltas_each_round: [3],
      num_examples: [2],
      eta: 1,
      beta_1: 0,
      beta_2: 0,
      tau: 1,
      rounds: 1,
    },
    { weights_per_round: [0, 0.75] },
    { source: 'formula: Reddi et al. 2021, Adam' },
  ],
  [
    'torch’s and optax’s correction, epsilon beside the corrected root',
    { w0: 0, gradient: -2, lr: 1, beta1: 0.9, beta2: 0.99, epsilon: 2, steps: 1 },
    { weights: [0, 0.5] },
    { source: 'fedjax optimizers.py' },
  ],
  [
    'RMSprop',
    { w0: 0, gradient: -2, lr: 1, decay: 0.75, epsilon: 1, steps: 1 },
    { weights: [0, 1] },
    { source: 'tensorflow_federated rmsprop_test.py' },
  ],
  ['updates without counts', { w0: [1], client_deltas: [[1], [3]], server_lr: 0.5 }, { w1: [2] }, {}],
  [
    'q-FedAvg of weights, by hand: u = 1 and −1, F = 1 and 2, L = 1: (1 − 2) / (1 + 1 + 1 + 2)',
    { w0: [0], client_weights: [[1], [-1]], losses: [1, 2], q: 1, client_lr: 1 },
    { w1: [-0.2] },
    {},
  ],
])('optimizers: %s', (_, inputs, expected, others) => {
  const [[figure, value]] = Object.entries(expected) as [[string, number[]]];
  const answer = evaluate(question('server_optimizer', inputs, others));
  expect(Object.keys(answer)).toEqual([figure]);
  expect((answer[figure] as number[]).flat(3)).toEqual(close((value as number[]).flat(3)));
});

test('staleness: lists, thresholds, hinges and other averages', () => {
  const ask = (inputs: Record<string, unknown>, others = {}) =>
    evaluate(question('async_staleness', inputs, others));
  expect(ask({ staleness: [0, 3], exponent: 0.5 })).toEqual({ weights: close([1, 0.5]) });
  expect(ask({ staleness: 3, exponent: 0.5, avg_staleness: 3 })).toEqual({ weight: 1 });
  expect(ask({ staleness: 8, exponent: 1, avg_staleness: 2 })).toEqual({ weight: expect.closeTo(1 / 3, 12) });
  expect(ask({ staleness: 5, cutoff: 4, value_after_cutoff: 0.25 })).toEqual({ weight: 0.25 });
  expect(ask({ staleness: 5 }, { source: 'FLSim ConstantStalenessWeight' })).toEqual({ weight: 1 });
  expect(ask({ staleness: 6, a: 0.5, b: 4 })).toEqual({ weight: 0.5 });
  expect(ask({ version_gap: 4 })).toEqual({ weight: expect.closeTo(1 / 3, 12) });
});

test.each([
  ['2..5', [2, 3, 4, 5]],
  ['[1.5, 2] + [11..13]', [1.5, 2, 11, 12, 13]],
  ['[1+x/10 for x in 1..3]', [1.1, 1.2, 1.3]],
  ['0.5*i for i in 2..4', [1, 1.5, 2]],
  ['[1 + x / 10. for x in range(1, 3)] + list(range(12, 14))', [1.1, 1.2, 12, 13]],
  ['[1.25,1.5,5..7]', [1.25, 1.5, 5, 6, 7]],
  ['range(3)', [0, 1, 2]],
  ['np.arange(1, 2, 0.5)', [1, 1.5]],
])('the list %s', (text, list) => {
  const read = readList(text);
  expect(read).toHaveLength(list.length);
  for (const [i, value] of list.entries()) expect(read[i]).toBeCloseTo(value, 12);
});

test.each([
  ['1/sqrt(2*rho)', 1],
  ['rho/1000', 0.0005],
  ['64/10000', 0.0064],
  ['-2^-2', -0.25],
  ['2**3**2', 512],
  ['1e-5*3', 3e-5],
  ['exp(log(2)) - 1', 1],
  ['pi', Math.PI],
  ['Infinity', Infinity],
])('the expression %s', (text, value) => {
  expect(readNumber(text, { rho: 0.5 })).toBeCloseTo(value, 12);
});

test.each(['', 'what', '1 +', '(1', '1 2', 'sqrt', '1;2'])('"%s" is no expression', (text) => {
  expect(evaluateExpression(text)).toBeUndefined();
  expect(() => readNumber(text)).toThrow(UnsupportedVector);
});
