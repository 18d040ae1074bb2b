import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { redisBinary, startRedis, type TestRedis } from '../testing/redis.ts';
import { silentLog } from '../testing/silent-log.ts';
import type { Bus } from './bus.ts';
import { localBus } from './local-bus.ts';
import { redisBus } from './redis-bus.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

interface World {
  connect(): Promise<Bus>;
  cut(): Promise<void>;
  mend(): Promise<void>;
  dispose(): Promise<void>;
}

/** Keeps what comes, and lets a test wait for so much of it. */
function collect(bus: Bus, channel: string) {
  const all: string[] = [];
  const waiting = new Set<() => void>();
  const end = bus.subscribe(channel, (bytes) => {
    all.push(Buffer.from(bytes).toString('latin1'));
    for (const look of [...waiting]) look();
  });
  return {
    all,
    end,
    count: (many: number) =>
      new Promise<void>((resolve) => {
        const look = (): void => {
          if (all.length < many) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
      }),
  };
}

const isUp = (bus: Bus, wanted: boolean): Promise<void> =>
  new Promise((resolve) => {
    if (bus.up === wanted) return resolve();
    const end = bus.watch((up) => {
      if (up !== wanted) return;
      end();
      resolve();
    });
  });
const say = (bus: Bus, channel: string, text: string): void =>
  bus.publish(channel, Buffer.from(text, 'latin1'));

async function localWorld(): Promise<World> {
  const bus = localBus();
  return {
    connect: async () => bus.connect(),
    cut: async () => bus.setUp(false),
    mend: async () => bus.setUp(true),
    dispose: async () => undefined,
  };
}

async function redisWorld(binary: string): Promise<World> {
  const redis: TestRedis = await startRedis(binary);
  return {
    async connect() {
      const bus = redisBus({ url: redis.url, prefix: 'test:', log: silentLog });
      await isUp(bus, true);
      return bus;
    },
    cut: redis.stop,
    mend: redis.start,
    dispose: redis.dispose,
  };
}

const binary = redisBinary();
const worlds: [string, (() => Promise<World>) | undefined][] = [
  ['in one process', localWorld],
  ['over Redis', binary === undefined ? undefined : () => redisWorld(binary)],
];

// Where no Redis is installed (package redis-server), its half cannot run; continuous integration has it.
describe.each(worlds.filter(([, open]) => open !== undefined))('the bus %s', (_, open) => {
  let world: World;
  const buses: Bus[] = [];
  const connect = async (): Promise<Bus> => {
    const bus = await world.connect();
    buses.push(bus);
    return bus;
  };
  beforeAll(async () => {
    world = await open!();
  });
  afterAll(async () => {
    for (const bus of buses) await bus.close();
    await world.dispose();
  });

  test('X-01: bytes reach every subscriber of their channel in order, the sender included, and no other', async () => {
    const [a, b] = [await connect(), await connect()];
    const heard = [collect(a, 'one'), collect(b, 'one')];
    const other = collect(b, 'two');
    await Promise.all([isUp(a, true), isUp(b, true)]);
    const texts = Array.from({ length: 500 }, (_each, i) => `${i}\u00ff`);
    for (const text of texts) say(a, 'one', text);
    await Promise.all(heard.map(({ count }) => count(500)));
    expect(heard.map(({ all }) => all)).toEqual([texts, texts]);
    say(a, 'two', '');
    await other.count(1);
    expect(other.all).toEqual(['']);
  });

  test('a megabyte arrives whole, and the sender may reuse its buffer', async () => {
    const [a, b] = [await connect(), await connect()];
    const heard: Uint8Array[] = [];
    const came = new Promise<void>((resolve) => {
      b.subscribe('large', (bytes) => {
        heard.push(bytes);
        resolve();
      });
    });
    await isUp(b, true);
    const bytes = Uint8Array.from({ length: 1_000_000 }, (_each, i) => i % 251);
    a.publish('large', bytes);
    await came;
    expect(
      Buffer.compare(
        heard[0]!,
        Uint8Array.from({ length: 1_000_000 }, (_each, i) => i % 251),
      ),
    ).toBe(0);
  });

  test('who ended its subscription, or closed, hears no more', async () => {
    const [a, b] = [await connect(), await connect()];
    const [ended, goesOn] = [collect(b, 'c'), collect(b, 'c')];
    await isUp(b, true);
    say(a, 'c', '1');
    await Promise.all([ended.count(1), goesOn.count(1)]);
    ended.end();
    say(a, 'c', '2');
    await goesOn.count(2);
    expect(ended.all).toEqual(['1']);
  });

  test('cut off, it says so and drops; mended, it goes on by itself with the subscriptions that it had', async () => {
    const [a, b] = [await connect(), await connect()];
    const heard = collect(b, 'd');
    await isUp(b, true);
    await world.cut();
    await Promise.all([isUp(a, false), isUp(b, false)]);
    say(a, 'd', 'lost');
    await world.mend();
    await Promise.all([isUp(a, true), isUp(b, true)]);
    say(a, 'd', 'heard');
    await heard.count(1);
    expect(heard.all).toEqual(['heard']);
  });
});

if (binary === undefined) {
  test('Redis is not installed here: its half of this file was not checked', () => {
    expect(redisBinary()).toBeUndefined();
  });
} else {
  test('more than Redis takes: publishers are told to wait, then bytes are dropped', async () => {
    const redis = await startRedis(binary);
    const bus = redisBus({
      url: redis.url,
      prefix: '',
      log: silentLog,
      highWaterBytes: 1000,
      maxPendingBytes: 3000,
    });
    const heard = collect(bus, 'flood');
    await isUp(bus, true);
    for (let i = 0; i < 5; i++) say(bus, 'flood', String(i).repeat(996)); // 1000 bytes with their length
    expect(bus.congested).toBe(true);
    await new Promise<void>((resolve) => bus.onceDrained(resolve));
    expect(bus.congested).toBe(false);
    await heard.count(3);
    expect(heard.all.map((text) => text[0])).toEqual(['0', '1', '2']);
    await bus.close();
    await redis.dispose();
  });
}
