import { stalenessWeight } from '../aggregate/index.ts';
import { weighsStaleness, weightOf } from '../compress/index.ts';
import type { Federation } from '../federation/index.ts';
import type { PaceLimits } from './participant/state.ts';

/** What the federation's document says of asynchronous rounds, for the machines. docs/SPEC.md, section 19. */

/** @returns undefined where everyone trains when invited. @param examples local ones. */
export function paceOf(federation: Federation, examples: number): PaceLimits | undefined {
  const maxStaleness = maxStalenessOf(federation);
  if (maxStaleness === undefined) return undefined;
  const { participant, record } = federation.privacy;
  return {
    maxStaleness,
    isNoised: participant !== undefined || record !== undefined,
    weightAt: (staleness) => weightOf(federation, examples, stalenessFactor(federation, staleness)),
  };
}

/** Versions that an update may be behind; undefined where everyone trains when invited. */
export function maxStalenessOf({ strategy }: Pick<Federation, 'strategy'>): number | undefined {
  return strategy.type === 'fedbuff' ? strategy.maxStaleness : undefined;
}

/** What an update counts that is so many versions behind; 1 where staleness is not weighed. SPEC E-03. */
export function stalenessFactor(federation: Pick<Federation, 'strategy'>, staleness = 0): number {
  const { strategy } = federation;
  if (strategy.type !== 'fedbuff' || !weighsStaleness(federation)) return 1;
  return stalenessWeight(staleness, strategy.stalenessExponent);
}
