import { describe, test } from 'vitest';
import { type StoreHarness, storeCases } from './store-cases.ts';

/** Holds an implementation of the Store port to its contract. Every case gets a fresh, empty store. */
export function storeContract(
  name: string,
  makeStore: () => Promise<StoreHarness>,
  offers: {
    readonly reopen: boolean;
    readonly readLedger: boolean;
    readonly limits?: boolean;
    readonly memory?: boolean;
  },
): void {
  describe(`${name} keeps the contract of a store`, () => {
    for (const { name: caseName, needs, run } of storeCases) {
      if (needs !== undefined && !offers[needs]) continue;
      test(caseName, async () => {
        const harness = await makeStore();
        try {
          await run(harness);
        } finally {
          await harness.close();
        }
      });
    }
  });
}
