import { describe, expect, it } from 'vitest';
import { type Host, keepSide } from './host.ts';
import { type Answer, answer, type Side } from './side.ts';

const side: Side = {
  start: async () => 'an abacus',
  prepare: async () => undefined,
  step: async () => {
    throw new Error('The abacus has too few beads.');
  },
  release: async () => undefined,
  products: async () => ({ peakGflops: 1, gflops: [] }),
};
const job = { id: 'a', model: 'mlp', batchSize: 1, isPrivate: false, weights: new Float32Array(0) } as const;

type Fails = Partial<Record<keyof Side, 'dies' | 'hangs'>>;

/** @param fails whether a call of that method ends the far end, or is never answered. */
function hostWhere(fails: Fails): Host & { fails: Fails; opened: number; stopped: number } {
  const host = {
    name: 'test',
    columns: ['ours-wasm'] as const,
    fails,
    opened: 0,
    stopped: 0,
    async open() {
      host.opened++;
      return {
        ask: (call: Parameters<typeof answer>[1]): Promise<Answer> => {
          if (fails[call.method] === 'dies') return Promise.reject(new Error('It died.'));
          if (fails[call.method] === 'hangs') return new Promise(() => undefined);
          return answer(side, call);
        },
        stop: async () => {
          host.stopped++;
        },
      };
    },
    close: async () => undefined,
  };
  return host;
}

describe('a kept side', () => {
  it('says what it runs on, and passes on an error of the side without ending it', async () => {
    const host = hostWhere({});
    const kept = await keepSide(host, 'ours-wasm', 1000);
    expect(kept.device).toBe('an abacus');
    await expect(kept.side.step(['a'], 1)).rejects.toThrow('The abacus has too few beads.');
    await kept.side.release();
    expect(host).toMatchObject({ opened: 1, stopped: 0 });
  });

  it.each(['dies', 'hangs'] as const)(
    'is ended when it %s, and begins anew with the next job',
    async (how) => {
      const host = hostWhere({ release: how });
      const kept = await keepSide(host, 'ours-wasm', 5);
      await expect(kept.side.release()).rejects.toThrow(how === 'dies' ? 'It died.' : 'No answer within');
      expect(host).toMatchObject({ opened: 1, stopped: 1 });
      await expect(kept.side.step(['a'], 1)).rejects.toThrow('It has been stopped.');
      await kept.side.prepare(job);
      expect(host).toMatchObject({ opened: 2, stopped: 1 });
    },
  );

  it('that does not begin anew is ended again, and tries with the job after that', async () => {
    const host = hostWhere({ release: 'dies' });
    const kept = await keepSide(host, 'ours-wasm', 1000);
    await expect(kept.side.release()).rejects.toThrow('It died.');
    host.fails.start = 'dies';
    await expect(kept.side.prepare(job)).rejects.toThrow('It died.');
    expect(host).toMatchObject({ opened: 2, stopped: 2 });
    delete host.fails.start;
    await kept.side.prepare(job);
    expect(host).toMatchObject({ opened: 3, stopped: 2 });
  });

  it('that does not start is ended', async () => {
    const host = hostWhere({ start: 'dies' });
    await expect(keepSide(host, 'ours-wasm', 1000)).rejects.toThrow('It died.');
    expect(host).toMatchObject({ opened: 1, stopped: 1 });
  });
});
