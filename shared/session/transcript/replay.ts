import { strategyOf, type WeightedSlice } from '../../aggregate/index.ts';
import { combineRuleOf, needsOf } from '../../aggregate/robust/index.ts';
import { vectorLengthOf } from '../../compress/index.ts';
import { hasCode } from '../../errors/index.ts';
import {
  type CryptoSuite,
  packRing,
  SLICE_DIGEST_BYTES,
  sameBytes,
  sliceLengths,
  toCentred,
  toRing,
  type UnmaskJob,
  unmaskSlice,
  unpackRing,
  verifyCommitments,
} from '../../secagg/index.ts';
import { joinSlices, modelFromBytes, sliceRange } from '../../update/index.ts';
import { digestAt, missing } from './checks.ts';
import { type Evidence, type GroupEvidence, labelOf, type PublishedSum } from './evidence.ts';
import { absent, ok, type Verdict, wrong } from './finding.ts';

/** The sums of the slices that this node owned, once more from the masked slices and the shares revealed. */
export async function checkRecomputed(evidence: GroupEvidence, suite: CryptoSuite): Promise<Verdict> {
  const { node, sums, isCommitted, bulk } = evidence;
  const own = sums.filter((sum) => sum?.owner === node);
  if (!isCommitted || own.length === 0) return absent('This node published no sum that counted.');
  if (bulk?.inputs.length === 0 || bulk?.sums.length === 0)
    return absent('The masked slices or their sums were too large to keep.');
  const slices: string[] = [];
  for (const sum of own.filter((sum) => sum !== undefined)) {
    const fault = await recompute([evidence], evidence, sum, suite);
    if (fault === 'unknown')
      return wrong(`Masked slices or shares that give slice ${sum.slice} are missing.`);
    if (fault !== undefined) return wrong(fault);
    slices.push(labelOf(evidence, sum.slice));
  }
  return { ...ok(`The sum of slice ${slices.join(', ')} follows from its masked slices.`), slices };
}

/**
 * One slice of a group, from what several nodes hold of it.
 * @param all of this group. @param view whose keys, dealers and survivors are taken.
 * @returns what is wrong; `unknown` where together they hold too little.
 */
export async function recompute(
  all: readonly GroupEvidence[],
  view: GroupEvidence,
  sum: PublishedSum,
  suite: CryptoSuite,
): Promise<string | 'unknown' | undefined> {
  const { parameters, adverts, dealers, survivors } = view;
  const { slice, owner, packed, proof } = sum;
  if (dealers === null || survivors === null || packed === undefined || proof === null) return 'unknown';
  const shares = all.find(({ bulk }) => bulk !== null && bulk.commitments.length > 0)?.bulk?.commitments;
  const inputs = new Map<string, UnmaskJob['inputs'][number]>();
  const places = new Map(survivors.map((id, place) => [id, place]));
  for (const { values, participant } of all.flatMap(({ bulk }) => inputsOf(bulk, slice))) {
    const place = places.get(participant);
    if (place === undefined || inputs.has(participant)) continue;
    const digest = (await suite.digest(values)).subarray(0, SLICE_DIGEST_BYTES);
    if (sameBytes(digest, digestAt(proof.digests, place))) inputs.set(participant, { participant, values });
  }
  if (inputs.size < survivors.length || shares === undefined) return 'unknown';
  const own = shares.filter(({ dealer }) => parameters.cohort.includes(dealer));
  for (const commitments of own) {
    const advert = adverts.get(commitments.dealer);
    if (advert === undefined) return 'unknown';
    await verifyCommitments(parameters, commitments, advert.identityKey, suite);
  }
  const reveals = all.flatMap(({ bulk }) => bulk?.reveals ?? []);
  const holders = new Set(reveals.map(({ holder }) => holder).filter((id) => survivors.includes(id)));
  if (holders.size === 0) return 'unknown';
  const job = {
    parameters,
    slice,
    adverts: [...adverts.values()],
    dealers,
    survivors,
    inputs: [...inputs.values()],
    reveals,
    shares: own,
  };
  let values: Uint8Array;
  try {
    values = packRing(toRing((await unmaskSlice(job, suite)).sum, parameters.ring), parameters.ring);
  } catch (thrown) {
    if (hasCode(thrown, 'secagg.below-threshold')) return 'unknown';
    throw thrown;
  }
  return sameBytes(values, packed)
    ? undefined
    : `The sum of slice ${slice} that ${owner} published is not the sum of its masked slices.`;
}

function inputsOf(bulk: GroupEvidence['bulk'], slice: number) {
  return (bulk?.inputs ?? []).filter((input) => input.slice === slice);
}

/** Base and sums give the committed model. */
export function checkModel(evidence: Evidence): Verdict {
  const { federation, encoding, layout, base: ref, bulk, record } = evidence;
  if (record === undefined || bulk === null) return absent('The attempt was abandoned.');
  if (bulk.base === null) return absent('This node did not hold the model that the round started from.');
  const sum = evidence.groups[0]!.group === null ? sumOfGroup(evidence.groups[0]!) : totalOf(evidence);
  if (typeof sum === 'string') return absent(sum);
  const base = modelFromBytes(ref.version, layout, bulk.base, ref.hash);
  const model = strategyOf(federation, layout).apply(base, sum, layout, encoding);
  if (model.version !== record.round)
    return wrong(`The sums give version ${model.version}, not ${record.round}.`);
  return model.hash === record.hash
    ? ok(`Base and sums give model ${short(model.hash)}, as committed.`)
    : wrong(`Base and sums give model ${short(model.hash)}, not ${short(record.hash)}.`);
}

/** Whether the federation leaves groups out by examples that the server alone holds. */
export function isScreened({ federation }: Evidence): boolean {
  return federation.strategy.robust?.screening === 'held-out';
}

/**
 * In place of a check of the total. What is known is that a total was published and that the committed model follows from it; which
 * groups are in it, the server's held-out examples decided. SPEC Q-09.
 */
export function checkScreening({ record, total }: Evidence): Verdict {
  if (record === undefined || total === undefined) return absent('This node heard of no total.');
  return absent(
    'Which groups are in the total was decided by examples that the server holds: it cannot be computed again from the sums.',
  );
}

/**
 * In a round of several groups: what the federation makes of the sums of all of them is the total.
 * @param groups of one node or of several.
 */
export function checkTotal(evidence: Evidence, groups: readonly GroupEvidence[]): Verdict {
  const { record, total } = evidence;
  if (record === undefined || total === undefined) return absent('This node heard of no total.');
  const finished = new Map(
    groups
      .filter(({ survivors }) => survivors?.every((id) => record.survivors.includes(id)) ?? false)
      .map((group) => [group.group?.index, group] as const),
  );
  if (finished.size < (record.groups ?? 1))
    return absent(`The sums of ${finished.size} of ${record.groups} groups are known.`);
  const sums = [...finished.values()].map(sumOfGroup);
  const lacking = sums.find((sum) => typeof sum === 'string');
  if (lacking !== undefined) return absent(lacking);
  const known = totalOf(evidence);
  if (typeof known === 'string') return absent(known);
  const { federation, encoding } = evidence;
  const { robust } = federation.strategy;
  const parts = sums.filter((sum) => typeof sum !== 'string');
  const { values, weight } = combineRuleOf(robust, encoding)(parts);
  const isExact = needsOf(robust) === 'sum';
  const slack = isExact ? 0 : 1 + largestOf(values) * ROUNDING;
  const isSame =
    weight === known.weight && values.every((value, i) => Math.abs(value - known.values[i]!) <= slack);
  const what = isExact ? 'the sum' : `what ${robust!.rule.type} makes`;
  return isSame
    ? ok(`The total is ${what} of ${sums.length} groups.`)
    : wrong(`The total is not ${what} of the ${sums.length} groups.`);
}

/** Kernels differ in the order of additions, and in their precision; of the largest coordinate. */
const ROUNDING = 1e-4;

function largestOf(values: Int32Array): number {
  return values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
}

/** @returns why there is none, where there is none. */
function totalOf({ total, bulk, encoding, layout }: Evidence): WeightedSlice | string {
  if (total === undefined || bulk?.total == null) return 'This node heard of no total.';
  if (bulk.total.byteLength !== vectorLengthOf(encoding, layout.length) * 4)
    return 'The total has another size.';
  return { values: new Int32Array(bulk.total.slice().buffer), weight: total.weight };
}

/** Without check words. @returns why there is none, where there is none. */
function sumOfGroup({ sums, parameters }: GroupEvidence): WeightedSlice | string {
  const lacking = missing(sums);
  if (lacking.length > 0) return `No sum was heard of slice ${lacking.join(', ')}.`;
  if (sums.some((sum) => sum?.packed === undefined)) return 'The sums were too large to keep.';
  const { ring, vectorLength } = parameters;
  const { length } = sliceLengths(parameters);
  const slices = sums.map((sum, slice) => {
    const { start, end } = sliceRange(vectorLength, sums.length, slice);
    return toCentred(unpackRing(sum!.packed!, length(slice), ring), ring).subarray(0, end - start);
  });
  return { values: joinSlices(vectorLength, slices), weight: sums[0]!.weight };
}

function short(hash: string): string {
  return hash.slice(0, 12);
}
