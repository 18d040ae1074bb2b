import {
  gaussian,
  innerProductManipulation,
  littleFactor,
  littleIsEnough,
  signFlip,
} from '../aggregate/attacks/index.ts';
import { seededRandom } from '../random/index.ts';

/** What those who lie send instead of what they trained. Label flipping lies to the training, not to the round. */
export type AttackType = 'sign-flip' | 'gaussian' | 'label-flip' | 'inner-product' | 'little-is-enough';

export interface Attack {
  readonly type: AttackType;
  /**
   * How far the lie goes: a multiple of the honest update, 1 if left out; of inner-product the factor on the mean of the honest,
   * 2 if left out; of little-is-enough the standard deviations from it, left out as many as Baruch et al. 2019 take.
   */
  readonly strength?: number;
}

export const ATTACKS: readonly AttackType[] = [
  'sign-flip',
  'gaussian',
  'label-flip',
  'inner-product',
  'little-is-enough',
];

/** Whether liars have to know what the honest ones of their round send: as strong as an attacker can be, which a simulator allows. */
export function isOmniscient({ type }: Attack): boolean {
  return type === 'inner-product' || type === 'little-is-enough';
}

/** What a liar knows. */
export interface Knowledge {
  /** What honest training made of its own examples. */
  readonly own: Float32Array<ArrayBuffer>;
  /** Updates of the others, for the omniscient; where there are too few to learn from, liars stay honest. */
  readonly honest: readonly Float32Array<ArrayBuffer>[];
  /** Of those invited, how many lie. */
  readonly invited: number;
  readonly liars: number;
  /** Decides what is random. */
  readonly seed: string;
}

export function forge(
  { type, strength }: Attack,
  { own, honest, invited, liars, seed }: Knowledge,
): Float32Array<ArrayBuffer> {
  switch (type) {
    case 'label-flip':
      return own;
    case 'sign-flip':
      return Float32Array.from(signFlip([own], { scale: strength ?? 1 }));
    case 'gaussian': {
      const standardDeviation = ((strength ?? 1) * normOf(own)) / Math.sqrt(own.length);
      return Float32Array.from(gaussian([own], { standardDeviation, random: seededRandom(seed) }));
    }
    case 'inner-product':
      if (honest.length === 0) return own;
      return Float32Array.from(innerProductManipulation(honest, { factor: strength ?? 2 }));
    case 'little-is-enough': {
      if (honest.length < 2) return own;
      const factor = strength ?? littleFactor(invited, Math.min(liars, invited - 1));
      return Float32Array.from(littleIsEnough(honest, { factor }));
    }
  }
}

function normOf(values: Float32Array): number {
  let squares = 0;
  for (let i = 0; i < values.length; i++) squares += values[i]! * values[i]!;
  return Math.sqrt(squares);
}
