import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { createWorld, type World } from '../../shared/testing/session-world.ts';
import { compileModel } from '../../shared/training/index.ts';
import { makeModel } from '../../shared/update/index.ts';
import { createEngineBoard } from '../engines/engine-board.ts';
import { silentLog } from '../testing/silent-log.ts';
import { heldOutFiles } from './held-out-files.ts';
import { createJudges } from './judges.ts';

vi.setConfig({ testTimeout: 60_000 });

/** Of nothing but zeros a model says what its bias is for. */
const setOf = (labels: string) =>
  new TextEncoder().encode(
    JSON.stringify([...labels].map((label) => ({ features: [0, 0, 0, 0, 0], label }))),
  );
const FIRST = setOf('aaaaaaaaaa');
const SECOND = setOf('bbbbbbbbba');

test('Q-26: after the held-out set was replaced, scores of the old one take nothing back, and the best is found anew', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'murmuration-'));
  const files = heldOutFiles(folder);
  const judges = createJudges({ files, board: createEngineBoard(), log: silentLog });
  const never = new AbortController().signal;
  let isReplaced = false;
  /** What is computed in real time is waited for before simulated time goes on. */
  const underWay = new Set<Promise<unknown>>();
  const world: World = createWorld({
    seed: 'replaced',
    participants: 3,
    rounds: 6,
    evaluation: 'server',
    strategy: { type: 'fedavg', weighting: 'uniform', rollback: { afterRounds: 2, threshold: 0.05 } },
    // Versions 1 and 2 say a, 3 and 4 say b, 5 and 6 say c.
    delta(_id, { version }) {
      const delta = new Float32Array(24);
      const said = Math.floor(version / 2);
      if (version % 2 === 0 && said > 0) delta[20 + said - 1] = -5;
      delta[20 + said] = version % 2 === 0 ? 5 : 0.1;
      return delta;
    },
    judge: {
      evaluate(model) {
        const work = (async () => {
          const judge = judges.judgeOf(world.federation);
          if (model.version === 3 && !isReplaced) {
            isReplaced = true;
            await files.put(world.federation, 'json', SECOND);
            judges.reload(world.federation.id);
          }
          // The simulated federation names its parameters in its own way.
          const { layout } = compileModel(world.federation);
          return judge.evaluate(makeModel(model.version, layout, model.weights), never);
        })();
        underWay.add(work);
        void work.finally(() => underWay.delete(work)).catch(() => undefined);
        return work;
      },
    },
    async flush() {
      await new Promise<void>((resolve) => setImmediate(resolve));
      await Promise.allSettled(underWay);
    },
  });
  try {
    await files.put(world.federation, 'json', FIRST);
    for (const id of ['server' as const, ...world.ids]) world.start(id);
    const isOver = () => world.nodes.get('server')?.state.coordinator?.status.name === 'finished';
    expect(await world.run(isOver, 600_000)).toBe(true);
    // 90 % of the second set would be two versions in a row worse than 100 % of the first.
    expect(world.records.map(({ round, rollback }) => [round, rollback?.to])).toEqual([
      [1, undefined],
      [2, undefined],
      [3, undefined],
      [4, undefined],
      [5, undefined],
      [6, undefined],
      [7, 3],
    ]);
    const { best } = world.nodes.get('server')!.state.coordinator!.standing;
    expect(best).toMatchObject({
      model: { version: 3, hash: world.records[2]!.hash },
      evaluation: { total: 10, correct: 9, heldOut: expect.stringMatching(/^[0-9a-f]{64}$/) },
    });
  } finally {
    await judges.close();
    await rm(folder, { recursive: true });
  }
});
