import { check } from '../../shared/errors/index.ts';
import type { ChainedEntry, LedgerEntry } from '../../shared/ledger/index.ts';
import type { Store } from '../../shared/session/index.ts';

/** Rounds of a federation that an update left for, or may have. */
export function roundsReleased(links: readonly ChainedEntry[], federation: string): number {
  const rounds = links
    .map(({ entry }) => entry)
    .filter((entry) => entry.federation === federation && entry.event.released === 'update')
    .map(({ run, round }) => `${run}/${round}`);
  return new Set(rounds).size;
}

/**
 * A store that lets updates of so many rounds leave and no more. Another attempt at a round that was begun is not another round.
 * @param most undefined: no such limit.
 */
export function limitedRounds(
  store: Store,
  most: number | undefined,
  ledger: () => Promise<readonly ChainedEntry[]>,
  federation: string,
): Store {
  if (most === undefined) return store;
  const permit = async (entry: LedgerEntry): Promise<void> => {
    if (entry.event.released !== 'update') return;
    const links = await ledger();
    const isBegun = links.some(({ entry: { run, round } }) => run === entry.run && round === entry.round);
    check(
      isBegun || roundsReleased(links, federation) < most,
      'round.refused',
      'All rounds that were agreed to were made.',
      {
        path: 'maxRounds',
        expected: `at most ${most} rounds`,
        remedy: 'Nothing was sent. Raise maxRounds in the consent file to go on.',
      },
    );
  };
  return {
    ...store,
    async permitRelease(entry) {
      await permit(entry);
      await store.permitRelease(entry);
    },
    async appendLedger(entry) {
      await permit(entry);
      await store.appendLedger(entry);
    },
  };
}
