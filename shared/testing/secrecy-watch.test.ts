import { describe, expect, test } from 'vitest';
import { type NodeId, type ParticipantId, SERVER } from '../identity/index.ts';
import type { Message, MessageOf } from '../wire/index.ts';
import { createSecrecyWatch } from './secrecy-watch.ts';
import { ALICE, attemptOf, BOB, CAROL, inviteOf, planMessage } from './session-fixtures.ts';
import { createWorld } from './session-world.ts';

const flush = () => new Promise<void>((resolve) => setImmediate(resolve));
const nothing = { participant: undefined, coordinator: undefined } as never;
const bytes = (length: number, value = 0) => new Uint8Array(length).fill(value);

function confirm(signature: number): Message {
  const confirmation = { participant: ALICE, digests: bytes(16), signature: bytes(64, signature) };
  return { type: 'confirm', run: 'run', attempt: attemptOf(), confirmation };
}

function slice(attempt: number, value: number): Message {
  return {
    type: 'slice',
    run: 'run',
    attempt: attemptOf(attempt),
    slice: 0,
    count: 3,
    weight: 1,
    values: bytes(4, value),
  };
}

describe('what the watch over simulated worlds finds', () => {
  test('A-30: a second set of survivors, but not the first said twice', () => {
    const watch = createSecrecyWatch();
    watch.says(ALICE, SERVER, confirm(1), nothing, undefined);
    watch.says(ALICE, SERVER, confirm(1), nothing, undefined);
    expect([...watch.broken]).toEqual([]);
    watch.says(ALICE, SERVER, confirm(2), nothing, undefined);
    expect([...watch.broken]).toEqual([expect.stringContaining('A-30')]);
  });

  test('A-12: another vector for another owner', () => {
    const watch = createSecrecyWatch();
    watch.says(ALICE, BOB, slice(0, 1), nothing, 1);
    watch.says(ALICE, CAROL, slice(0, 1), nothing, 1);
    expect([...watch.broken]).toEqual([]);
    watch.says(ALICE, CAROL, slice(0, 2), nothing, 1);
    expect([...watch.broken]).toEqual([expect.stringContaining('A-12')]);
  });

  test('A-33, A-02: other survivors than before; fewer than three', () => {
    const watch = createSecrecyWatch();
    const name = (...survivors: ParticipantId[]) =>
      watch.says(SERVER, ALICE, planMessage({ survivors }), nothing, undefined);
    name(ALICE, BOB, CAROL);
    name(ALICE, BOB, CAROL);
    expect([...watch.broken]).toEqual([]);
    name(ALICE, BOB);
    expect([...watch.broken]).toEqual([expect.stringContaining('A-33'), expect.stringContaining('A-02')]);
  });

  test('R-01: invitations to two attempts of one name', () => {
    const watch = createSecrecyWatch();
    watch.says(SERVER, ALICE, inviteOf(), nothing, undefined);
    watch.says(SERVER, BOB, inviteOf(), nothing, undefined);
    expect([...watch.broken]).toEqual([]);
    watch.says(CAROL, ALICE, inviteOf(), nothing, undefined);
    expect([...watch.broken]).toEqual([expect.stringContaining('R-01')]);
  });

  test('A-34: an update named among survivors in another attempt; one that was not named may come again', () => {
    const watch = createSecrecyWatch();
    watch.says(ALICE, BOB, slice(0, 1), nothing, 7);
    watch.says(ALICE, BOB, slice(1, 2), nothing, 7);
    expect([...watch.broken]).toEqual([]);
    const named = planMessage({ survivors: [ALICE, BOB, CAROL] as ParticipantId[] }, attemptOf(1));
    watch.says(SERVER, BOB, named, nothing, undefined);
    watch.says(ALICE, BOB, slice(2, 3), nothing, 8);
    expect([...watch.broken]).toEqual([]);
    watch.says(ALICE, BOB, slice(3, 4), nothing, 7);
    expect([...watch.broken]).toEqual([expect.stringContaining('A-34')]);
  });

  test('A-32: the other kind of a share beside the one that was revealed', async () => {
    const plains = new Map<string, Uint8Array>();
    const bundles: MessageOf<'shares'>[] = [];
    const reveals: { readonly holder: NodeId; readonly message: MessageOf<'reveal'> }[] = [];
    const world = createWorld({
      seed: 'reveals',
      participants: 4,
      rounds: 1,
      flush,
      secure: true,
      cheat: (_id, honest) => ({
        ...honest,
        async seal(key, plain, associated) {
          const copy = plain.slice();
          const box = await honest.seal(key, plain, associated);
          plains.set(box.join(), copy);
          return box;
        },
      }),
      onSaid: (from, _to, message) => {
        if (message.type === 'shares') bundles.push(message);
        if (message.type === 'reveal') reveals.push({ holder: from, message });
      },
    });
    world.start(SERVER);
    for (const id of world.ids) world.start(id);
    expect(await world.run(() => reveals.length > 0, 60_000)).toBe(true);
    const { holder, message } = reveals[0]!;
    const bundle = bundles.find(({ shares }) => shares.dealer !== holder)!;
    const { dealer } = bundle.shares;
    const { box } = bundle.boxes.find(({ to }) => to === holder)!;
    // A box holds the share of the self-mask seed and then that of the mask key; everyone survived.
    const share = new Uint8Array(plains.get(box.join())!.slice(32, 64));
    expect([...world.watch.broken]).toEqual([]);
    const state = world.nodes.get(holder)!.state;
    world.watch.says(holder, SERVER, { ...message, shares: [{ dealer, share }] }, state, undefined);
    expect([...world.watch.broken]).toEqual([expect.stringContaining('A-32')]);
    world.watch.says(
      holder,
      SERVER,
      { ...message, shares: [{ dealer, share: bytes(32) }] },
      state,
      undefined,
    );
    expect([...world.watch.broken].at(-1)).toContain('a share of neither kind');
    for (const id of [...world.nodes.keys()]) world.kill(id);
  });
});
