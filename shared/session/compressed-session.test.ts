import { describe, expect, test, vi } from 'vitest';
import { type Lattice, packedLength, pipelineOf } from '../compress/index.ts';
import type { FederationInput } from '../federation/index.ts';
import { type NodeId, SERVER } from '../identity/index.ts';
import { seededRandom } from '../random/index.ts';
import { createWorld, fakeCryptoRandom, type World, type WorldOptions } from '../testing/session-world.ts';
import { toySuite } from '../testing/toy-suite.ts';
import { encodeMessage, type Message } from '../wire/index.ts';
import { decodeTranscript, verifyTranscript } from './transcript/index.ts';

vi.setConfig({ testTimeout: 30_000 });

const flush = () => new Promise<void>((resolve) => setImmediate(resolve));

type Compression = NonNullable<NonNullable<FederationInput['strategy']>['compression']>;

function worldOf(
  participants: number,
  rounds: number,
  compression: Compression,
  more: Partial<WorldOptions> = {},
): World {
  const world = createWorld({
    seed: `${expect.getState().currentTestName}`,
    participants,
    rounds,
    flush,
    strategy: { type: 'fedavg', weighting: 'uniform', clipNorm: 20, compression },
    ...more,
  });
  world.start(SERVER);
  for (const id of world.ids) world.start(id);
  return world;
}

const finished = (world: World) => () =>
  [...world.nodes].every(([id, { state }]) => id === SERVER || state.participant?.status.name === 'finished');

const codes = (world: World) => [...new Set(world.notices.map(({ code }) => code))].filter((code) => code);

/** Everyone that is still there holds the model of the last record, and a norm that follows. */
function expectOneModel(world: World): void {
  const last = world.records.at(-1)!;
  for (const id of [...world.nodes.keys()].filter((id) => id !== SERVER)) {
    expect(world.modelOf(id)?.hash).toBe(last.hash);
    expect(world.modelOf(id)?.clipNorm).toBeGreaterThan(0);
  }
}

describe.each([
  ['secure', true],
  ['plain', false],
] as const)('%s', (_, secure) => {
  test.each([
    [{ bits: 8, keep: 0.5 }, ['direct', 'relay', 'server']],
    [{ bits: 8, keep: 0.5 }, ['server']],
    [{ bits: 12 }, ['direct', 'relay', 'server']],
    [{ bits: 16, rank: 2 }, ['server']],
    [{ bits: 32, keep: 0.25 }, ['direct', 'relay', 'server']],
  ] as const)('Z-01, Z-06: %j over %j: everyone computes the same models', async (compression, paths) => {
    const world = worldOf(5, 3, compression, { secure, paths: [...paths] });
    expect(await world.run(finished(world), 120_000)).toBe(true);
    expect(world.records.map(({ round, survivors }) => [round, survivors.length])).toEqual([
      [1, 5],
      [2, 5],
      [3, 5],
    ]);
    expectOneModel(world);
    expect(codes(world)).toEqual([]);
  });

  test('Z-03: what was not kept has not moved', async () => {
    const world = worldOf(4, 1, { bits: 32, keep: 0.25 }, { secure });
    const before = world.modelOf(world.ids[0]!)!.weights;
    expect(await world.run(finished(world), 120_000)).toBe(true);
    const after = world.modelOf(world.ids[0]!)!.weights;
    // 24 coordinates, of which a quarter.
    expect(after.filter((weight, i) => weight !== before[i])).toHaveLength(6);
  });

  test('Z-07: slices and sums travel in the width of the ring', async () => {
    const sizes = { slice: new Set<number>(), sum: new Set<number>() };
    const world = worldOf(
      4,
      1,
      { bits: 8, keep: 0.5 },
      {
        secure,
        paths: ['server'],
        onSaid: (_from, _to, message) => {
          if (message.type === 'slice' || message.type === 'sum')
            sizes[message.type].add(message.values.byteLength);
        },
      },
    );
    expect(await world.run(finished(world), 120_000)).toBe(true);
    // Twelve coordinates, two for the norm, and in a secure round 32 check words.
    const bytes = 14 + (secure ? 32 : 0);
    expect(sizes).toEqual({ slice: new Set([bytes]), sum: new Set([bytes]) });
    expect(packedLength((world.encoding as Lattice).dimension, 8)).toBe(14);
  });
});

test('Z-06: a mesh that loses a member and an owner goes on with one model', async () => {
  const world = worldOf(6, 2, { bits: 8, keep: 0.5 }, { secure: true });
  const gone: NodeId = world.ids[2]!;
  const dealt = () => world.nodes.get(gone)?.state.participant?.attempt?.secure?.opened === true;
  expect(await world.run(dealt, 60_000)).toBe(true);
  world.kill(gone);
  expect(await world.run(() => world.records.length === 1, 120_000)).toBe(true);
  expect(world.records[0]!.survivors).toEqual(world.ids.filter((id) => id !== gone));
  const owner: NodeId = world.ids[4]!;
  const exchanging = () => world.nodes.get(owner)?.state.participant?.attempt?.phase.name === 'exchanging';
  expect(await world.run(exchanging, 60_000)).toBe(true);
  world.kill(owner);
  expect(await world.run(finished(world), 240_000)).toBe(true);
  expectOneModel(world);
});

test('Z-06, G-12: groups wrap each for itself, and their total is one model', async () => {
  const world = worldOf(9, 3, { bits: 8, keep: 0.5 }, { secure: true, groupSize: 3 });
  expect(await world.run(finished(world), 240_000)).toBe(true);
  expect(world.records.map(({ groups }) => groups)).toEqual([3, 3, 3]);
  expectOneModel(world);
  expect(codes(world)).toEqual([]);
});

test('Z-07: transcripts of a compressed round verify', async () => {
  const world = worldOf(4, 1, { bits: 8, keep: 0.5 }, { secure: true, transcripts: true });
  expect(await world.run(finished(world), 120_000)).toBe(true);
  for (const id of world.ids) {
    const transcript = decodeTranscript(world.transcriptOf(id, 1)!);
    const findings = await verifyTranscript(transcript, toySuite(fakeCryptoRandom(seededRandom('reader'))));
    expect(findings.filter(({ outcome }) => outcome === 'wrong')).toEqual([]);
    expect(findings.filter(({ outcome }) => outcome === 'ok').length).toBeGreaterThan(5);
  }
});

test('N-06: beside noise that hides participants a part of the coordinates is kept', async () => {
  const world = worldOf(
    5,
    2,
    { keep: 0.5 },
    {
      secure: true,
      participantPrivacy: { trust: 'distributed', noiseMultiplier: 0.5 },
    },
  );
  expect(world.encoding).toMatchObject({ kind: 'grid', dimension: 12 });
  expect(await world.run(finished(world), 120_000)).toBe(true);
  for (const record of world.records) expect(record.hash).toBe(world.expectedHash(record));
  expect(codes(world)).toEqual([]);
});

describe('where nothing is masked', () => {
  test('Z-13: the largest coordinates alone move, and what was not sent waits', async () => {
    const world = worldOf(3, 3, { topK: 0.1 });
    const before = world.modelOf(world.ids[0]!)!.weights;
    expect(await world.run(() => world.records.length === 1, 60_000)).toBe(true);
    expect(await world.run(() => world.modelOf(world.ids[0]!)!.version === 1, 60_000)).toBe(true);
    const after = world.modelOf(world.ids[0]!)!.weights;
    // Three times three of 24 at most.
    const moved = after.filter((weight, i) => weight !== before[i]).length;
    expect(moved).toBeGreaterThanOrEqual(3);
    expect(moved).toBeLessThanOrEqual(9);
    expect(await world.run(finished(world), 120_000)).toBe(true);
    expectOneModel(world);
    expect(codes(world)).toEqual([]);
  });

  test.each([[{ entropyCoding: true }], [{ topK: 0.1 }], [{ bits: 32, entropyCoding: true }]] as const)(
    'Z-12: %j: slices and sums are shorter than they would be, and one model comes of them',
    async (compression) => {
      let bytes = 0;
      let messages = 0;
      const world = worldOf(4, 2, compression, {
        paths: ['server'],
        onSaid: (_from, _to, message) => {
          if (message.type !== 'slice') return;
          bytes += message.values.byteLength;
          messages++;
        },
      });
      expect(await world.run(finished(world), 120_000)).toBe(true);
      expectOneModel(world);
      expect(codes(world)).toEqual([]);
      const { bits, dimension } = world.encoding as Lattice;
      expect(bytes / messages).toBeLessThanOrEqual(1 + packedLength(dimension, bits));
      if ('topK' in compression) expect(bytes / messages).toBeLessThan(0.75 * packedLength(dimension, bits));
    },
  );

  test('Z-12: a slice whose code is broken is refused by name, and the round goes on without its sender', async () => {
    const liar = () => world.ids[1]!;
    const world: World = worldOf(
      4,
      1,
      { topK: 0.1 },
      {
        paths: ['server'],
        lie: (from, _to, message) =>
          message.type === 'slice' && from === liar()
            ? { ...message, values: Uint8Array.of(1, ...message.values.subarray(1, 6)) }
            : message,
      },
    );
    expect(await world.run(() => world.records.length === 1, 120_000)).toBe(true);
    expect(world.records[0]!.survivors).toEqual(world.ids.filter((id) => id !== liar()));
    expect(codes(world)).toContain('update.wrong-length');
  });
});

test.each([
  ['secure', true, ['server']],
  ['secure', true, ['direct', 'relay', 'server']],
  ['plain', false, ['server']],
  ['plain', false, ['direct', 'relay', 'server']],
] as const)('Z-09: a %s round sends no more than was planned', async (_, secure, paths) => {
  const sent = new Map<NodeId, number>();
  const heard = new Map<NodeId, number>();
  // 24 coordinates, and sixteen of a group that is full.
  const world = worldOf(
    16,
    1,
    { bits: 8 },
    {
      secure,
      paths: [...paths],
      onSaid: (from, to, message) => {
        if (from === to || !ROUND_MESSAGES.has(message.type)) return;
        const { byteLength } = encodeMessage(message);
        sent.set(from, (sent.get(from) ?? 0) + byteLength);
        heard.set(to, (heard.get(to) ?? 0) + byteLength);
      },
    },
  );
  expect(await world.run(finished(world), 120_000)).toBe(true);
  expect(world.records.map(({ survivors }) => survivors.length)).toEqual([16]);
  const { cost } = pipelineOf(world.federation, 24, { bits: 8 });
  for (const id of world.ids) {
    expect(sent.get(id)).toBeLessThanOrEqual(cost.upBytes);
    expect(heard.get(id)).toBeLessThanOrEqual(cost.downBytes);
    expect(sent.get(id)).toBeGreaterThan(cost.upBytes / 6);
  }
});

/** Of one round, from keys to the new model. */
const ROUND_MESSAGES = new Set<Message['type']>([
  'invite',
  'keys',
  'roster',
  'shares',
  'inbox',
  'trained',
  'slice',
  'uploaded',
  'plan',
  'confirm',
  'confirmed',
  'reveal',
  'sum',
  'applied',
  'commit',
]);
