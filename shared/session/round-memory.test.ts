import { expect, test } from 'vitest';
import type { ParticipantId } from '../identity/index.ts';
import { memoryStore } from '../testing/memory-store.ts';
import { createRoundMemory } from './round-memory.ts';

const [self, other] = ['me', 'other'] as ParticipantId[];
const KEY = { run: 'run', dataset: 'd', kind: 'variate' } as const;

function memoryOn(store = memoryStore()) {
  const faults: unknown[] = [];
  const memory = createRoundMemory({
    store,
    run: 'run',
    dataset: 'd',
    self: self!,
    onFault: (_, thrown) => faults.push(thrown),
  });
  return { memory, store, faults };
}
const taken = (baseHash: string, ...survivors: ParticipantId[]) => ({ baseHash, survivors });

test('Y-03: it changes once the update was taken, and survives a reload', async () => {
  const { memory, store } = memoryOn();
  expect(await memory.load('variate')).toBeUndefined();
  memory.propose('variate', 'base', Float32Array.of(1));
  expect(await memory.load('variate')).toBeUndefined();
  memory.settle(taken('base', self!, other!));
  expect(await memory.load('variate')).toEqual(Float32Array.of(1));
  expect(await store.loadMemory(KEY)).toEqual(Float32Array.of(1));
  expect(await memoryOn(store).memory.load('variate')).toEqual(Float32Array.of(1));
});

test('Y-03: a round without this device, or from another base, changes nothing', async () => {
  const { memory, store } = memoryOn();
  await store.saveMemory(KEY, Float32Array.of(7));
  memory.propose('variate', 'base', Float32Array.of(1));
  memory.settle(taken('base', other!));
  memory.settle(taken('another', self!));
  expect(await memory.load('variate')).toEqual(Float32Array.of(7));
  // A later word on the same base: that attempt had this device.
  memory.settle(taken('base', self!));
  expect(await memory.load('variate')).toEqual(Float32Array.of(1));
});

test('Y-03: of two trainings from one base the last counts; what was kept is not kept again', async () => {
  const { memory, store } = memoryOn();
  memory.propose('variate', 'base', Float32Array.of(1));
  memory.propose('variate', 'base', Float32Array.of(2));
  memory.settle(taken('base', self!));
  await store.saveMemory(KEY, Float32Array.of(9));
  memory.settle(taken('base', self!));
  expect(await memory.load('variate')).toEqual(Float32Array.of(2));
  expect(await store.loadMemory(KEY)).toEqual(Float32Array.of(9));
});

test('Y-03: kinds are kept apart', async () => {
  const { memory } = memoryOn();
  memory.propose('variate', 'base', Float32Array.of(1));
  memory.propose('residual', 'base', Float32Array.of(2));
  memory.settle(taken('base', self!));
  expect(await memory.load('residual')).toEqual(Float32Array.of(2));
});

test('Y-03: one that cannot be read begins at zero; one that cannot be written is kept in memory; both are told', async () => {
  const broken = memoryStore();
  broken.failWrites('storage.full');
  const store = { ...broken, loadMemory: () => Promise.reject(new Error('gone')) };
  const { memory, faults } = memoryOn(store);
  expect(await memory.load('variate')).toBeUndefined();
  memory.propose('variate', 'base', Float32Array.of(1));
  memory.settle(taken('base', self!));
  expect(await memory.load('variate')).toEqual(Float32Array.of(1));
  await new Promise((resolve) => setImmediate(resolve));
  expect(faults).toEqual([
    expect.objectContaining({ message: 'gone' }),
    expect.objectContaining({ code: 'storage.full' }),
  ]);
});
