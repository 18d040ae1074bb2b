import { describe, expect, it } from 'vitest';
import type { Host } from './host.ts';
import { measureModel, openSides, type Plan } from './measure.ts';
import { answer, type Column, type Side } from './side.ts';

const PLAN: Plan = { batchSize: 4, steps: 20, budgetMs: 1000 };

/** Steps that take as long as they say, and write down who took them. */
function hostOf(durations: Partial<Record<Column, number>>, log: string[], broken: string[] = []): Host {
  return {
    name: 'test',
    columns: Object.keys(durations) as Column[],
    open: async (column) => {
      const side: Side = {
        start: async () => 'an abacus',
        prepare: async ({ isPrivate }) => {
          if (isPrivate && broken.includes(column)) throw new Error('There is no noise.\nat somewhere');
        },
        step: async (ids, turns) => {
          for (let turn = 0; turn < turns; turn++) log.push(...ids.map((id) => `${column} ${id}`));
          const ms = Array.from({ length: turns }, () => durations[column]!);
          return ids.map((id) => ({ id, ms, losses: ms.map(() => 1) }));
        },
        release: async () => undefined,
        products: async () => ({ peakGflops: 1, gflops: [] }),
      };
      return { ask: (call) => answer(side, call), stop: async () => undefined };
    },
    close: async () => undefined,
  };
}

async function measure(host: Host) {
  return measureModel('test', 'mlp', await openSides(host, host.columns, 1000), PLAN);
}

describe('measuring a model', () => {
  it('lets the sides take turns, plain and private steps one by one', async () => {
    const log: string[] = [];
    await measure(hostOf({ 'stock-wasm': 1, 'ours-wasm': 1 }, log));
    // Three steps of each to warm up, then ten rounds of two.
    const timed = log.slice(9);
    expect(timed.slice(0, 6)).toEqual([
      'stock-wasm plain',
      'stock-wasm plain',
      'ours-wasm plain',
      'ours-wasm private',
      'ours-wasm plain',
      'ours-wasm private',
    ]);
    expect(timed).toHaveLength(60);
  });

  it('takes fewer steps where they are slow, and one at least', async () => {
    const cells = await measure(hostOf({ 'stock-cpu': 100, 'stock-wasm': 4000 }, []));
    expect(cells.map(({ plain }) => (plain as { steps: number }).steps)).toEqual([10, 1]);
  });

  it('is content with one step of five seconds, and two where the loss has to fall', async () => {
    const log: string[] = [];
    const [stock, ours] = await measure(hostOf({ 'stock-cpu': 6000, 'ours-cpu': 6000 }, log));
    expect(log).toEqual(['stock-cpu plain', 'ours-cpu plain', 'ours-cpu private', 'ours-cpu plain']);
    expect(
      [stock!.plain, ours!.plain, ours!.private].map((timing) => (timing as { steps: number }).steps),
    ).toEqual([1, 1, 1]);
  });

  it('reckons examples and operations from the median', async () => {
    const [cell] = await measure(hostOf({ 'stock-cpu': 2 }, []));
    // 4 examples of 879,200 operations in 2 ms.
    expect(cell).toMatchObject({ private: undefined, plain: { medianMs: 2, examplesPerSecond: 2000 } });
    expect((cell!.plain as { gflops: number }).gflops).toBeCloseTo(1.7584, 10);
  });

  it('goes on with plain steps where private ones fail, and says why in one line', async () => {
    const [cell] = await measure(hostOf({ 'ours-cpu': 1 }, [], ['ours-cpu']));
    expect(cell).toMatchObject({ plain: { steps: 20 }, private: 'There is no noise.' });
  });

  it('says of a side that does not start why it has no figures', async () => {
    const host: Host = {
      ...hostOf({ 'ours-webgpu': 1 }, []),
      open: async () => {
        throw new Error('There is no adapter.');
      },
    };
    const [cell] = await measure(host);
    expect(cell).toMatchObject({ plain: 'There is no adapter.', private: 'There is no adapter.' });
  });
});
