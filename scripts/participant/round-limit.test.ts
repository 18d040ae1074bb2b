import { expect, test } from 'vitest';
import type { LedgerEntry } from '../../shared/ledger/index.ts';
import { memoryStore } from '../../shared/testing/memory-store.ts';
import { limitedRounds, roundsReleased } from './round-limit.ts';

const entry = (round: number, more: Partial<LedgerEntry> = {}): LedgerEntry => ({
  dataset: 'd',
  federation: 'f',
  run: 'run',
  round,
  atMs: 0,
  event: { mechanism: 'none', released: 'update', clipNorm: 1, weight: 1 },
  ...more,
});

function limited(most: number | undefined) {
  const store = memoryStore();
  const ledger = async () => store.ledgerOf('d');
  return { store, ledger, limited: limitedRounds(store, most, ledger, 'f') };
}

test('updates of so many rounds leave, and another attempt at one of them, and no more', async () => {
  const { store, limited: limitedStore } = limited(2);
  await limitedStore.appendLedger(entry(1));
  await limitedStore.appendLedger(entry(4));
  await limitedStore.appendLedger(entry(4));
  for (const refused of [limitedStore.permitRelease(entry(5)), limitedStore.appendLedger(entry(5))])
    await expect(refused).rejects.toMatchObject({ code: 'round.refused', facts: { path: 'maxRounds' } });
  expect(store.ledgerOf('d')).toHaveLength(3);
  expect(roundsReleased(store.ledgerOf('d'), 'f')).toBe(2);
});

test('other federations, and counts of right predictions, are no rounds of this one', async () => {
  const { store, limited: limitedStore } = limited(1);
  await store.appendLedger(entry(1, { federation: 'g', run: 'other' }));
  await limitedStore.appendLedger(entry(1, { event: { mechanism: 'none', released: 'local-metrics' } }));
  expect(roundsReleased(store.ledgerOf('d'), 'f')).toBe(0);
  await limitedStore.appendLedger(entry(1));
  await limitedStore.appendLedger(entry(1, { event: { mechanism: 'none', released: 'local-metrics' } }));
});

test('without a limit it is the store itself', () => {
  const { store, limited: limitedStore } = limited(undefined);
  expect(limitedStore).toBe(store);
});
