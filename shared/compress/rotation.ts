import { check } from '../errors/index.ts';
import { seededRandom } from '../random/index.ts';

/**
 * An orthogonal transform that makes every coordinate of a vector about as large as every other: random signs and a
 * Walsh–Hadamard transform of the largest power of two b ≤ length on the first b coordinates, then on the last b (as
 * Suresh et al. 2017, "Distributed Mean Estimation with Limited Communication", section 3, without padding).
 * Norms stay as they are but for rounding of doubles. Every coordinate is then a sum of b others with random signs, at least
 * once, so that its standard deviation over the choice of signs is at most ‖x‖ / √b.
 *
 * Additions, subtractions and multiplications of doubles in a fixed order: the same bits on every device. SPEC N-05.
 */
export interface Rotation {
  /** In place. */
  rotate(values: Float64Array): void;
  /** In place; undoes {@link rotate} but for rounding. */
  unrotate(values: Float64Array): void;
}

/** Coordinates that are mixed at once: the largest power of two that is not above `length`. */
export function blockLength(length: number): number {
  let block = 1;
  while (block * 2 <= length) block *= 2;
  return block;
}

/** @param label what the signs follow from: public, and fixed before anyone knows the vectors. */
export function createRotation(length: number, label: string): Rotation {
  const block = blockLength(length);
  const signs = signsOf(`rotation/${label}`, 2 * block, unitOf(block));
  const first = signs.subarray(0, block);
  const last = signs.subarray(block);
  const checkLength = (values: Float64Array): void =>
    check(values.length === length, 'update.wrong-length', 'A vector does not fit its rotation.', {
      expected: String(length),
      received: String(values.length),
    });
  return {
    rotate(values) {
      checkLength(values);
      const head = values.subarray(0, block);
      const tail = values.subarray(length - block);
      multiply(head, first);
      walshHadamard(head);
      multiply(tail, last);
      walshHadamard(tail);
    },
    unrotate(values) {
      checkLength(values);
      const head = values.subarray(0, block);
      const tail = values.subarray(length - block);
      walshHadamard(tail);
      multiply(tail, last);
      walshHadamard(head);
      multiply(head, first);
    },
  };
}

/** A round asks for the same one twice; whoever simulates many participants more often. */
let latest: { readonly length: number; readonly label: string; readonly rotation: Rotation } | undefined;

/** {@link createRotation}, of which the latest is remembered. */
export function rotationOf(length: number, label: string): Rotation {
  if (latest?.length !== length || latest.label !== label)
    latest = { length, label, rotation: createRotation(length, label) };
  return latest.rotation;
}

/**
 * The unnormalized Walsh–Hadamard transform in natural order, in place: [a, b] becomes [a + b, a − b], and so on for pairs
 * at distance 2, 4, …. Two distances are done in one pass over memory; the result is that of one after the other, bit for bit.
 * @param values as many as a power of two.
 */
export function walshHadamard(values: Float64Array): void {
  const { length } = values;
  let distance = 1;
  for (; distance * 2 < length; distance *= 4)
    for (let start = 0; start < length; start += 4 * distance)
      for (let i = start; i < start + distance; i++) {
        const a = values[i]!;
        const b = values[i + distance]!;
        const c = values[i + 2 * distance]!;
        const d = values[i + 3 * distance]!;
        const ab = a + b;
        const cd = c + d;
        const difference = a - b;
        const other = c - d;
        values[i] = ab + cd;
        values[i + distance] = difference + other;
        values[i + 2 * distance] = ab - cd;
        values[i + 3 * distance] = difference - other;
      }
  if (distance < length)
    for (let i = 0; i < distance; i++) {
      const a = values[i]!;
      const b = values[i + distance]!;
      values[i] = a + b;
      values[i + distance] = a - b;
    }
}

/** 1/√block: a power of two, or that times √½. */
function unitOf(block: number): number {
  let unit = 1;
  let left = block;
  for (; left >= 4; left /= 4) unit /= 2;
  return left === 2 ? unit * Math.SQRT1_2 : unit;
}

/** ±unit, 32 signs of each draw. */
function signsOf(label: string, count: number, unit: number): Float64Array {
  const random = seededRandom(label);
  const signs = new Float64Array(count);
  let word = 0;
  for (let i = 0; i < count; i++) {
    if (i % 32 === 0) word = random.uint32();
    signs[i] = word & 1 ? -unit : unit;
    word >>>= 1;
  }
  return signs;
}

function multiply(values: Float64Array, factors: Float64Array): void {
  for (let i = 0; i < values.length; i++) values[i]! *= factors[i]!;
}
