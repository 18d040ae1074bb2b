import type { Examples } from '../../shared/dataset/index.ts';
import { seededRandom, shuffle } from '../../shared/random/index.ts';
import { gather, type StudyImages } from '../study-data.ts';
import type { Recipe } from './recipe.ts';
import { PARTICIPANTS } from './units.ts';

/** Disjoint: what participants train on, what the operator screens by, what accuracy is of. */
export interface Digits {
  readonly own: readonly Examples[];
  readonly heldOut: Examples;
  readonly test: Examples;
}

/** Training digits are shuffled and dealt out; the operator's come after them, and test digits from the test set. */
export function dealDigits(
  images: { readonly train: StudyImages; readonly test: StudyImages },
  { examplesEach, heldOut, test }: Recipe,
  seed: string,
): Digits {
  const order = shuffle(
    Uint32Array.from({ length: images.train.count }, (_, i) => i),
    seededRandom(`${seed}/digits`),
  ) as Uint32Array;
  const dealt = PARTICIPANTS * examplesEach;
  return {
    own: Array.from({ length: PARTICIPANTS }, (_, i) =>
      gather(images.train, order.subarray(i * examplesEach, (i + 1) * examplesEach)),
    ),
    heldOut: gather(images.train, order.subarray(dealt, dealt + heldOut)),
    test: gather(
      images.test,
      Uint32Array.from({ length: test }, (_, i) => i),
    ),
  };
}
