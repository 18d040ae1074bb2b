import { afterEach, describe, expect, test } from 'vitest';
import type { NodeId, ParticipantId } from '../identity/index.ts';
import type { SendOutcome, Transport, TransportEvent } from '../transport/port.ts';

/** Two transports that find each other by themselves. */
export interface TransportPair {
  readonly a: Transport;
  readonly b: Transport;
  /** Breaks whatever carries their messages ... */
  cut?(): void;
  /** ... until this. */
  restore?(): void;
  /** Ends both and what they stand on. */
  close(): Promise<void>;
}

/** What every {@link Transport} keeps, whatever carries its messages. Waits for events, in real time. */
export function transportContract(name: string, makePair: () => Promise<TransportPair>): void {
  // Generous, since a busy machine takes seconds to move 20 MB; nothing here waits for time to pass.
  describe(`Transport contract: ${name}`, () => {
    let pair: TransportPair | undefined;

    afterEach(async () => {
      await pair?.close();
      pair = undefined;
    });

    const connected = async (): Promise<Connected> => {
      pair = await makePair();
      const [a, b] = [record(pair.a), record(pair.b)];
      await Promise.all([a.until(isUp(pair.b.self)), b.until(isUp(pair.a.self))]);
      return { pair, a, b };
    };

    test('both see the other come up, with its incarnation and path', async () => {
      const { pair, a } = await connected();
      const up = a.events.find((event) => event.type === 'peer-up' && event.peer === pair.b.self);
      expect(up).toMatchObject({ incarnation: pair.b.incarnation });
      const status = pair.a.peers().get(pair.b.self);
      expect(status).toMatchObject({ incarnation: pair.b.incarnation });
      expect(['direct', 'relay', 'server']).toContain(status?.path);
    });

    test('T-01: messages of all sizes arrive intact and in order, both ways at once', async () => {
      const { pair, a, b } = await connected();
      const sizes = [0, 1, 100, 65_536, 65_537, 5_000_000, 3];
      const forth = sizes.map((size, i) => pair.a.send(pair.b.self, pattern(size, i)));
      const back = sizes.map((size, i) => pair.b.send(pair.a.self, pattern(size, i + 50)));
      for (const outcome of await Promise.all([...forth, ...back])) expect(outcome.kind).toBe('delivered');
      await Promise.all([a.until(() => a.messages().length === 7), b.until(() => b.messages().length === 7)]);
      for (const [i, size] of sizes.entries()) {
        expect(same(b.messages()[i], pattern(size, i))).toBe(true);
        expect(same(a.messages()[i], pattern(size, i + 50))).toBe(true);
      }
    });

    test('a delivered message names the path that it took, and both ends count its bytes', async () => {
      const { pair } = await connected();
      const outcome = await pair.a.send(pair.b.self, pattern(10_000, 1));
      expect(outcome).toEqual({ kind: 'delivered', path: pair.a.peers().get(pair.b.self)?.path });
      expect(pair.a.peers().get(pair.b.self)?.bytesSent).toBeGreaterThanOrEqual(10_000);
      expect(pair.b.peers().get(pair.a.self)?.bytesReceived).toBeGreaterThanOrEqual(10_000);
    });

    test('T-02: a node that nobody knows is unreachable', async () => {
      const { pair } = await connected();
      const stranger = 'AAAAAAAAAAAAAAAAAAAAAA' as ParticipantId;
      expect(await pair.a.send(stranger, pattern(10, 1))).toEqual({ kind: 'unreachable' });
    });

    test('aborting ends a send, and the next message arrives', async () => {
      const { pair, b } = await connected();
      const abort = new AbortController();
      const aborted = pair.a.send(pair.b.self, pattern(20_000_000, 1), { signal: abort.signal });
      const next = pair.a.send(pair.b.self, pattern(5, 2));
      abort.abort();
      expect(await aborted).toEqual({ kind: 'aborted' });
      expect(await pair.a.send(pair.b.self, pattern(5, 3), { signal: abort.signal })).toEqual({
        kind: 'aborted',
      });
      expect((await next).kind).toBe('delivered');
      expect(b.messages().map(({ length }) => length)).toEqual([5]);
    });

    test('T-05: a cut in mid-message: once restored, it arrives whole', async () => {
      const { pair, b } = await connected();
      if (pair.cut === undefined || pair.restore === undefined) return;
      const outcome = pair.a.send(pair.b.self, pattern(5_000_000, 7));
      await nextTurn();
      pair.cut();
      await nextTurn();
      pair.restore();
      expect((await outcome).kind).toBe('delivered');
      expect(b.messages().length).toBeGreaterThanOrEqual(1);
      for (const bytes of b.messages()) expect(same(bytes, pattern(5_000_000, 7))).toBe(true);
    });

    test('T-07: closing ends pending sends, and the other side sees a goodbye', async () => {
      const { pair, b } = await connected();
      const mine = pair.a.send(pair.b.self, pattern(20_000_000, 1));
      const theirs = pair.b.send(pair.a.self, pattern(20_000_000, 1));
      await pair.a.close();
      expect(await mine).toEqual({ kind: 'aborted' });
      await b.until((event) => event.type === 'peer-down' && event.peer === pair.a.self);
      const down = b.events.find((event) => event.type === 'peer-down');
      expect(down).toEqual({ type: 'peer-down', peer: pair.a.self, reason: 'left' });
      expect((await theirs).kind).not.toBe('delivered');
      expect(await pair.a.send(pair.b.self, pattern(1, 1))).toEqual({ kind: 'aborted' });
      expect(pair.b.peers().has(pair.a.self)).toBe(false);
    });

    test('nothing that a well-behaved pair does is refused', async () => {
      const { pair, a, b } = await connected();
      const outcomes: Promise<SendOutcome>[] = [];
      for (let i = 0; i < 50; i++) outcomes.push(pair.a.send(pair.b.self, pattern(i * 1000, i)));
      await Promise.all(outcomes);
      expect([...a.events, ...b.events].filter(({ type }) => type === 'refused')).toEqual([]);
    });
  });
}

interface Recorded {
  readonly events: TransportEvent[];
  messages(): Uint8Array[];
  /** Resolves once an event satisfies this, past ones included. */
  until(done: (event: TransportEvent) => boolean): Promise<void>;
}

interface Connected {
  readonly pair: TransportPair;
  readonly a: Recorded;
  readonly b: Recorded;
}

function record(transport: Transport): Recorded {
  const events: TransportEvent[] = [];
  const waiting = new Set<(event: TransportEvent) => void>();
  transport.subscribe((event) => {
    events.push(event);
    for (const notice of [...waiting]) notice(event);
  });
  return {
    events,
    messages: () => events.filter((event) => event.type === 'message').map(({ bytes }) => bytes),
    until(done) {
      if (events.some(done)) return Promise.resolve();
      return new Promise((resolve) => {
        const notice = (event: TransportEvent): void => {
          if (!done(event)) return;
          waiting.delete(notice);
          resolve();
        };
        waiting.add(notice);
      });
    },
  };
}

function isUp(peer: NodeId): (event: TransportEvent) => boolean {
  return (event) => event.type === 'peer-up' && event.peer === peer;
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, 0);
  });
}

function pattern(length: number, seed: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = (Math.imul(i, 31) + (i >>> 8) + seed) & 255;
  return bytes;
}

function same(actual: Uint8Array | undefined, expected: Uint8Array): boolean {
  if (actual?.length !== expected.length) return false;
  for (let i = 0; i < expected.length; i++) if (actual[i] !== expected[i]) return false;
  return true;
}
