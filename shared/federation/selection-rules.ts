import { check } from '../errors/index.ts';
import type { Federation } from './document.ts';
import { mostParticipants } from './group-limits.ts';

/**
 * Whether overSelection leaves anybody to go on without: where as many must take part as can, it would be a promise that nothing keeps.
 * SPEC F-25.
 * @throws `federation.invalid`.
 */
export function checkSelection({ strategy, cohort }: Federation): void {
  const factor = strategy.selection?.overSelection ?? 1;
  const { minParticipants, groupSize } = cohort;
  if (factor <= 1 || mostParticipants(cohort) > groupSize) return;
  const enough = Math.ceil(groupSize / factor);
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
