import { describe, expect, test } from 'vitest';
import { type NodeId, SERVER } from '../identity/index.ts';
import { CHECK_WORDS, ringFor, unpackRing } from '../secagg/index.ts';
import { createWorld, type World, type WorldOptions } from '../testing/session-world.ts';
import type { Message, MessageOf } from '../wire/index.ts';

const flush = () => new Promise<void>((resolve) => setImmediate(resolve));

type Case = readonly [string, Partial<WorldOptions>];
const CASES: readonly Case[] = [
  ['distributed, in a mesh', { secure: true, participantPrivacy: { trust: 'distributed' } }],
  [
    'distributed, at the server',
    { secure: true, participantPrivacy: { trust: 'distributed' }, paths: ['server'] },
  ],
  [
    'distributed, in groups',
    { secure: true, participantPrivacy: { trust: 'distributed' }, participants: 10, groupSize: 5 },
  ],
  ['local, in a mesh', { participantPrivacy: { trust: 'local' } }],
  ['local, securely', { secure: true, participantPrivacy: { trust: 'local' } }],
  ['local, in groups', { participantPrivacy: { trust: 'local' }, participants: 8, groupSize: 4 }],
  ['central', { participantPrivacy: { trust: 'central' }, paths: ['server'] }],
  ['central, by a tree', { participantPrivacy: { trust: 'central', mechanism: 'tree' }, paths: ['server'] }],
  ['central, securely', { secure: true, participantPrivacy: { trust: 'central' }, paths: ['server'] }],
];

function worldOf(more: Partial<WorldOptions>): World {
  const world = createWorld({
    seed: `${expect.getState().currentTestName}`,
    participants: 5,
    rounds: 3,
    flush,
    ...more,
  });
  world.start(SERVER);
  for (const id of world.ids) world.start(id);
  return world;
}

const finished = (world: World) => () =>
  [...world.nodes].every(([id, { state }]) => id === SERVER || state.participant?.status.name === 'finished');

const codes = (world: World) => [...new Set(world.notices.map(({ code }) => code))];

describe.each(CASES)('%s', (_, options) => {
  test('N-05 N-08: everyone computes the same model from the sum of what the survivors sent', async () => {
    const world = worldOf(options);
    expect(await world.run(finished(world), 240_000)).toBe(true);
    expect(world.records.map(({ round }) => round)).toEqual([1, 2, 3]);
    for (const record of world.records) expect(record.hash).toBe(world.expectedHash(record));
    const hashes = new Set(world.ids.map((id) => world.modelOf(id)!.hash));
    expect(hashes).toEqual(new Set([world.records[2]!.hash]));
    expect(codes(world).filter((code) => code !== undefined)).toEqual([]);
  });
});

/** Of idle participants what is in a sum is noise. @returns its variance over that which hides one participant. */
function noiseOf(world: World): number {
  if (world.encoding.kind !== 'grid') throw new Error('a world without a grid');
  let squares = 0;
  let count = 0;
  for (const record of world.records)
    for (const value of world.expectedSum(record).values) {
      squares += value * value;
      count++;
    }
  return squares / count / world.encoding.noiseVariance;
}

describe('the noise in a sum', () => {
  /** 40 rounds of 24 coordinates: the standard error of a variance is √(2 / 960) = 4.6 %, five of which are 23 %. */
  const rounds = 40;
  const withinFiveErrors = (measured: number, expected: number) => {
    expect(measured / expected).toBeGreaterThan(0.77);
    expect(measured / expected).toBeLessThan(1.23);
  };
  const run = async (options: Partial<WorldOptions>): Promise<World> => {
    const world = worldOf({ rounds, idle: true, ...options });
    expect(await world.run(finished(world), 40 * 120_000)).toBe(true);
    expect(world.records.length).toBe(rounds);
    for (const record of world.records) expect(record.hash).toBe(world.expectedHash(record));
    return world;
  };

  test('N-04: of six, shares for three: with all of them twice what is promised', async () => {
    const world = await run({ participants: 6, ...CASES[0]![1] });
    withinFiveErrors(noiseOf(world), 6 / 3);
  });

  test('N-04: of six, the four that must survive have 4/3 of it, and so three of them all that is promised', async () => {
    let silent: readonly NodeId[] = [];
    const lie = (from: NodeId, _: NodeId, message: Message) =>
      message.type === 'uploaded' && silent.includes(from) ? undefined : message;
    const world = createWorld({
      seed: 'threshold',
      participants: 6,
      rounds,
      flush,
      idle: true,
      lie,
      secure: true,
      participantPrivacy: { trust: 'distributed' },
      paths: ['server'],
    });
    silent = world.ids.slice(0, 2);
    world.start(SERVER);
    for (const id of world.ids) world.start(id);
    const done = () => world.records.length >= rounds;
    expect(await world.run(done, 40 * 600_000)).toBe(true);
    for (const record of world.records) expect(record.survivors.length).toBe(4);
    withinFiveErrors(noiseOf(world), 4 / 3);
  });

  test.each([
    ['N-03', 'local', 5],
    ['N-10', 'central', 1],
  ] as const)('%s: %s: %i times what hides one', async (_, trust, times) => {
    withinFiveErrors(noiseOf(await run({ participantPrivacy: { trust }, paths: ['server'] })), times);
  });

  test('N-10: central, securely: what hides one, once', async () => {
    withinFiveErrors(noiseOf(await run(CASES.at(-1)![1])), 1);
  });
});

describe('a server that noises sums, securely', () => {
  const central = CASES.at(-1)![1];

  test('N-10: wipes the check words, of which those who know their key could compute something', async () => {
    const sums: MessageOf<'sum'>[] = [];
    const world = worldOf({
      ...central,
      rounds: 1,
      onSaid: (_, __, message) => {
        if (message.type === 'sum') sums.push(message);
      },
    });
    expect(await world.run(finished(world), 120_000)).toBe(true);
    const ring = ringFor(world.encoding, 16);
    expect(sums.length).toBeGreaterThan(0);
    for (const { values } of sums) {
      const all = unpackRing(values, (8 * values.byteLength) / ring.bits, ring);
      expect([...all.subarray(-CHECK_WORDS)]).toEqual(Array.from({ length: CHECK_WORDS }, () => 0));
      expect(new Set(all).size).toBeGreaterThan(10);
    }
  });

  test('N-10: keeps no transcript, from which the exact sum would follow', async () => {
    const world = worldOf({ ...central, transcripts: true });
    expect(await world.run(finished(world), 120_000)).toBe(true);
    for (const id of [SERVER as NodeId, ...world.ids])
      for (const { round } of world.records) expect(world.transcriptOf(id, round)).toBeUndefined();
  });
});

test('N-02 U-06: every update that leaves is in the ledger, with the sum that it is part of', async () => {
  const world = worldOf(CASES[0]![1]);
  expect(await world.run(finished(world), 120_000)).toBe(true);
  for (const id of world.ids) {
    const entries = world.ledgerOf(id);
    expect(entries.map(({ round }) => round)).toEqual([1, 2, 3]);
    for (const { event } of entries)
      expect(event).toMatchObject({
        mechanism: 'participant-noise',
        trust: 'distributed',
        event: { mechanism: 'skellam', dimension: 24 },
      });
  }
});
