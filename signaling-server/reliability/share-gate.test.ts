import { expect, test } from 'vitest';
import type { ParticipantId } from '../../shared/identity/index.ts';
import { localBus } from '../replicas/local-bus.ts';
import type { Standing } from '../storage/reliability-repository.ts';
import { createGate } from './gate.ts';
import { shareGate } from './share-gate.ts';

const ALICE = 'A'.repeat(22) as ParticipantId;

test('X-04: whoever is blocked on one replica is looked at by all, once, also when they could not hear it', async () => {
  const bus = localBus();
  const standings = {
    standingOf: async () => undefined,
    block: async () => ({ state: 'blocked' }) as Standing,
    clear: async () => [],
  };
  const replicas = [1, 2].map(() => {
    const gate = shareGate(createGate(standings), bus.connect());
    const looked: string[] = [];
    gate.subscribe((participant) => looked.push(participant));
    return { gate, looked };
  });
  const [a, b] = replicas as [(typeof replicas)[0], (typeof replicas)[0]];
  await a.gate.block(ALICE, 'Why.');
  await Promise.resolve();
  expect([a.looked, b.looked]).toEqual([[ALICE], [ALICE]]);

  bus.setUp(false);
  await a.gate.unblock(ALICE);
  await Promise.resolve();
  expect([a.looked.length, b.looked.length]).toEqual([2, 1]);
  bus.setUp(true);
  await Promise.resolve();
  expect([a.looked.length, b.looked.length]).toEqual([2, 2]);

  b.gate.close();
  await a.gate.block(ALICE, 'Why.');
  await Promise.resolve();
  expect(b.looked).toHaveLength(2);
});
