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
const baseOf = (hash: string, version = 0) => ({ hash, version });
const taken = (baseHash: string, ...survivors: ParticipantId[]) => ({ round: 1, baseHash, survivors });

test('Y-03: it changes once the update was taken, and survives a reload', async () => {
  const { memory, store } = memoryOn();
  expect(await memory.load('variate')).toBeUndefined();
  memory.propose('variate', baseOf('base'), Float32Array.of(1));
  expect(await memory.load('variate')).toBeUndefined();
  memory.settle(taken('base', self!, other!));
  expect(await memory.load('variate')).toEqual(Float32Array.of(1));
  expect(await store.loadMemory(KEY)).toEqual(Float32Array.of(1));
  expect(await memoryOn(store).memory.load('variate')).toEqual(Float32Array.of(1));
});

test('Y-03: a round without this device, or from another base, changes nothing', async () => {
  const { memory, store } = memoryOn();
  await store.saveMemory(KEY, Float32Array.of(7));
  memory.propose('variate', baseOf('base'), Float32Array.of(1));
  memory.settle(taken('base', other!));
  memory.settle(taken('another', self!));
  expect(await memory.load('variate')).toEqual(Float32Array.of(7));
  // A later word on the same base: that attempt had this device.
  memory.settle(taken('base', self!));
  expect(await memory.load('variate')).toEqual(Float32Array.of(1));
});

test('Y-03: of two trainings from one base the last counts; what was kept is not kept again', async () => {
  const { memory, store } = memoryOn();
  memory.propose('variate', baseOf('base'), Float32Array.of(1));
  memory.propose('variate', baseOf('base'), Float32Array.of(2));
  memory.settle(taken('base', self!));
  await store.saveMemory(KEY, Float32Array.of(9));
  memory.settle(taken('base', self!));
  expect(await memory.load('variate')).toEqual(Float32Array.of(2));
  expect(await store.loadMemory(KEY)).toEqual(Float32Array.of(9));
});

test('Y-03: kinds are kept apart', async () => {
  const { memory } = memoryOn();
  memory.propose('variate', baseOf('base'), Float32Array.of(1));
  memory.propose('residual', baseOf('base'), Float32Array.of(2));
  memory.settle(taken('base', self!));
  expect(await memory.load('residual')).toEqual(Float32Array.of(2));
});

test('Y-03: one that cannot be read begins at zero; one that cannot be written is kept in memory; both are told', async () => {
  const broken = memoryStore();
  broken.failWrites('storage.full');
  const store = { ...broken, loadMemory: () => Promise.reject(new Error('gone')) };
  const { memory, faults } = memoryOn(store);
  expect(await memory.load('variate')).toBeUndefined();
  memory.propose('variate', baseOf('base'), Float32Array.of(1));
  memory.settle(taken('base', self!));
  expect(await memory.load('variate')).toEqual(Float32Array.of(1));
  await new Promise((resolve) => setImmediate(resolve));
  expect(faults).toEqual([
    expect.objectContaining({ message: 'gone' }),
    expect.objectContaining({ code: 'storage.full' }),
  ]);
});

test('Y-05: whoever missed the record of its round asks for it, and is settled by it', async () => {
  const { memory, store, faults } = memoryOn();
  await store.saveMemory(KEY, Float32Array.of(7));
  expect(await memory.load('variate')).toEqual(Float32Array.of(7));
  memory.propose('variate', baseOf('base', 4), Float32Array.of(1));
  expect(memory.missing(baseOf('next', 6)), 'nothing left the device').toBeUndefined();
  await memory.leave();
  expect(memory.missing(baseOf('base', 4)), 'its round may be tried again').toBeUndefined();
  expect(memory.missing(baseOf('next', 6))).toBe(5);
  expect(memory.missing(baseOf('base', 6)), 'the run went back to it').toBe(5);
  memory.settle({ round: 7, baseHash: 'base', survivors: [self!] });
  expect(memory.missing(baseOf('next', 6)), 'that was another round').toBe(5);
  memory.settle({ round: 5, baseHash: 'base', survivors: [self!] });
  expect(memory.missing(baseOf('next', 6))).toBeUndefined();
  memory.close(baseOf('next', 6));
  expect(await memory.load('variate')).toEqual(Float32Array.of(1));
  expect(await store.loadMemory(KEY)).toEqual(Float32Array.of(1));
  expect(faults).toEqual([]);
});

test('Y-05: whoever was left out keeps what it had', async () => {
  const { memory, store, faults } = memoryOn();
  await store.saveMemory(KEY, Float32Array.of(7));
  await memory.load('variate');
  memory.propose('variate', baseOf('base'), Float32Array.of(1));
  await memory.leave();
  memory.settle(taken('base', other!));
  expect(memory.missing(baseOf('next', 1))).toBeUndefined();
  memory.close(baseOf('next', 1));
  expect(await memory.load('variate')).toEqual(Float32Array.of(7));
  expect(await memoryOn(store).memory.load('variate')).toEqual(Float32Array.of(7));
  expect(faults).toEqual([]);
});

test('Y-05: where nobody tells, it is dropped, and said so', async () => {
  const { memory, store, faults } = memoryOn();
  await store.saveMemory(KEY, Float32Array.of(7));
  await memory.load('variate');
  memory.propose('variate', baseOf('base'), Float32Array.of(1));
  await memory.leave();
  memory.close(baseOf('next', 1));
  expect(await memory.load('variate')).toBeUndefined();
  expect(await memoryOn(store).memory.load('variate')).toBeUndefined();
  expect(faults).toEqual([expect.objectContaining({ code: 'round.outcome-unknown' })]);
});

test('Y-05: whoever is reloaded while its update is out drops what it had, and says so once', async () => {
  const { memory, store } = memoryOn();
  await store.saveMemory(KEY, Float32Array.of(7));
  await memory.load('variate');
  memory.propose('variate', baseOf('base'), Float32Array.of(1));
  const early = memoryOn(store);
  expect(await early.memory.load('variate'), 'nothing left the device').toEqual(Float32Array.of(7));
  await memory.leave();
  const { memory: again, faults } = memoryOn(store);
  again.settle(taken('base', self!));
  expect(await again.load('variate')).toBeUndefined();
  expect(await again.load('variate')).toBeUndefined();
  expect(faults).toEqual([expect.objectContaining({ code: 'round.outcome-unknown' })]);
});
