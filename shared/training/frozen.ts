import { add, dispose, mul, type Tensor, tidy } from '@tensorflow/tfjs-core';
import { check } from '../errors/index.ts';
import type { Layout } from '../update/index.ts';
import { tensorsOf } from './parameters.ts';

/**
 * Puts coordinates that are not trained back to where they were, after each step: so no optimizer, momentum, decay or running statistic
 * moves them. What an optimizer remembers of them is used for nothing, since it remembers each coordinate by itself. With
 * record-level privacy gradients are clipped and noised whole, and what is put back afterwards is post-processing. SPEC Z-03.
 */
export interface Frozen {
  /** @returns the parameters to go on with; those that were given are disposed of. */
  restore(parameters: readonly Tensor[]): Tensor[];
  dispose(): void;
}

const MOST_GAIN = 10;

/**
 * How much longer steps are where a part of the coordinates is kept: n/k, by which random-k makes up for what it leaves out (Wangni et al.
 * 2018, "Gradient Sparsification", section 3), and 10 at most (16 times 0.3 diverges on digits). On them a round then moves about as far as one of all coordinates.
 */
export function keptGain(kept: number, length: number): number {
  return kept === 0 ? 1 : Math.min(MOST_GAIN, length / kept);
}

/** @param kept coordinates that may move, ascending. @throws `argument.invalid` for others. */
export function freezeOthers(layout: Layout, base: Float32Array, kept: Uint32Array): Frozen {
  const mask = new Float32Array(layout.length);
  const still = base.slice();
  let last = -1;
  for (const coordinate of kept) {
    check(
      coordinate > last && coordinate < layout.length,
      'argument.invalid',
      'Coordinates to be trained are out of order.',
      { expected: `ascending, below ${layout.length}`, received: String(coordinate) },
    );
    mask[coordinate] = 1;
    still[coordinate] = 0;
    last = coordinate;
  }
  const masks = tensorsOf(layout, mask);
  const rests = tensorsOf(layout, still);
  return {
    restore(parameters) {
      const restored = parameters.map((parameter, i) =>
        tidy(() => add(mul(parameter, masks[i]!), rests[i]!)),
      );
      dispose([...parameters]);
      return restored;
    },
    dispose: () => dispose([...masks, ...rests]),
  };
}
