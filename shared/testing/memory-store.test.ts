import { expect, test } from 'vitest';
import { layoutOf, makeModel } from '../update/index.ts';
import { memoryStore, TRANSCRIPTS_KEPT } from './memory-store.ts';
import { storeContract } from './store-contract.ts';

storeContract(
  'the memory store',
  async () => {
    const store = memoryStore();
    return {
      store,
      readLedger: async (dataset) => store.ledgerOf(dataset),
      readTranscript: store.readTranscript,
      transcriptsKept: TRANSCRIPTS_KEPT,
      reopen: async () => store,
      limits: {
        setLimit: async (dataset, limit) => store.setLimit(dataset, limit),
        another: async () => store,
        cutShort: async (dataset) => store.tamper(dataset, (chain) => chain.slice(0, -1)),
        falsify: async (dataset) =>
          store.tamper(dataset, ([first, ...rest]) => [
            { ...first!, entry: { ...first!.entry, round: 99 } },
            ...rest,
          ]),
      },
      close: async () => undefined,
    };
  },
  { reopen: true, readLedger: true, limits: true, memory: true },
);

test('writes fail with the code they were told to, keep what was there, and work again', async () => {
  const store = memoryStore();
  const layout = layoutOf([{ name: 'w', shape: [1] }]);
  await store.saveModel('run', makeModel(1, layout, Float32Array.of(1)));
  store.failWrites('storage.full');
  await expect(store.saveModel('run', makeModel(2, layout, Float32Array.of(2)))).rejects.toMatchObject({
    code: 'storage.full',
  });
  expect((await store.loadModel('run'))?.version).toBe(1);
  store.failWrites(undefined);
  await store.saveModel('run', makeModel(2, layout, Float32Array.of(2)));
  expect((await store.loadModel('run'))?.version).toBe(2);
});
