import { encode } from '@msgpack/msgpack';
import { sha256 } from '@noble/hashes/sha2.js';
import { check, checkInteger } from '../errors/index.ts';
import type { ParticipantId } from '../identity/index.ts';
import { sliceRange } from '../update/index.ts';
import { CHECK_WORDS } from './check-words.ts';
import { type Neighbourhoods, neighbourhoodsOf } from './graph.ts';
import { packedBytes } from './ring.ts';
import type { SecureParameters } from './types.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** A sum of two tells each of them the part of the other. */
export const MIN_SURVIVORS = 3;

/** What follows from the parameters of an attempt, worked out once for each parameters object. */
export interface AttemptPlan {
  /** SHA-256 of all parameters: what keys, signatures and commitments are bound to. */
  readonly digest: Bytes;
  readonly graph: Neighbourhoods;
  /** Whether members own the slices: slice c at first belongs to cohort[c]. */
  readonly mesh: boolean;
  readonly slices: SliceLengths;
  /** @throws `secagg.inconsistent` for a stranger. */
  indexOf(participant: ParticipantId): number;
  /**
   * Indices of a list that has to be in the cohort's order without repetition.
   * @throws `secagg.inconsistent` naming the first that is not.
   */
  indicesOf(participants: readonly ParticipantId[]): number[];
  /** Whoever holds shares of the secrets of member `index`: its neighbours and itself, ascending. */
  holdersOf(index: number): readonly number[];
}

/** Where slices lie in the keystreams: element offsets and lengths, check words counted. */
export interface SliceLengths {
  /** Check words of each slice: 0 where the graph is not complete. */
  readonly checkWords: number;
  /** Elements of a slice without its check words. */
  values(slice: number): number;
  /** Elements of the whole vector with all check words. */
  readonly total: number;
  offset(slice: number): number;
  length(slice: number): number;
  wireBytes(slice: number): number;
}

const plans = new WeakMap<SecureParameters, AttemptPlan>();

/** @throws `argument.invalid` for parameters that no attempt can have. */
export function attemptPlan(parameters: SecureParameters): AttemptPlan {
  const known = plans.get(parameters);
  if (known !== undefined) return known;
  const plan = makePlan(parameters);
  plans.set(parameters, plan);
  return plan;
}

export function sliceLengths(parameters: SecureParameters): SliceLengths {
  return attemptPlan(parameters).slices;
}

function makePlan(parameters: SecureParameters): AttemptPlan {
  const { context, cohort, ring, vectorLength, sliceCount } = parameters;
  const n = cohort.length;
  checkInteger('cohort size', n, MIN_SURVIVORS, 4096);
  checkInteger('vector length', vectorLength, 1, 2 ** 31 - 1);
  check([8, 12, 16, 24, 32].includes(ring.bits), 'secagg.wrong-ring', 'Unknown ring.', {
    expected: '8, 12, 16, 24 or 32 bits',
    received: String(ring.bits),
  });
  const graph = neighbourhoodsOf(context, cohort);
  const mesh = sliceCount !== 1;
  check(!mesh || (sliceCount === n && graph.complete), 'argument.invalid', 'Slices do not fit the cohort.', {
    expected: graph.complete ? `1 or ${n} slices` : '1 slice',
    received: String(sliceCount),
  });

  const indices = new Map(cohort.map((participant, index) => [participant, index]));
  const indexOf = (participant: ParticipantId): number => {
    const index = indices.get(participant);
    check(index !== undefined, 'secagg.inconsistent', 'Someone who was not invited takes part.', {
      path: participant,
      expected: 'a member of the cohort',
    });
    return index;
  };
  const holders = new Map<number, readonly number[]>();
  return {
    digest: digestOf(parameters),
    graph,
    mesh,
    slices: layOut(parameters, graph.complete ? CHECK_WORDS : 0),
    indexOf,
    indicesOf(participants) {
      let last = -1;
      return participants.map((participant) => {
        const index = indexOf(participant);
        check(index > last, 'secagg.inconsistent', 'A list of participants is out of order.', {
          path: participant,
          expected: "the cohort's order, each once",
        });
        last = index;
        return index;
      });
    },
    holdersOf(index) {
      let members = holders.get(index);
      if (members === undefined) {
        members = [...graph.of(index), index].sort((a, b) => a - b);
        holders.set(index, members);
      }
      return members;
    },
  };
}

function layOut({ ring, vectorLength, sliceCount }: SecureParameters, checkWords: number): SliceLengths {
  const values = (slice: number): number => {
    const { start, end } = sliceRange(vectorLength, sliceCount, slice);
    return end - start;
  };
  const length = (slice: number): number => values(slice) + checkWords;
  return {
    checkWords,
    values,
    total: vectorLength + sliceCount * checkWords,
    offset: (slice) => sliceRange(vectorLength, sliceCount, slice).start + slice * checkWords,
    length,
    wireBytes: (slice) => packedBytes(length(slice), ring),
  };
}

function digestOf({ context, cohort, ring, vectorLength, sliceCount }: SecureParameters): Bytes {
  const { run, attempt, federationRevision, baseHash } = context;
  const { term, round, attempt: count } = attempt;
  return new Uint8Array(
    sha256(
      encode([
        'murmuration secagg plan v1',
        run,
        term,
        round,
        count,
        federationRevision,
        baseHash,
        cohort,
        ring.bits,
        vectorLength,
        sliceCount,
      ]),
    ),
  );
}

/** @throws `secagg.below-threshold`. */
export function checkThreshold({ graph }: AttemptPlan, present: number, what: string): void {
  check(present >= graph.threshold, 'secagg.below-threshold', `Too few participants ${what}.`, {
    expected: `at least ${graph.threshold} of a neighbourhood`,
    received: String(present),
    remedy: 'The round is tried again with those who are here.',
  });
}

/** @throws `secagg.below-threshold`. */
export function checkSurvivorCount(survivors: readonly unknown[]): void {
  check(survivors.length >= MIN_SURVIVORS, 'secagg.below-threshold', 'Too few participants survived.', {
    expected: `at least ${MIN_SURVIVORS}, since of a sum of two each knows the part of the other`,
    received: String(survivors.length),
    remedy: 'The round is tried again with those who are here.',
  });
}
