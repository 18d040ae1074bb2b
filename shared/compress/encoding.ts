import { check } from '../errors/index.ts';
import type { Layout } from '../update/index.ts';
import { type EncodedFederation, type Encoding, encodingWith } from './encoding-with.ts';
import { checkWithin, coordinateLimit } from './fixed-point.ts';
import { planCompression } from './planner.ts';
import { keptOf } from './sketch.ts';

export type { EncodedFederation, Encoding } from './encoding-with.ts';

/**
 * A grid where noise on whole updates hides participants, a lattice where updates are compressed, fixed point elsewhere. SPEC R-11,
 * N-06, Z-01.
 * @param model as `encodingWith` takes it: who runs a round gives the layout.
 * @throws `update.overflow` for a federation whose sums fit no ring; `compress.no-pipeline` for a budget that nothing meets.
 */
export function encodingOf(federation: EncodedFederation, model: Layout | number): Encoding {
  const { strategy } = federation;
  const stages =
    strategy.compression?.uploadBytes === undefined
      ? strategy.compression
      : planCompression(federation, model).chosen.stages;
  return encodingWith(federation, model, stages);
}

/**
 * How many integers a participant sends: one for each parameter of the model or of its sketch, those that go with an update, and
 * those that say what the next norm is.
 */
export function vectorLengthOf(encoding: Encoding, dimension: number): number {
  return encoding.kind === undefined ? dimension + (encoding.extras ?? 0) : encoding.dimension;
}

/** Coordinates that training may move, ascending; undefined where all of them. SPEC Z-03. */
export function trainedCoordinates(
  encoding: Encoding,
  baseHash: string,
): Uint32Array<ArrayBuffer> | undefined {
  const sketch = encoding.kind === undefined ? undefined : encoding.sketch;
  return sketch?.type === 'kept' ? keptOf(sketch, baseHash) : undefined;
}

/** Largest magnitude of a coordinate that any participant may send. */
export function largestCoordinate(encoding: Encoding): number {
  return limitOf(encoding, encoding.maxWeight);
}

/**
 * An owner's check of what came from elsewhere, before it may enter a sum. SPEC R-23, N-08.
 * @throws `update.overflow`, without the value.
 */
export function checkSlice(values: Int32Array, weight: number, encoding: Encoding): void {
  check(
    weight >= 1 && weight <= encoding.maxWeight,
    'update.overflow',
    'A slice came with a weight out of range.',
    {
      expected: `1 to ${encoding.maxWeight}`,
      received: String(weight),
    },
  );
  const limit = limitOf(encoding, weight);
  for (const value of values) {
    if (value > limit || value < -limit) checkWithin(value, limit);
  }
}

/** Noise is unbounded, and what is rotated nearly so: all that bounds it is the ring that it was wrapped into. */
function limitOf(encoding: Encoding, weight: number): number {
  if (encoding.kind === undefined) return coordinateLimit(encoding, weight);
  if (encoding.kind === 'lattice' || encoding.isNoised) return 2 ** (encoding.bits - 1);
  return Math.floor(encoding.l2Sensitivity);
}
