import { expect, test } from 'vitest';
import type { Strategy } from '../aggregate/index.ts';
import type { Federation } from '../federation/index.ts';
import { modelOf } from '../testing/session-fixtures.ts';
import { workLocally } from './local-work.ts';
import type { RoundMemory } from './round-memory.ts';

const sendsHalf = {
  training: {
    optimizer: { type: 'sgd', learningRate: 0.1 },
    schedule: { warmupRounds: 0, decay: { type: 'none' } },
  },
  strategy: { type: 'fedavg', compression: { topK: 0.5, entropyCoding: false } },
  privacy: { secureAggregation: 'none' },
} as unknown as Federation;
const passesOn: Pick<Strategy, 'remembers' | 'prepare' | 'contribute'> = {
  remembers: false,
  prepare: () => ({}),
  contribute: ({ update }) => ({ update, extras: new Float32Array(), memory: undefined }),
};

/** [4, 1, 3, 2] is trained. @returns what is sent, and what waits. */
async function sentBeside(residual: Float32Array<ArrayBuffer> | undefined) {
  const proposed: Float32Array[] = [];
  const memory: RoundMemory = {
    load: async () => residual,
    propose: (_kind, _base, vector) => proposed.push(vector),
    leave: async () => undefined,
    settle: () => undefined,
    missing: () => undefined,
    close: () => undefined,
  };
  const { update } = await workLocally({
    strategy: passesOn as Strategy,
    federation: sendsHalf,
    trainer: {
      train: async () => ({
        update: { layoutHash: 'l', delta: Float32Array.of(4, 1, 3, 2), examples: 1 },
        loss: 1,
      }),
    },
    job: { base: modelOf(0), seed: 's', signal: new AbortController().signal },
    memory,
  });
  return { sent: [...update.delta], waiting: proposed.map((vector) => [...vector]) };
}

test('Z-13: what was not sent before is sent when it has come to be large', async () => {
  expect(await sentBeside(undefined)).toEqual({ sent: [4, 0, 3, 0], waiting: [[0, 1, 0, 2]] });
  expect(await sentBeside(Float32Array.of(0, 1, 0, 2))).toEqual({
    sent: [4, 0, 0, 4],
    waiting: [[0, 2, 3, 0]],
  });
});

test('Y-03: what is left of another model begins again at zero', async () => {
  expect(await sentBeside(Float32Array.of(9, 9))).toEqual({ sent: [4, 0, 3, 0], waiting: [[0, 1, 0, 2]] });
});
