import { readLedgers } from '../storage/index.ts';
import type { LedgerService } from './services.ts';

/** The ledgers of all datasets this device ever trained on. */
export function deviceLedger(): LedgerService {
  return {
    async count() {
      return [...(await readLedgers()).values()].reduce((sum, chain) => sum + chain.length, 0);
    },
    async recent(limit) {
      const entries = [...(await readLedgers()).values()].flat().map(({ entry }) => entry);
      return entries.sort((a, b) => b.atMs - a.atMs).slice(0, limit);
    },
    async export() {
      const ledgers = Object.fromEntries(await readLedgers());
      return new Blob([JSON.stringify({ format: 'murmuration/ledger', ledgers }, null, 2)], {
        type: 'application/json',
      });
    },
  };
}
