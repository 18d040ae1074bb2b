import { describe, expect, test } from 'vitest';
import { type SeededRandom, seededRandom } from '../random/index.ts';
import { createSteppedClock } from '../testing/stepped-clock.ts';
import type { SendOutcome } from './port.ts';
import { createInbox, type InboxMessage } from './server-inbox.ts';
import { createOutbox, type OutgoingMessage, WINDOW } from './server-outbox.ts';

type Sent = { readonly number: number; readonly oldest: number; readonly bytes: Uint8Array<ArrayBuffer> };
const byte = (value: number) => Uint8Array.of(value);

function makeOutbox() {
  const clock = createSteppedClock();
  const sent: Sent[] = [];
  const floors: number[] = [];
  const outbox = createOutbox({
    stream: 9,
    path: 'server',
    clock,
    transmit: ({ number, bytes }: OutgoingMessage) => sent.push({ number, oldest: outbox.oldest, bytes }),
    announceFloor: (oldest) => floors.push(oldest),
  });
  return { clock, sent, floors, outbox };
}

function makeInbox(maxHeldBytes = 1000) {
  const delivered: number[] = [];
  const inbox = createInbox({ maxHeldBytes, deliver: (bytes) => delivered.push(bytes[0]!) });
  const accept = (number: number, oldest = 0, stream = 9, bytes = byte(number)) =>
    inbox.accept({ stream, number, oldest, bytes } satisfies InboxMessage);
  return { inbox, delivered, accept };
}

describe('outbox', () => {
  test('sends nothing until resumed, then everything in order, and again after a break', async () => {
    const { outbox, sent } = makeOutbox();
    const outcomes = [outbox.send(byte(10)), outbox.send(byte(11))];
    expect(sent).toEqual([]);
    outbox.resume();
    expect(sent.map(({ number }) => number)).toEqual([0, 1]);
    outbox.acknowledge(9, 0);
    outbox.pause();
    outbox.resume();
    expect(sent.map(({ number }) => number)).toEqual([0, 1, 1]);
    outbox.acknowledge(8, 1); // of another stream: means nothing
    expect(outbox.oldest).toBe(1);
    outbox.acknowledge(9, 1);
    expect(await Promise.all(outcomes)).toEqual(Array(2).fill({ kind: 'delivered', path: 'server' }));
  });

  test('no more than a window is on its way', () => {
    const { outbox, sent } = makeOutbox();
    outbox.resume();
    for (let i = 0; i < WINDOW + 5; i++) void outbox.send(byte(i));
    expect(sent.length).toBe(WINDOW);
    outbox.acknowledge(9, 1); // not the oldest: the window stays
    expect(sent.length).toBe(WINDOW);
    outbox.acknowledge(9, 0);
    expect(sent.length).toBe(WINDOW + 2);
    outbox.end('aborted');
  });

  test('a time-out is an outcome, and tells the receiver not to wait', async () => {
    const { outbox, clock, floors, sent } = makeOutbox();
    outbox.resume();
    const late = outbox.send(byte(0), { timeoutMs: 100 });
    void outbox.send(byte(1), { timeoutMs: 1000 });
    await clock.advance(100);
    expect(await late).toEqual({ kind: 'timed-out' });
    expect(floors).toEqual([1]);
    expect(sent.length).toBe(2);
    outbox.end('aborted');
  });

  test('a floor is told when it passes an abandoned message, not before', async () => {
    const { outbox, floors } = makeOutbox();
    outbox.resume();
    const abort = new AbortController();
    void outbox.send(byte(0));
    const second = outbox.send(byte(1), { signal: abort.signal });
    void outbox.send(byte(2));
    abort.abort();
    expect(await second).toEqual({ kind: 'aborted' });
    expect(floors).toEqual([]);
    outbox.acknowledge(9, 0);
    expect(floors).toEqual([2]);
    outbox.end('aborted');
  });

  test('when the path is lost, what was sent may have arrived and what was not sent did not', async () => {
    const { outbox } = makeOutbox();
    outbox.resume();
    const sent = outbox.send(byte(0));
    outbox.pause();
    const unsent = outbox.send(byte(1));
    outbox.end('lost');
    expect(await Promise.all([sent, unsent])).toEqual([{ kind: 'timed-out' }, { kind: 'unreachable' }]);
    const abort = new AbortController();
    abort.abort();
    expect(await outbox.send(byte(2), { signal: abort.signal })).toEqual({ kind: 'aborted' });
  });
});

describe('inbox', () => {
  test('hands on in order, each once', () => {
    const { inbox, delivered, accept } = makeInbox();
    accept(1);
    accept(2);
    expect(delivered).toEqual([]);
    expect(inbox.has(9, 2)).toBe(true);
    accept(0);
    accept(0);
    accept(2);
    expect(delivered).toEqual([0, 1, 2]);
    expect(inbox.has(9, 3)).toBe(false);
    expect(inbox.has(8, 0)).toBe(false);
  });

  test('a floor lets what waits behind abandoned messages through, and no later copy of those', () => {
    const { inbox, delivered, accept } = makeInbox();
    accept(2);
    accept(5);
    inbox.raiseFloor(9, 4);
    expect(delivered).toEqual([2]);
    accept(3);
    expect(delivered).toEqual([2]);
    accept(4, 4);
    expect(delivered).toEqual([2, 4, 5]);
  });

  test('another stream voids the one before', () => {
    const { delivered, accept } = makeInbox();
    accept(0);
    accept(2);
    accept(7, 7, 10);
    accept(8, 7, 10);
    expect(delivered).toEqual([0, 7, 8]);
  });

  test('refuses numbers outside the window and more bytes than it may hold', () => {
    const { delivered, accept } = makeInbox(2);
    expect(() => accept(WINDOW)).toThrow(/too far ahead/);
    accept(1);
    accept(2);
    expect(() => accept(3)).toThrow(/waits for an earlier message/);
    accept(0);
    expect(delivered).toEqual([0, 1, 2]);
  });
});

describe('outbox and inbox together', () => {
  /** A path that loses, repeats and reorders until the connection breaks, and then starts anew. */
  async function run(dice: SeededRandom) {
    const clock = createSteppedClock();
    const delivered: number[] = [];
    const inbox = createInbox({ maxHeldBytes: 10_000, deliver: (bytes) => delivered.push(bytes[0]!) });
    let wire: (() => void)[] = [];
    const outbox = createOutbox({
      stream: 1,
      path: 'server',
      clock,
      transmit({ number, bytes }) {
        const { oldest } = outbox;
        wire.push(() => {
          inbox.accept({ stream: 1, number, oldest, bytes });
          wire.push(() => outbox.acknowledge(1, number));
        });
      },
      announceFloor: (oldest) => wire.push(() => inbox.raiseFloor(1, oldest)),
    });
    const outcomes: Promise<SendOutcome>[] = [];
    const aborts: AbortController[] = [];
    outbox.resume();
    for (let turn = 0; turn < 400; turn++) {
      const choice = dice.below(20);
      if (choice < 6 && outcomes.length < 200) {
        const abort = new AbortController();
        aborts.push(abort);
        outcomes.push(outbox.send(byte(outcomes.length), { signal: abort.signal, timeoutMs: 1e9 }));
      } else if (choice === 6 && aborts.length > 0) {
        aborts[dice.below(aborts.length)]!.abort();
      } else if (choice === 7) {
        outbox.pause();
        wire = []; // the connection broke, with all that was on it
        outbox.resume();
      } else if (wire.length > 0) {
        const [deliver] = wire.splice(dice.below(Math.min(4, wire.length)), 1); // HTTP overtakes frames
        deliver!();
      }
    }
    outbox.pause();
    wire = [];
    outbox.resume();
    while (wire.length > 0) wire.shift()!();
    return { delivered, outcomes: await Promise.all(outcomes) };
  }

  test('every interleaving delivers in order, once, and all that was not aborted', async () => {
    for (let seed = 0; seed < 100; seed++) {
      const { delivered, outcomes } = await run(seededRandom(`server-stream-${seed}`));
      const sorted = [...new Set(delivered)].sort((a, b) => a - b);
      expect(delivered, `seed ${seed}`).toEqual(sorted);
      const promised = outcomes.flatMap(({ kind }, i) => (kind === 'delivered' ? [i] : []));
      const missing = promised.filter((number) => !delivered.includes(number));
      expect(missing, `seed ${seed}`).toEqual([]);
      expect(outcomes.every(({ kind }) => kind === 'delivered' || kind === 'aborted')).toBe(true);
    }
  });
});
