import { afterEach, expect, test, vi } from 'vitest';
import type { WeightedSlice } from '../../shared/aggregate/index.ts';
import { parseFederation } from '../../shared/federation/index.ts';
import { compileModel } from '../../shared/training/index.ts';
import { createEngineBoard } from '../engines/engine-board.ts';
import { silentLog } from '../testing/silent-log.ts';
import { createServerCombine, type ServerCombine } from './combine.ts';

vi.setConfig({ testTimeout: 60_000 });

const federation = parseFederation({
  format: 'murmuration/federation',
  formatVersion: 1,
  id: 'robust',
  name: 'Robust',
  data: { kind: 'records', features: 2, target: { name: 'y', type: 'value' } },
  model: { layers: [{ type: 'dense', units: 1 }], loss: 'meanSquaredError' },
  paths: ['server'],
  cohort: { minParticipants: 3 },
  strategy: { type: 'fedavg', weighting: 'uniform', robust: { rule: { type: 'median' }, byzantine: 1 } },
});
const { layout } = compileModel(federation);
const part = (...values: number[]): WeightedSlice => ({ values: Int32Array.from(values), weight: 1 });
const parts = [part(1, 2, 3), part(3, 2, 1), part(1_000_000, -1_000_000, 2)];

const opened: ServerCombine[] = [];
afterEach(() => Promise.all(opened.splice(0).map(({ close }) => close())));

test('in a thread and at once the same comes out, and the engine is shown', async () => {
  const board = createEngineBoard();
  const common = { federation, layout, board, log: silentLog };
  const [inline, threaded] = [
    createServerCombine(common),
    createServerCombine({ ...common, inlineNumbers: 0 }),
  ];
  opened.push(inline, threaded);
  // The median of each coordinate, times the weight of all.
  const expected = { values: Int32Array.of(9, 6, 6), weight: 3 };
  expect(await inline.combine(parts)).toEqual(expected);
  expect(board.reports).toEqual({});
  expect(await threaded.combine(parts)).toEqual(expected);
  expect(board.reports['aggregation of robust']).toMatchObject({
    name: 'wasm',
    passedOver: [{ name: 'tfjs-node', reason: expect.any(String) }],
  });
  await expect(threaded.combine(parts.slice(1))).rejects.toMatchObject({ code: 'aggregate.too-few' });
  expect(await threaded.combine(parts)).toEqual(expected);
});

test('whoever gives up is answered', async () => {
  const common = { federation, layout, board: createEngineBoard(), log: silentLog };
  const threaded = createServerCombine({ ...common, inlineNumbers: 0 });
  opened.push(threaded);
  await expect(threaded.combine(parts, AbortSignal.abort())).rejects.toMatchObject({
    code: 'training.cancelled',
  });
});
