import type { Federation } from './document.ts';
import { combinesGroups, isPlainMean } from './robust-rules.ts';

/** What is looked at one by one, rather than added up. */
export type Inspected = 'nothing' | 'update' | 'noisy-update' | 'group-sum';

/** A robust rule has to see what it puts together: the server sees it too. */
export function inspectedBy(federation: Pick<Federation, 'strategy' | 'privacy' | 'cohort'>): Inspected {
  const { robust } = federation.strategy;
  if (robust === undefined || isPlainMean(robust)) return 'nothing';
  if (combinesGroups(federation)) return 'group-sum';
  return federation.privacy.participant?.trust === 'local' ? 'noisy-update' : 'update';
}
