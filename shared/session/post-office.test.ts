import { expect, test } from 'vitest';
import { ALICE, BOB } from '../testing/session-fixtures.ts';
import { createVirtualClock } from '../testing/virtual-clock.ts';
import type { SendOptions, SendOutcome, Transport } from '../transport/port.ts';
import { createPostOffice } from './post-office.ts';

const bytes = new Uint8Array(10);
const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Gives the outcomes in turn, the last one for ever; remembers when it was asked. */
function office(outcomes: SendOutcome['kind'][]) {
  const clock = createVirtualClock();
  const asked: { atMs: number; options: SendOptions }[] = [];
  const startMs = clock.nowMs();
  const transport: Transport = {
    self: ALICE,
    incarnation: 1,
    async send(_to, _bytes, options = {}) {
      asked.push({ atMs: clock.nowMs() - startMs, options });
      const kind = outcomes[Math.min(asked.length, outcomes.length) - 1]!;
      return kind === 'delivered' ? { kind, path: 'direct' } : { kind };
    },
    subscribe: () => () => undefined,
    peers: () => new Map(),
    close: async () => undefined,
  };
  return { post: createPostOffice(transport, clock), clock, asked };
}

async function runOut({ clock }: ReturnType<typeof office>): Promise<void> {
  await settle();
  while (clock.step()) await settle();
}

test('T-01: tries again with growing pauses until it is delivered', async () => {
  const world = office(['unreachable', 'timed-out', 'unreachable', 'delivered']);
  const outcome = world.post.post(BOB, bytes, 'tag');
  await runOut(world);
  expect(await outcome).toBe('delivered');
  expect(world.asked.map(({ atMs }) => atMs)).toEqual([0, 250, 750, 1750]);
});

test('gives up by itself after the last pause', async () => {
  const world = office(['unreachable']);
  const outcome = world.post.post(BOB, bytes, undefined);
  await runOut(world);
  expect(await outcome).toBe('undelivered');
  expect(world.asked).toHaveLength(5);
});

test('cancelling a tag ends its sends, in a pause or under way, and no others', async () => {
  const world = office(['unreachable']);
  const ended = world.post.post(BOB, bytes, 'a');
  const other = world.post.post(BOB, bytes, 'b');
  await settle();
  world.post.cancel('a');
  expect(world.asked[0]!.options.signal?.aborted).toBe(true);
  expect(world.asked[1]!.options.signal?.aborted).toBe(false);
  await runOut(world);
  expect(await ended).toBe('cancelled');
  expect(await other).toBe('undelivered');
});

test('a tag that was cancelled can be used again', async () => {
  const world = office(['delivered']);
  world.post.cancel('a');
  expect(await world.post.post(BOB, bytes, 'a')).toBe('delivered');
});

test('closing ends everything', async () => {
  const world = office(['unreachable']);
  const outcomes = [world.post.post(BOB, bytes, 'a'), world.post.post(BOB, bytes, undefined)];
  await settle();
  world.post.close();
  expect(await Promise.all(outcomes)).toEqual(['cancelled', 'cancelled']);
  expect(world.clock.step()).toBe(false); // no timer is left behind
});

test('a large message has longer to be acknowledged', async () => {
  const world = office(['delivered']);
  await world.post.post(BOB, bytes, undefined);
  await world.post.post(BOB, new Uint8Array(1_000_000), undefined);
  expect(world.asked.map(({ options }) => options.timeoutMs)).toEqual([5000.1, 15_000]);
});
