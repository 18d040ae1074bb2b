import { check, checkInteger } from '../errors/index.ts';
import type { ParticipantId } from '../identity/index.ts';
import { seededRandom, shuffle } from '../random/index.ts';
import { type Degree, type DegreeGoals, degreeFor } from './degree.ts';
import type { AttemptContext } from './types.ts';

/** Who shares masks and secrets with whom: an undirected regular graph over the cohort. */
export interface Neighbourhoods {
  /** Everyone with everyone. */
  readonly complete: boolean;
  /** Neighbours of each member, itself not counted. */
  readonly degree: number;
  /** Shares of a neighbourhood (its member included) that give a secret. */
  readonly threshold: number;
  /** Indices of a member's neighbours, ascending, without itself. */
  of(index: number): readonly number[];
}

/** Up to here the graph is complete whatever the bounds say: a group of a mesh. */
export const MAX_COMPLETE_GROUP = 16;

export const MAX_COHORT = 4096;

/** σ = 40 as in the implementation by the authors of Bell et al. 2020, η = 30 where that has 20; thirds, as for our groups. */
export const DEGREE_GOALS: DegreeGoals = {
  corrupt: 1 / 3,
  dropping: 1 / 3,
  securityBits: 40,
  correctnessBits: 30,
};

/**
 * The graph of one attempt, the same for everyone who knows its context and cohort.
 *
 * Complete where the cohort has at most 16 members, or where the bounds of {@link degreeFor} ask for it; the threshold is then
 * ⌈2n/3⌉. Otherwise the Harary graph of even degree k over a permutation seeded by context and cohort: neighbours are the
 * k/2 before and the k/2 after on a circle (Bell et al. 2020, section 3). The permutation is public and whoever composes the
 * cohort could search for one to its liking: the bounds hold against an honest-but-curious server.
 * @throws `argument.invalid` for a cohort of other than 2 to 4,096 distinct members.
 */
export function neighbourhoodsOf(context: AttemptContext, cohort: readonly ParticipantId[]): Neighbourhoods {
  const n = cohort.length;
  checkInteger('The size of the cohort', n, 2, MAX_COHORT);
  check(new Set(cohort).size === n, 'argument.invalid', 'A participant is in the cohort twice.');
  const { degree, threshold } =
    n <= MAX_COMPLETE_GROUP ? { degree: n - 1, threshold: Math.ceil((2 * n) / 3) } : degreeOf(n);
  const checkIndex = (index: number): void => checkInteger('The index of a member', index, 0, n - 1);
  if (degree === n - 1) {
    const of = (index: number): readonly number[] => {
      checkIndex(index);
      return Array.from({ length: n - 1 }, (_, i) => (i < index ? i : i + 1));
    };
    return { complete: true, degree, threshold, of };
  }
  /** Made when first asked for: most want to know the threshold only. */
  let circle: Circle | undefined;
  return {
    complete: false,
    degree,
    threshold,
    of(index) {
      checkIndex(index);
      circle ??= circleOf(n, labelOf(context, cohort));
      const place = circle.places[index]!;
      const neighbours: number[] = [];
      for (let step = 1; step <= degree / 2; step++)
        neighbours.push(circle.members[(place + step) % n]!, circle.members[(place - step + n) % n]!);
      return neighbours.sort((a, b) => a - b);
    },
  };
}

/** members[places[i]] = i. */
interface Circle {
  readonly members: Uint32Array;
  readonly places: Uint32Array;
}

function circleOf(n: number, label: string): Circle {
  const members = Uint32Array.from({ length: n }, (_, i) => i);
  shuffle(members, seededRandom(label));
  const places = new Uint32Array(n);
  members.forEach((member, place) => {
    places[member] = place;
  });
  return { members, places };
}

/** What {@link degreeFor} found: the same for every attempt, and milliseconds of work. */
const degrees = new Map<number, Degree>();

function degreeOf(n: number): Degree {
  const known = degrees.get(n) ?? degreeFor(n, DEGREE_GOALS);
  degrees.set(n, known);
  return known;
}

function labelOf(
  { run, attempt, federationRevision, baseHash }: AttemptContext,
  cohort: readonly string[],
): string {
  const { term, round, attempt: count } = attempt;
  return JSON.stringify(['secagg graph', run, term, round, count, federationRevision, baseHash, cohort]);
}
