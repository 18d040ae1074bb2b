import { gather, memory, tensor, tidy } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { disagreement, noise, useBackend } from '../testing.ts';

describe('gather on wasm', () => {
  beforeAll(() => useBackend('wasm'));

  it('copies rows', () => {
    tidy(() => {
      const table = tensor([1, 2, 3, 4, 5, 6], [3, 2]);
      const ids = tensor([2, 0, 2, 1], [2, 2], 'int32');
      const rows = gather(table, ids);
      expect(rows.shape).toEqual([2, 2, 2]);
      expect([...rows.dataSync()]).toEqual([5, 6, 1, 2, 5, 6, 3, 4]);
    });
  });

  it('agrees with the cpu backend on a table larger than the heap began with', async () => {
    const ids = Array.from({ length: 20_000 }, (_, i) => (i * 7919) % 5000);
    const gathered = () => gather(noise('table', [5000, 300]), tensor(ids, [200, 100], 'int32'));
    expect(await disagreement(gathered)).toBe(0);
  });

  it('leaves other gathers to the stock kernel', async () => {
    const columns = () => gather(noise('table', [3, 4]), tensor([3, 1], [2], 'int32'), 1);
    expect(await disagreement(columns)).toBe(0);
    await useBackend('wasm');
    tidy(() => {
      const integers = gather(tensor([1, 2, 3, 4], [2, 2], 'int32'), tensor([1], [1], 'int32'));
      expect([integers.dtype, ...integers.dataSync()]).toEqual(['int32', 3, 4]);
    });
  });

  it('refuses an id that the table does not have, and keeps nothing', () => {
    const before = memory();
    tidy(() => {
      const table = tensor([1, 2], [1, 2]);
      for (const id of [1, -1]) {
        expect(() => gather(table, tensor([id], [1], 'int32'))).toThrow(
          expect.objectContaining({ code: 'argument.invalid' }),
        );
      }
    });
    expect(memory()).toEqual(before);
  });
});
