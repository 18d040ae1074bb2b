import { check } from '../errors/index.ts';
import type { Federation } from './document.ts';
import { isPlainMean } from './robust-rules.ts';

/**
 * What asynchronous rounds ask of the rest of a federation. SPEC F-24.
 * @throws `federation.invalid`, naming the field that does not go with them.
 */
export function checkAsyncRounds({ strategy, privacy }: Federation): void {
  if (strategy.type !== 'fedbuff') return;
  check(
    strategy.selection === undefined,
    'federation.invalid',
    'With fedbuff everyone trains uninvited, and whoever is ready takes part.',
    { path: 'strategy.selection', expected: 'nothing with fedbuff', remedy: 'Leave it out.' },
  );
  const { keep, topK, uploadBytes } = strategy.compression ?? {};
  const field = Object.entries({ keep, topK, uploadBytes }).find(([, value]) => value !== undefined)?.[0];
  check(
    field === undefined,
    'federation.invalid',
    'An update of fedbuff is trained from another model than its round starts from.',
    {
      path: `strategy.compression.${field}`,
      expected: 'nothing with fedbuff',
      remedy: 'Leave it out; strategy.compression.bits and rank go with fedbuff.',
    },
  );
  const isRobust = strategy.robust !== undefined && !isPlainMean(strategy.robust);
  check(
    strategy.stalenessExponent === 0 || (privacy.participant === undefined && !isRobust),
    'federation.invalid',
    isRobust
      ? 'Robust rules weigh everyone the same, and staleness does not.'
      : 'Noise is sized for participants that weigh the same, and by staleness they do not.',
    {
      path: 'strategy.stalenessExponent',
      expected: '0 with privacy.participant or strategy.robust',
      received: String(strategy.stalenessExponent),
      remedy: 'Set it to 0; strategy.maxStaleness still bounds how old an update may be.',
    },
  );
  check(
    privacy.participant?.trust !== 'central',
    'federation.invalid',
    'Noise that the server adds is for rounds that it paces; with fedbuff participants do.',
    {
      path: 'privacy.participant.trust',
      expected: 'distributed or local with fedbuff',
      received: 'central',
    },
  );
}
