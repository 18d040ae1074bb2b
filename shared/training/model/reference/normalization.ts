import { type Values, valuesOf } from './values.ts';

export interface Moments {
  readonly mean: number;
  readonly variance: number;
}

/** (x − mean) / √(variance + ε), each number with the moments of all that are in one set with it. */
export function normalizeSets(x: Values, setOf: (index: number) => number, epsilon: number): Values {
  const moments = momentsOfSets(x, setOf);
  return standardize(x, (index) => moments.get(setOf(index))!, epsilon);
}

export function standardize(x: Values, momentsAt: (index: number) => Moments, epsilon: number): Values {
  return valuesOf(x.shape, (index) => {
    const { mean, variance } = momentsAt(index);
    return (x.data[index]! - mean) / Math.sqrt(variance + epsilon);
  });
}

export function momentsOfSets(x: Values, setOf: (index: number) => number): Map<number, Moments> {
  const sets = new Map<number, number[]>();
  x.data.forEach((value, index) => {
    const set = setOf(index);
    sets.set(set, [...(sets.get(set) ?? []), value]);
  });
  return new Map([...sets].map(([set, values]) => [set, momentsOf(values)]));
}

function momentsOf(values: readonly number[]): Moments {
  const average = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0) / numbers.length;
  const mean = average(values);
  return { mean, variance: average(values.map((value) => (value - mean) ** 2)) };
}
