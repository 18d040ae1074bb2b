import { readLedgers } from '../storage/index.ts';
import type { LedgerService } from './services.ts';

/** The ledgers of all datasets this device ever trained on. */
export function deviceLedger(): LedgerService {
  return {
    async count() {
      return [...(await readLedgers()).values()].reduce((sum, chain) => sum + chain.length, 0);
    },
    async export() {
      const ledgers = Object.fromEntries(await readLedgers());
      return new Blob([JSON.stringify({ format: 'murmuration/ledger', ledgers }, null, 2)], {
        type: 'application/json',
      });
    },
  };
}
