import { type Federation, MESH_GROUP } from '../federation/index.ts';
import { packedLength } from './pack-bits.ts';

/**
 * Bytes that one participant sends and receives in a round in which everyone stays, in messages: frames of transports, and models for
 * newcomers, come on top.
 */
export interface WireCost {
  readonly upBytes: number;
  readonly downBytes: number;
  /** Of either, what is not the vector: keys, shares, signatures, headers; in a mesh also what is sent for others. */
  readonly overheadUpBytes: number;
  readonly overheadDownBytes: number;
}

export interface WireShape {
  /** Integers of a whole vector. */
  readonly elements: number;
  readonly bits: number;
  /** Participants that sum together. */
  readonly groupSize: number;
  /** Whether participants own slices of each other's vectors, rather than the server all of them. */
  readonly isMesh: boolean;
  readonly isSecure: boolean;
}

/** Check words that follow each slice of a secure round in groups of up to 16 (shared/secagg/check-words.ts). */
const CHECK_WORDS = 32;
/** Run, attempt and type, the name of a run having up to 48 characters. */
const HEADER = 64;
/** What a dealer sends and an owner hears for each neighbour: sealed shares, commitments, entries of lists. */
const SHARES = 170;
const BOX = 240;
const COMMITMENT = 36;
const ADVERT = 206;
const CONFIRMATION = 105;
const DIGEST = 16;
const REVEALED = 58;
const ENTRY = 64;
const HASH = 80;

/**
 * Neighbourhoods of larger groups, for groups of up to so many (shared/secagg/degree.ts): the degree that its tail bounds ask for,
 * and the member itself.
 */
const NEIGHBOURHOODS: readonly (readonly [groupSize: number, members: number])[] = [
  [32, 23],
  [50, 35],
  [100, 69],
  [200, 129],
  [500, 233],
  [1000, 319],
  [2000, 393],
  [4096, 447],
];

/** Where a round may go either way, by a mesh or by the server, the mesh, which takes more, is counted. SPEC Z-09. */
export function wireShapeOf(
  { cohort, privacy, paths }: Pick<Federation, 'cohort' | 'privacy'> & Partial<Pick<Federation, 'paths'>>,
  elements: number,
  bits: number,
): WireShape {
  const onlyServer = paths?.every((path) => path === 'server') ?? false;
  return {
    elements,
    bits,
    groupSize: cohort.groupSize,
    isMesh: cohort.groupSize <= MESH_GROUP && !onlyServer,
    isSecure: privacy.secureAggregation === 'secagg',
  };
}

/** Of a full group. Values are exact, the rest is at most what it says. SPEC Z-09. */
export function wireCost({ elements, bits, groupSize: n, isMesh, isSecure }: WireShape): WireCost {
  const neighbours = n <= MESH_GROUP ? n : Math.min(n, NEIGHBOURHOODS.find(([size]) => n <= size)?.[1] ?? n);
  const slices = isMesh ? n : 1;
  const words = isSecure && n <= MESH_GROUP ? CHECK_WORDS : 0;
  const slice = HEADER + packedLength(Math.ceil(elements / slices) + words, bits);
  const proof = isSecure ? 2 * HEADER + DIGEST * n : 0;
  const sum = slice + HEADER + proof;
  // To each other owner a slice; of the own slice its sum to each other member, and in secure rounds a copy to a deputy.
  const others = isMesh ? n - 1 : 1;
  const sent = isMesh ? others * (slice + sum) + (isSecure ? slice : 0) : slice;
  const heard = isMesh ? sent : sum;
  const reveal = HEADER + REVEALED * neighbours;
  const secure = isSecure
    ? {
        up: 3 * HEADER + ADVERT + SHARES * neighbours + CONFIRMATION + DIGEST * slices + others * reveal,
        down:
          3 * HEADER +
          neighbours * (ADVERT + BOX + CONFIRMATION + DIGEST * slices) +
          (n <= MESH_GROUP ? COMMITMENT * n * n : 0) +
          (isMesh ? others * reveal : 0),
      }
    : { up: 0, down: 0 };
  const upBytes = sent + secure.up + 3 * HEADER + HASH;
  const downBytes = heard + secure.down + 3 * (HEADER + HASH + ENTRY * n);
  const bare = packedLength(elements, bits);
  return { upBytes, downBytes, overheadUpBytes: upBytes - bare, overheadDownBytes: downBytes - bare };
}
