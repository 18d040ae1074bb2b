/** The arithmetic of a finite field, for polynomials that are written once for all of them. Elements are immutable. */
export interface Field<T> {
  readonly zero: T;
  readonly one: T;
  add(a: T, b: T): T;
  subtract(a: T, b: T): T;
  multiply(a: T, b: T): T;
  /** @throws `argument.invalid` for zero. */
  inverse(a: T): T;
  isZero(a: T): boolean;
}
