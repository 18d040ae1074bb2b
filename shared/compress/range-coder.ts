import { MurmurationError } from '../errors/index.ts';

/**
 * Whole numbers in as many bits as they have information, by an adaptive binary range coder (Martin 1979; with carries as in LZMA). Each
 * number is a row of yes and no: is it zero, is it one, …, up to {@link UNARY}; what is larger by the length of its binary form and its
 * digits; then its sign. Each question learns how likely its answers are; digits below the first are written as they are.
 * Integers only: the same bytes on every device.
 */

const PROBABILITY_BITS = 11;
const HALF = 1 << (PROBABILITY_BITS - 1);
/** An answer moves its probability by one part in 32 of what is left. */
const LEARNING_SHIFT = 5;
const SMALLEST_RANGE = 2 ** 24;
/** Magnitudes up to this are told one by one. */
const UNARY = 14;

/** What has been learnt. */
interface Contexts {
  /** Whether a magnitude ends here; of the first question there are two, by whether the number before was zero. */
  readonly unary: Uint16Array;
  readonly length: Uint16Array;
  readonly digit: Uint16Array;
}

function freshContexts(): Contexts {
  return {
    unary: new Uint16Array(UNARY + 2).fill(HALF),
    length: new Uint16Array(33).fill(HALF),
    digit: new Uint16Array(33).fill(HALF),
  };
}

export function encodeIntegers(values: Int32Array): Uint8Array<ArrayBuffer> {
  const contexts = freshContexts();
  const writer = createWriter();
  let wasZero = 1;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    const magnitude = Math.abs(value);
    for (let step = 0; step <= UNARY; step++) {
      const isEnd = magnitude === step ? 1 : 0;
      writer.bit(contexts.unary, step === 0 ? wasZero : step + 1, isEnd);
      if (isEnd === 1) break;
    }
    wasZero = magnitude === 0 ? 1 : 0;
    if (magnitude > UNARY) {
      const rest = magnitude - UNARY;
      const digits = 32 - Math.clz32(rest);
      for (let digit = 1; digit < digits; digit++) writer.bit(contexts.length, digit, 1);
      writer.bit(contexts.length, digits, 0);
      for (let digit = digits - 2; digit >= 0; digit--) {
        const bit = (rest >>> digit) & 1;
        if (digit === digits - 2) writer.bit(contexts.digit, digits, bit);
        else writer.even(bit);
      }
    }
    if (magnitude > 0) writer.even(value < 0 ? 1 : 0);
  }
  return writer.finish();
}

/**
 * The inverse of {@link encodeIntegers}. @param length how many numbers there are.
 * @throws `update.wrong-length` for bytes that no such numbers make: too few, too many, or a number beyond 32 bits.
 */
export function decodeIntegers(bytes: Uint8Array, length: number): Int32Array<ArrayBuffer> {
  const contexts = freshContexts();
  const reader = createReader(bytes);
  const values = new Int32Array(length);
  let wasZero = 1;
  for (let i = 0; i < length; i++) {
    let magnitude = 0;
    while (magnitude <= UNARY) {
      if (reader.bit(contexts.unary, magnitude === 0 ? wasZero : magnitude + 1) === 1) break;
      magnitude++;
    }
    wasZero = magnitude === 0 ? 1 : 0;
    if (magnitude > UNARY) {
      let digits = 1;
      while (reader.bit(contexts.length, digits) === 1) {
        digits++;
        if (digits > 32) throw refusal('a number beyond 32 bits');
      }
      let rest = 1;
      for (let digit = digits - 2; digit >= 0; digit--)
        rest = rest * 2 + (digit === digits - 2 ? reader.bit(contexts.digit, digits) : reader.even());
      magnitude = rest + UNARY;
      if (magnitude > 2 ** 31) throw refusal('a number beyond 32 bits');
    }
    values[i] = magnitude > 0 && reader.even() === 1 ? -magnitude : magnitude;
  }
  reader.finish();
  return values;
}

function createWriter() {
  const bytes: number[] = [];
  let low = 0;
  let range = 2 ** 32 - 1;
  let held = 0;
  let following = 0;
  let isFirst = true;
  const shift = (): void => {
    if (low < 0xff000000 || low >= 2 ** 32) {
      const carry = low >= 2 ** 32 ? 1 : 0;
      if (!isFirst) bytes.push((held + carry) & 0xff);
      isFirst = false;
      for (; following > 0; following--) bytes.push((0xff + carry) & 0xff);
      held = Math.floor(low / 2 ** 24) & 0xff;
    } else following++;
    low = (low % 2 ** 24) * 256;
  };
  const normalize = (): void => {
    while (range < SMALLEST_RANGE) {
      range *= 256;
      shift();
    }
  };
  return {
    bit(contexts: Uint16Array, context: number, bit: number): void {
      const probability = contexts[context]!;
      const bound = Math.floor(range / 2 ** PROBABILITY_BITS) * probability;
      if (bit === 0) range = bound;
      else {
        low += bound;
        range -= bound;
      }
      contexts[context] = learnt(probability, bit);
      normalize();
    },
    even(bit: number): void {
      range = Math.floor(range / 2);
      if (bit === 1) low += range;
      normalize();
    },
    finish(): Uint8Array<ArrayBuffer> {
      for (let i = 0; i < 5; i++) shift();
      return Uint8Array.from(bytes);
    },
  };
}

function createReader(bytes: Uint8Array) {
  let at = 0;
  let range = 2 ** 32 - 1;
  let code = 0;
  const next = (): number => {
    if (at >= bytes.length) throw refusal('too few bytes');
    return bytes[at++]!;
  };
  for (let i = 0; i < 4; i++) code = code * 256 + next();
  const normalize = (): void => {
    while (range < SMALLEST_RANGE) {
      range *= 256;
      code = code * 256 + next();
    }
  };
  return {
    bit(contexts: Uint16Array, context: number): number {
      const probability = contexts[context]!;
      const bound = Math.floor(range / 2 ** PROBABILITY_BITS) * probability;
      const bit = code < bound ? 0 : 1;
      if (bit === 0) range = bound;
      else {
        code -= bound;
        range -= bound;
      }
      contexts[context] = learnt(probability, bit);
      normalize();
      return bit;
    },
    even(): number {
      range = Math.floor(range / 2);
      const bit = code >= range ? 1 : 0;
      if (bit === 1) code -= range;
      normalize();
      return bit;
    },
    /** Nothing is left over: the writer ends with what the last range begins with. */
    finish(): void {
      if (at !== bytes.length || code !== 0) throw refusal('bytes left over');
    },
  };
}

function learnt(probability: number, bit: number): number {
  return bit === 0
    ? probability + ((2 ** PROBABILITY_BITS - probability) >> LEARNING_SHIFT)
    : probability - (probability >> LEARNING_SHIFT);
}

function refusal(received: string): MurmurationError {
  return new MurmurationError('update.wrong-length', 'Coded numbers cannot be read.', {
    expected: 'bytes of the numbers of a slice',
    received,
    remedy: 'Their sender does not follow the protocol; it is left out of this round.',
  });
}
