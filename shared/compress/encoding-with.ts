import { type Federation, strategyExtras } from '../federation/index.ts';
import type { Layout } from '../update/index.ts';
import { type FixedPoint, fixedPointOf } from './fixed-point.ts';
import { type Grid, gridOf, hidesParticipants } from './grid.ts';
import { keptCount } from './kept.ts';
import { type Bits, DEFAULT_BITS, type Lattice, latticeOf } from './lattice.ts';
import { projectedSketch, type Sketch } from './sketch.ts';

/** How clipped updates become integers that add up exactly, and sums of them floats again. */
export type Encoding = FixedPoint | Grid | Lattice;

/** `paths` decide what a plan for a byte budget counts. */
export type EncodedFederation = Pick<Federation, 'strategy' | 'cohort' | 'privacy'> &
  Partial<Pick<Federation, 'paths'>>;

/** What a document names, or a plan has chosen; of what is left out there is nothing. */
export interface Stages {
  readonly keep?: number | undefined;
  readonly rank?: number | undefined;
  readonly bits?: Bits | undefined;
  readonly topK?: number | undefined;
  readonly entropyCoding?: boolean | undefined;
}

/**
 * The encoding with these stages; without any it is that of a federation that does not compress.
 * @param model its layout; or how many parameters it has, for what does not depend on shapes, such as a release: projections are
 *   then left out.
 * @throws `update.overflow` for a federation whose sums fit no ring.
 */
export function encodingWith(
  federation: EncodedFederation,
  model: Layout | number,
  stages: Stages | undefined,
): Encoding {
  const parameters = typeof model === 'number' ? model : model.length;
  const extras = strategyExtras(federation.strategy, parameters);
  if (hidesParticipants(federation)) return gridOf(federation, parameters, stages?.keep);
  if (stages !== undefined)
    return latticeOf(federation, sketchOf(model, stages), {
      bits: stages.bits ?? DEFAULT_BITS,
      extras,
      isRotated: stages.topK === undefined,
      isCoded: stages.topK !== undefined || stages.entropyCoding === true,
    });
  return { ...fixedPointOf(federation), ...(extras === 0 ? {} : { extras }) };
}

function sketchOf(model: Layout | number, { keep, rank }: Stages): Sketch {
  const length = typeof model === 'number' ? model : model.length;
  if (rank !== undefined && typeof model !== 'number') {
    return projectedSketch(model, rank);
  }
  if (keep === undefined || keep === 1) return { type: 'whole', length };
  return { type: 'kept', length, count: keptCount(length, keep) };
}
