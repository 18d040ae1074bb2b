/** Numbers in row-major order. Where they are examples, the batch axis comes first. */
export interface Values {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}

/** The number at each row-major index. */
export function valuesOf(shape: readonly number[], at: (index: number) => number): Values {
  const length = shape.reduce((product, size) => product * size, 1);
  return { shape, data: Array.from({ length }, (_, index) => at(index)) };
}

/** Σ of what each of 0 … count − 1 contributes. */
export function sumOver(count: number, term: (index: number) => number): number {
  let total = 0;
  for (let i = 0; i < count; i++) total += term(i);
  return total;
}

export function plus(a: Values, b: Values): Values {
  if (a.shape.join() !== b.shape.join()) throw new RangeError(`[${a.shape}] and [${b.shape}] do not add up.`);
  return valuesOf(a.shape, (index) => a.data[index]! + b.data[index]!);
}
