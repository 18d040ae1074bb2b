import { expect, test } from 'vitest';
import { seededRandom } from '../random/index.ts';
import { finishPowerSgd, initPowerSgd, powerSgd, projectColumns, projectRows } from './power-sgd.ts';

const distance = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Math.hypot(...Array.from(a, (value, i) => value - b[i]!));
const random = (length: number, name: string) => {
  const seeded = seededRandom(name);
  return Float64Array.from({ length }, () => seeded.uniform() - 0.5);
};

test('a matrix of rank one comes back in one step', () => {
  // [1, 2, 3]ᵀ [4, 5].
  const matrix = [4, 5, 8, 10, 12, 15];
  const { approximation, state } = powerSgd(initPowerSgd(3, 2, 1, 'label'), matrix);
  expect(distance(approximation, matrix)).toBeLessThan(1e-12);
  expect(Math.hypot(...state.error)).toBeLessThan(1e-12);
});

test('warm starts find the largest directions: of diag(3, 1, 0.1) with rank 1 the first', () => {
  const matrix = [3, 0, 0, 0, 1, 0, 0, 0, 0.1];
  let state = initPowerSgd(3, 3, 1, 'label');
  let approximation: ArrayLike<number> = [];
  for (let step = 0; step < 20; step++) {
    // Without feedback: the same matrix again.
    ({ approximation, state } = powerSgd({ ...state, error: new Float64Array(9) }, matrix));
  }
  expect(distance(approximation, [3, 0, 0, 0, 0, 0, 0, 0, 0])).toBeLessThan(1e-6);
});

test('error feedback loses nothing: what was taken and what is left are the sum of what came', () => {
  const matrix = random(30, 'matrix');
  let state = initPowerSgd(6, 5, 2, 'label');
  const taken = new Float64Array(30);
  for (let step = 0; step < 10; step++) {
    const next = powerSgd(state, matrix);
    next.approximation.forEach((value, i) => {
      taken[i]! += value;
    });
    state = next.state;
  }
  const all = taken.map((value, i) => value + state.error[i]!);
  expect(
    distance(
      all,
      matrix.map((value) => 10 * value),
    ),
  ).toBeLessThan(1e-9);
  expect(Math.hypot(...state.error)).toBeLessThan(3 * Math.hypot(...matrix));
});

test('of several the means of both factors give what their mean matrix would', () => {
  const matrices = ['a', 'b', 'c'].map((name) => random(20, name));
  const mean = (vectors: readonly Float64Array[]) =>
    Float64Array.from(vectors[0]!, (_, i) => vectors.reduce((sum, one) => sum + one[i]! / vectors.length, 0));
  const start = initPowerSgd(5, 4, 2, 'label');
  const first = matrices.map((matrix) => projectRows(start, matrix));
  const meanP = mean(first.map(({ p }) => p));
  const second = first.map(({ target }) => projectColumns(start, target, meanP));
  const meanQ = mean(second.map(({ q }) => q));
  const whole = powerSgd(start, mean(matrices));
  first.forEach(({ target }, i) => {
    const { approximation, state } = finishPowerSgd(start, target, second[i]!.basis, meanQ);
    expect(distance(approximation, whole.approximation)).toBeLessThan(1e-12);
    expect(
      distance(
        state.error,
        target.map((value, at) => value - approximation[at]!),
      ),
    ).toBe(0);
  });
});

test('a matrix of zeros, and one of less than the rank, do no harm', () => {
  const zeros = powerSgd(initPowerSgd(3, 4, 2, 'label'), new Float64Array(12));
  expect([...zeros.approximation]).toEqual(new Array(12).fill(0));
  const matrix = Float64Array.from({ length: 12 }, (_, i) => (i < 4 ? i : 0));
  expect(distance(powerSgd(initPowerSgd(3, 4, 2, 'label'), matrix).approximation, matrix)).toBeLessThan(1e-9);
});

test('a matrix of another size and a rank that is none are refused', () => {
  expect(() => projectRows(initPowerSgd(3, 2, 1, 'l'), new Float64Array(5))).toThrow(
    expect.objectContaining({ code: 'update.wrong-length' }),
  );
  for (const rank of [0, 3])
    expect(() => initPowerSgd(3, 2, rank, 'l')).toThrow(
      expect.objectContaining({ code: 'argument.invalid' }),
    );
});
