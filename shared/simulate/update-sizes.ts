import type { TrainResult } from '../session/index.ts';
import type { Model } from '../update/index.ts';

/** How long the updates were that were computed. */
export interface UpdateSizes {
  readonly count: number;
  /** Longer than the clipping norm of their round. */
  readonly clipped: number;
  /** L2, before clipping. */
  readonly largestNorm: number;
}

export interface UpdateTally {
  note(result: TrainResult, base: Model): void;
  /** Of those since the last time. */
  take(): UpdateSizes;
}

const NONE: UpdateSizes = { count: 0, clipped: 0, largestNorm: 0 };

/** @param firstClipNorm of bases that have none of their own. */
export function createUpdateTally(firstClipNorm: number): UpdateTally {
  let sizes = NONE;
  return {
    note({ update }, { clipNorm = firstClipNorm }) {
      let squares = 0;
      // By index: an iterator takes ten times as long.
      const { delta } = update;
      for (let i = 0; i < delta.length; i++) squares += delta[i]! * delta[i]!;
      const norm = Math.sqrt(squares);
      sizes = {
        count: sizes.count + 1,
        clipped: sizes.clipped + (norm > clipNorm ? 1 : 0),
        largestNorm: Math.max(sizes.largestNorm, norm),
      };
    },
    take() {
      const taken = sizes;
      sizes = NONE;
      return taken;
    },
  };
}
