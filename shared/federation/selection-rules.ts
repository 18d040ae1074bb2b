import { check } from '../errors/index.ts';
import type { Federation } from './document.ts';
import { mostParticipants } from './group-limits.ts';

/**
 * Of so many that are invited to sum together, how many have to have trained before the round goes on without the others: all of them, or
 * with an overSelection ⌈invited / overSelection⌉. SPEC C-54.
 * @param fewest that the round goes on with in any case.
 */
export function enoughOf(
  invited: number,
  selection: { readonly overSelection: number } | undefined,
  fewest = 1,
): number {
  return Math.max(fewest, Math.ceil(invited / (selection?.overSelection ?? 1)));
}

/**
 * Whether overSelection leaves anybody to go on without: where as many must take part as can, it would be a promise that nothing keeps.
 * SPEC F-25.
 * @throws `federation.invalid`.
 */
export function checkSelection({ strategy, cohort }: Federation): void {
  const factor = strategy.selection?.overSelection ?? 1;
  const { minParticipants, groupSize } = cohort;
  if (factor <= 1 || mostParticipants(cohort) > groupSize) return;
  const enough = enoughOf(groupSize, strategy.selection);
  check(
    minParticipants < groupSize,
    'federation.invalid',
    `Of ${groupSize} that are invited ${enough} would do, ⌈${groupSize} / ${factor}⌉, but no round goes on with fewer than ${minParticipants}.`,
    {
      path: 'strategy.selection.overSelection',
      expected: `1, or a cohort.minParticipants of at most ${enough}`,
      received: `${factor} with minParticipants ${minParticipants} and groupSize ${groupSize}`,
    },
  );
}
