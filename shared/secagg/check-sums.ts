import { attemptPlan } from './attempt-plan.ts';
import { CHECK_WORDS, toeplitzWords } from './check-words.ts';
import { CHUNK_ELEMENTS } from './masking.ts';
import { release } from './release.ts';
import { addKeystream, addVector, fitsRing, type RingVector, ringVector, toRing, wordBytes } from './ring.ts';
import type { CryptoSuite } from './suite.ts';
import type { SecureParameters } from './types.ts';

type Bytes = Uint8Array<ArrayBuffer>;
export interface CheckKeys {
  readonly row: Bytes;
  readonly pad: Bytes;
}

/** The elements of slice `slice` from `from` to before `to`, its check words not counted. */
type ValuesOf = (slice: number, from: number, to: number) => RingVector;

/**
 * values · R of each of `slices`, ascending, R its Toeplitz matrix. The rows of slices follow each other in one keystream, each
 * 31 words longer than its slice; it is expanded in chunks, one while the other is used. A product with a part of a
 * vector takes the part of the row that begins where it does.
 */
async function checkWordsOf(
  slices: readonly number[],
  valuesOf: ValuesOf,
  parameters: SecureParameters,
  keys: CheckKeys,
  suite: CryptoSuite,
): Promise<RingVector[]> {
  const { ring, vectorLength, sliceCount } = parameters;
  const plan = attemptPlan(parameters).slices;
  const word = wordBytes(ring);
  const total = vectorLength + sliceCount * (CHECK_WORDS - 1);
  const expand = (start: number): Promise<Bytes> | undefined =>
    start < total
      ? suite.keystream(
          keys.row,
          start * word,
          (Math.min(CHUNK_ELEMENTS, total - start) + CHECK_WORDS - 1) * word,
        )
      : undefined;
  const words = slices.map(() => ringVector(ring, CHECK_WORDS));
  let next = expand(0);
  for (let start = 0; next !== undefined; start += CHUNK_ELEMENTS) {
    const stream = await next;
    const rows = asVector(stream, word);
    next = expand(start + CHUNK_ELEMENTS);
    for (const [i, slice] of slices.entries()) {
      const first = plan.offset(slice) - slice;
      const from = Math.max(0, start - first);
      const to = Math.min(plan.values(slice), start + CHUNK_ELEMENTS - first);
      if (from >= to) continue;
      const at = first + from - start;
      const row = rows.subarray(at, at + to - from + CHECK_WORDS - 1) as RingVector;
      addVector(words[i]!, toeplitzWords(row, valuesOf(slice, from, to), ring), ring);
    }
    release(stream);
  }
  return words;
}

/** Adds Σ s_i over `members` (indices) to check words of `slices`: the pads that hide them from whoever adds them up. */
async function addPads(
  words: readonly RingVector[],
  slices: readonly number[],
  members: readonly number[],
  { cohort, ring, sliceCount }: SecureParameters,
  keys: CheckKeys,
  suite: CryptoSuite,
): Promise<void> {
  const length = CHECK_WORDS * wordBytes(ring);
  const stream = await suite.keystream(keys.pad, 0, sliceCount * cohort.length * length);
  for (const [i, slice] of slices.entries())
    for (const member of members) {
      const at = (slice * cohort.length + member) * length;
      addKeystream(words[i]!, stream.subarray(at, at + length), ring, 1);
    }
}

function asVector(bytes: Bytes, word: 2 | 4): RingVector {
  const aligned = bytes.byteOffset % word === 0 ? bytes : bytes.slice();
  return word === 2
    ? new Uint16Array(aligned.buffer, aligned.byteOffset, aligned.length / 2)
    : new Uint32Array(aligned.buffer, aligned.byteOffset, aligned.length / 4);
}

/** The whole vector as it will be masked: the values of each slice and then its check words, where there are any. */
export async function withCheckWords(
  values: Int32Array<ArrayBuffer>,
  member: number,
  parameters: SecureParameters,
  keys: CheckKeys | undefined,
  suite: CryptoSuite,
): Promise<RingVector> {
  const { ring } = parameters;
  if (keys === undefined) return toRing(values, ring);
  const plan = attemptPlan(parameters).slices;
  const slices = allSlices(parameters);
  const vector = ringVector(ring, plan.total);
  for (const slice of slices) {
    const from = plan.offset(slice) - slice * CHECK_WORDS;
    vector.set(toRing(values.subarray(from, from + plan.values(slice)), ring), plan.offset(slice));
  }
  const valuesOf: ValuesOf = (slice, from, to) => {
    const offset = plan.offset(slice);
    return vector.subarray(offset + from, offset + to) as RingVector;
  };
  const words = await checkWordsOf(slices, valuesOf, parameters, keys, suite);
  await addPads(words, slices, [member], parameters, keys, suite);
  for (const slice of slices) vector.set(words[slice]!, plan.offset(slice) + plan.values(slice));
  return vector;
}

/**
 * The slices of which the published sum does not fit its check words: z · R + Σ s_i.
 * @param sums of all slices: centred values, then check words. @param except is not looked at.
 * @param members indices of those whose vectors were added up.
 */
export async function wrongSums(
  sums: readonly Int32Array<ArrayBuffer>[],
  except: readonly number[],
  members: readonly number[],
  parameters: SecureParameters,
  keys: CheckKeys,
  suite: CryptoSuite,
): Promise<number[]> {
  const { ring } = parameters;
  const plan = attemptPlan(parameters).slices;
  const asked = allSlices(parameters).filter((slice) => !except.includes(slice));
  const slices = asked.filter(
    (slice) => sums[slice]!.length === plan.length(slice) && fitsRing(sums[slice]!, ring),
  );
  const valuesOf: ValuesOf = (slice, from, to) => toRing(sums[slice]!.subarray(from, to), ring);
  const words = await checkWordsOf(slices, valuesOf, parameters, keys, suite);
  await addPads(words, slices, members, parameters, keys, suite);
  const right = new Set(
    slices.filter((slice, i) => {
      const published = toRing(sums[slice]!.subarray(plan.values(slice)), ring);
      return words[i]!.every((word, j) => word === published[j]);
    }),
  );
  return asked.filter((slice) => !right.has(slice));
}

function allSlices({ sliceCount }: SecureParameters): number[] {
  return Array.from({ length: sliceCount }, (_, slice) => slice);
}
