import type { ParticipantId } from '../../identity/index.ts';
import { seededRandom, shuffle } from '../../random/index.ts';

/**
 * Draws who takes part in a round, uniformly without replacement: every set of `size` is as likely as any other
 * (McMahan et al. 2017, algorithm 1: "random set of m clients"). Fewer are all taken. SPEC C-05.
 * @param entropy fresh for every draw; the same entropy draws the same cohort, in whatever order members came.
 * @returns the cohort in the order of its ids.
 */
export function drawCohort(
  eligible: readonly ParticipantId[],
  size: number,
  entropy: string,
): ParticipantId[] {
  const shuffled = shuffle([...eligible].sort(), seededRandom(entropy)) as ParticipantId[];
  return shuffled.slice(0, size).sort();
}
