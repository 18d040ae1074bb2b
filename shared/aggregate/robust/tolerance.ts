import { checkInteger } from '../../errors/index.ts';

/**
 * What random groups make of liars. A group is spoiled when one of its members lies; a rule over group sums stands f of those.
 * Probabilities are exact but for double precision: over the draw of the groups, whoever the liars are.
 */
export interface GroupTolerance {
  /** Members of each group, as the draw of a round cuts them; those left over sit out. */
  readonly sizes: readonly number[];
  readonly sittingOut: number;
  /** chance[k]: that exactly k groups are spoiled, for k from 0 to the number of groups. */
  readonly chances: readonly number[];
  readonly meanSpoiled: number;
  /** That no more groups are spoiled than the rule stands. */
  readonly chanceWithinRule: number;
  /** That at least half of the groups are spoiled, so that no rule over sums alone can tell which half lies. */
  readonly chanceOfMajority: number;
  /** Whether that can happen at all. */
  readonly mayLoseMajority: boolean;
  /** Most liars of whom certainly no more than f groups are spoiled. */
  readonly certainLiars: number;
  /** Most liars of whom no more than f groups are spoiled in 99 rounds of 100. */
  readonly likelyLiars: number;
}

export interface GroupQuestion {
  /** N: participants of a round. */
  readonly participants: number;
  /** m: of these, liars. */
  readonly liars: number;
  readonly groupSize: number;
  /** Fewest that may form a group: three in a secure round, one in a plain one. */
  readonly fewest: number;
  /** f: spoiled groups that the rule stands. */
  readonly byzantine: number;
}

const LIKELY = 0.99;

/**
 * The arithmetic of decision 20. With groups of s, a group is clean with chance C(N − m, s) / C(N, s); here for the groups of a round
 * together, which are not independent.
 * @throws `argument.invalid` for more liars than participants.
 */
export function groupTolerance(question: GroupQuestion): GroupTolerance {
  const { participants, liars, groupSize, fewest, byzantine } = question;
  checkInteger('participants', participants, 1, 4096);
  checkInteger('liars', liars, 0, participants);
  checkInteger('groupSize', groupSize, 1, 4096);
  checkInteger('fewest', fewest, 1, groupSize);
  checkInteger('byzantine', byzantine, 0, participants);
  const sizes = sizesOfGroups(participants, groupSize, fewest);
  const sittingOut = participants - sizes.reduce((sum, size) => sum + size, 0);
  const chances = spoiledChances(sizes, participants, liars);
  const isWithin = (count: number): boolean =>
    atMost(spoiledChances(sizes, participants, count, Math.min(byzantine, sizes.length)), byzantine) >=
    LIKELY;
  return {
    sizes,
    sittingOut,
    chances,
    meanSpoiled: chances.reduce((mean, chance, spoiled) => mean + spoiled * chance, 0),
    chanceWithinRule: atMost(chances, byzantine),
    chanceOfMajority: sizes.length === 0 ? 1 : 1 - atMost(chances, Math.ceil(sizes.length / 2) - 1),
    mayLoseMajority: 2 * Math.min(liars, sizes.length) >= sizes.length,
    certainLiars: byzantine >= sizes.length ? participants : byzantine,
    likelyLiars: largestWhere(isWithin, Math.min(byzantine, participants), participants),
  };
}

/**
 * Sizes as shared/session/groups.ts cuts them: ⌈m/groupSize⌉ groups that differ by at most one, of the most members of whom no
 * group is smaller than the fewest.
 */
export function sizesOfGroups(participants: number, groupSize: number, fewest: number): number[] {
  for (let members = participants; members >= fewest && members > 0; members--) {
    const count = Math.ceil(members / groupSize);
    if (Math.floor(members / count) < fewest) continue;
    const end = (i: number): number => Math.floor((members * i) / count);
    return Array.from({ length: count }, (_, i) => end(i + 1) - end(i));
  }
  return [];
}

/**
 * Fills one group after the other: of L liars among R not placed yet, j come into a group of s with the hypergeometric chance
 * C(L, j) C(R − L, s − j) / C(R, s), and it is spoiled unless j is zero.
 * @param most what is beyond so many spoiled groups is left out.
 */
function spoiledChances(
  sizes: readonly number[],
  participants: number,
  liars: number,
  most = sizes.length,
): number[] {
  const empty = (): Float64Array[] => Array.from({ length: liars + 1 }, () => new Float64Array(most + 1));
  // at[L][k]: L liars left and k groups spoiled.
  let at = empty();
  at[liars]![0] = 1;
  let left = participants;
  for (const size of sizes) {
    const next = empty();
    for (let remaining = 0; remaining <= liars; remaining++) {
      const from = at[remaining]!;
      if (from.every((chance) => chance === 0)) continue;
      for (let here = Math.max(0, size - (left - remaining)); here <= Math.min(size, remaining); here++) {
        const chance = hypergeometric(left, remaining, size, here);
        const to = next[remaining - here]!;
        const spoils = here > 0 ? 1 : 0;
        for (let spoiled = spoils; spoiled <= most; spoiled++)
          to[spoiled]! += chance * from[spoiled - spoils]!;
      }
    }
    at = next;
    left -= size;
  }
  return Array.from({ length: most + 1 }, (_, spoiled) =>
    at.reduce((sum, chances) => sum + chances[spoiled]!, 0),
  );
}

/** Chance that of `size` drawn out of `all`, with `marked` among these, exactly `here` are marked. */
function hypergeometric(all: number, marked: number, size: number, here: number): number {
  // C(size, here) ways, each a product of `size` quotients no larger than one.
  let chance = 1;
  for (let i = 0; i < here; i++) chance *= ((size - i) / (i + 1)) * ((marked - i) / (all - i));
  for (let i = 0; i < size - here; i++) chance *= (all - marked - i) / (all - here - i);
  return chance;
}

function atMost(chances: readonly number[], most: number): number {
  const sum = chances.slice(0, most + 1).reduce((total, chance) => total + chance, 0);
  return Math.min(1, sum);
}

/** The largest number up to `most` for which it holds, where it holds for all smaller ones: from `known` on in growing steps. */
function largestWhere(holds: (count: number) => boolean, known: number, most: number): number {
  let low = known;
  let step = 1;
  while (low + step <= most && holds(low + step)) {
    low += step;
    step *= 2;
  }
  let high = Math.min(most + 1, low + step);
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (holds(middle)) low = middle;
    else high = middle;
  }
  return low;
}
