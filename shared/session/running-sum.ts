import { addWords, sumSlices, type WeightedSlice } from '../aggregate/index.ts';
import type { NodeId } from '../identity/index.ts';
import { crc32 } from '../transport/crc32.ts';
import type { HeldSlice } from './owner-secure.ts';

/**
 * Updates that were added as they came: their sum, and of each no more than tells it from another. Values, never changed in
 * place. SPEC R-30.
 */
export interface RunningSum {
  readonly sum: WeightedSlice;
  readonly marks: ReadonlyMap<NodeId, Mark>;
}

/**
 * What is left of a slice. It decides only whether what comes again is noted as a conflict, never what is in the sum, so that it
 * need not stand a forger; a cryptographic hash would take longer than all else that is done with an update.
 */
interface Mark {
  readonly weight: number;
  readonly byteLength: number;
  readonly checksum: number;
}

/** @param values what the slice's bytes unpack to; the sum takes them over. */
export function countIn(
  running: RunningSum | undefined,
  from: NodeId,
  slice: HeldSlice,
  values: WeightedSlice['values'],
): RunningSum {
  if (running !== undefined) addWords(values, running.sum.values);
  const weight = slice.weight + (running?.sum.weight ?? 0);
  return { sum: { values, weight }, marks: new Map(running?.marks).set(from, markOf(slice)) };
}

/** Whether this is what was counted in. */
export function isMarked({ marks }: RunningSum, from: NodeId, slice: HeldSlice): boolean {
  const mark = marks.get(from);
  const { weight, byteLength, checksum } = markOf(slice);
  return mark?.weight === weight && mark.byteLength === byteLength && mark.checksum === checksum;
}

/** What is counted in and what is held beside it. @throws as {@link sumSlices}. */
export function totalOf(running: RunningSum | undefined, rest: Iterable<WeightedSlice>): WeightedSlice {
  return sumSlices(withSum(running, rest));
}

function* withSum(
  running: RunningSum | undefined,
  rest: Iterable<WeightedSlice>,
): Generator<WeightedSlice, void, undefined> {
  if (running !== undefined) yield running.sum;
  yield* rest;
}

function markOf({ bytes, weight }: HeldSlice): Mark {
  return { weight, byteLength: bytes.byteLength, checksum: crc32(bytes) };
}
