import { describe, expect, test, vi } from 'vitest';
import { SERVER } from '../identity/index.ts';
import { createWorld, type World, type WorldOptions } from '../testing/session-world.ts';
import type { Message } from '../wire/index.ts';
import type { CoordinatorOrder } from './coordinator/orders.ts';

// Whole sessions with cryptography, on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 });

const flush = () => new Promise<void>((resolve) => setImmediate(resolve));
const HOLD: CoordinatorOrder = { name: 'hold', reason: 'Paused.' };
const HALT: CoordinatorOrder = { name: 'halt', reason: 'Stopped.' };
const GO: CoordinatorOrder = { name: 'go' };
const END: CoordinatorOrder = { name: 'end', reason: 'stopped' };
/** Virtual: enough for every deadline of a round to pass. */
const LONG_MS = 600_000;

/** What passes to or from the server while a round of this kind is under way: each marks a moment at which an order may come. */
type Moments = readonly Message['type'][];
const FIRST = ['invite', 'uploaded', 'plan'] as const;
const KEYS = ['keys', 'shares', 'confirm'] as const;

const KINDS: Readonly<
  Record<string, { readonly options: Partial<WorldOptions>; readonly moments: Moments }>
> = {
  'a secure round in a mesh': {
    options: { secure: true },
    moments: [...FIRST, ...KEYS, 'applied'],
  },
  'a secure round at the server': {
    options: { secure: true, paths: ['server'] },
    moments: [...FIRST, ...KEYS, 'slice', 'sum', 'applied'],
  },
  'a secure round of several groups': {
    options: { participants: 8, groupSize: 4, secure: true, paths: ['server'] },
    moments: [...FIRST, ...KEYS, 'draw', 'nonce', 'summed', 'total'],
  },
  'an asynchronous round': {
    options: { strategy: { type: 'fedbuff', maxStaleness: 5 }, paths: ['server'] },
    moments: [...FIRST, 'ready', 'slice', 'applied'],
  },
  'a secure asynchronous round': {
    options: { strategy: { type: 'fedbuff', maxStaleness: 5 }, secure: true },
    moments: [...FIRST, ...KEYS, 'ready', 'applied'],
  },
};

/** A federation whose server gets an order at the first message of this type in its first round. */
function orderedAt(moment: Message['type'], options: Partial<WorldOptions>, order: CoordinatorOrder) {
  let isGiven = false;
  const world: World = createWorld({
    seed: `${moment}/${order.name}`,
    participants: 4,
    rounds: 2,
    minParticipants: 3,
    evaluation: 'none',
    flush,
    ...options,
    onSaid(from, to, { type }) {
      if (isGiven || type !== moment || (from !== SERVER && to !== SERVER)) return;
      isGiven = true;
      give(order);
    },
  });
  const coordinator = () => world.nodes.get(SERVER)!.state.coordinator!;
  const give = (what: CoordinatorOrder) => world.clock.after(0, () => world.nodes.get(SERVER)!.order(what));
  world.start(SERVER);
  for (const id of world.ids) world.start(id);
  return {
    world,
    give,
    coordinator,
    isGiven: () => world.run(() => isGiven, LONG_MS),
    isIdle: () => world.run(() => coordinator().status.name === 'gathering', LONG_MS),
    /** Everyone knows of the end. */
    isOver: () =>
      world.run(
        () =>
          coordinator().status.name === 'finished' &&
          world.ids.every((id) => world.nodes.get(id)!.state.participant!.status.name === 'finished'),
        LONG_MS,
      ),
  };
}

function expectExactSums(world: World): void {
  for (const record of world.records)
    expect(record.hash, `round ${record.round}`).toBe(world.expectedHash(record));
}

describe.each(Object.entries(KINDS))('during %s', (_, { options, moments }) => {
  test.each([HOLD, HALT])(
    'J-02 J-04 J-05: a $name at any moment stops, begins nothing, and goes on by order',
    async (order) => {
      for (const moment of moments) {
        const at = orderedAt(moment, options, order);
        expect(await at.isGiven(), moment).toBe(true);
        await at.world.run(() => at.coordinator().hold !== undefined, 1000);
        if (order === HALT) expect(at.coordinator().status.name, moment).toBe('gathering');
        expect(await at.isIdle(), moment).toBe(true);
        const { lastAttempt } = at.coordinator();
        await at.world.run(() => false, 120_000);
        expect(at.coordinator(), moment).toMatchObject({ status: { name: 'gathering' }, lastAttempt });
        at.give(GO);
        expect(await at.isOver(), `${moment}: goes on`).toBe(true);
        expect(
          at.world.records.map(({ round }) => round),
          moment,
        ).toEqual([1, 2]);
        expectExactSums(at.world);
      }
    },
  );

  test('J-04: an end at any moment comes, after the round under way', async () => {
    for (const moment of moments) {
      const at = orderedAt(moment, options, END);
      expect(await at.isGiven(), moment).toBe(true);
      expect(await at.isOver(), moment).toBe(true);
      expect(at.coordinator().status, moment).toEqual({ name: 'finished', reason: 'stopped' });
      expect(at.world.records.length, moment).toBeLessThan(2);
      expectExactSums(at.world);
    }
  });
});
