import { expect, test } from 'vitest';
import { createNobleIdentity, type NodeId, SERVER } from '../../identity/index.ts';
import { nobleSuite } from '../../secagg/index.ts';
import { repeatableRandom } from '../../secagg/testing.ts';
import { createWorld, type World, type WorldOptions } from '../../testing/session-world.ts';
import { decodeTranscript, verifyTogether } from './index.ts';

const flush = () => new Promise<void>((resolve) => setImmediate(resolve));
const suite = nobleSuite(repeatableRandom('verifier'));

/** Runs a secure federation of real cryptography to its end, its last transcripts included. */
async function runWorld(options: Partial<WorldOptions>): Promise<World> {
  const seed = `${expect.getState().currentTestName}`;
  const secureWith = { identity: createNobleIdentity, suite: nobleSuite };
  const world = createWorld({
    seed,
    participants: 4,
    rounds: 2,
    secure: true,
    transcripts: true,
    secureWith,
    flush,
    ...options,
  });
  world.start(SERVER);
  for (const id of world.ids) world.start(id);
  const written = (): boolean =>
    world.records.length >= 2 &&
    world.records.every(({ round }) =>
      [SERVER as NodeId, ...world.ids].every((id) => world.transcriptOf(id, round) !== undefined),
    );
  expect(await world.run(written, 120_000)).toBe(true);
  return world;
}

test.each([
  ['a mesh', {}, 4],
  ['a server that owns everything', { paths: ['server'] as ['server'] }, 1],
  ['a mesh whose participants are hidden', { participantPrivacy: { trust: 'distributed' as const } }, 4],
  [
    'N-15: a mesh whose norm follows updates',
    {
      participantPrivacy: {
        trust: 'distributed' as const,
        adaptiveClipping: { targetQuantile: 0.5, learningRate: 0.2, indicatorWeight: 0.5 },
      },
    },
    4,
  ],
])(
  'every node of %s writes each round down, and anyone can replay it',
  async (_, options, slices) => {
    const world = await runWorld(options);
    for (const { round, hash } of world.records) {
      const transcripts = [SERVER as NodeId, ...world.ids].map((id) =>
        decodeTranscript(world.transcriptOf(id, round)!),
      );
      expect(transcripts).toHaveLength(5);
      const { each, joint } = await verifyTogether(transcripts, suite);
      for (const findings of [...each, joint])
        expect(findings.filter(({ outcome }) => outcome === 'wrong')).toEqual([]);
      expect(new Set(joint.map(({ outcome }) => outcome))).toEqual(new Set(['ok']));
      expect(joint.find(({ name }) => name === 'slices-recomputed')?.slices).toHaveLength(slices);
      expect(hash).toBe(world.expectedHash(world.records.find((record) => record.round === round)!));
    }
    expect(world.notices.filter(({ text }) => !/was clipped/.test(text))).toEqual([]);
  },
  60_000,
);

test.each([
  ['meshes', ['direct', 'relay', 'server'] as const],
  ['the server', ['server'] as const],
])(
  'rounds of several groups at %s: members show their part, all of them the total',
  async (_, paths) => {
    const world = await runWorld({ participants: 9, groupSize: 4, paths: [...paths] });
    for (const { round, groups } of world.records) {
      expect(groups).toBe(3);
      const server = decodeTranscript(world.transcriptOf(SERVER, round)!);
      const members = world.ids.map((id) => decodeTranscript(world.transcriptOf(id, round)!));
      const { each, joint } = await verifyTogether([server, ...members], suite);
      for (const findings of [...each, joint])
        expect(findings.filter(({ outcome }) => outcome === 'wrong')).toEqual([]);
      expect(new Set(joint.map(({ outcome }) => outcome))).toEqual(new Set(['ok']));
      expect(each[0]!.find(({ name }) => name === 'total')).toMatchObject({ outcome: 'ok' });
      expect((await verifyTogether(members, suite)).joint.find(({ name }) => name === 'all-groups')).toEqual({
        name: 'all-groups',
        outcome: 'ok',
        text: 'The total is the sum of 3 groups.',
      });
    }
  },
  60_000,
);

test('Q-09: of a robust rule over groups the total is computed again, and a lie about it is found out', async () => {
  const world = await runWorld(robustGroups('none'));
  const [{ round }] = world.records as [(typeof world.records)[number]];
  const members = world.ids.map((id) => decodeTranscript(world.transcriptOf(id, round)!));
  const { each, joint } = await verifyTogether(members, suite);
  for (const findings of [...each, joint])
    expect(findings.filter(({ outcome }) => outcome === 'wrong')).toEqual([]);
  expect(joint.find(({ name }) => name === 'all-groups')).toMatchObject({
    outcome: 'ok',
    text: 'The total is what median makes of 3 groups.',
  });
  const lying = await runWorld({
    ...robustGroups('none'),
    lie: (_from, _to, message) =>
      message.type === 'total'
        ? { ...message, values: message.values.map((byte, i) => (i === 2 ? byte ^ 1 : byte)) }
        : message,
  });
  const told = lying.ids.map((id) => decodeTranscript(lying.transcriptOf(id, round)!));
  const found = (await verifyTogether(told, suite)).joint.find(({ name }) => name === 'all-groups');
  expect(found).toMatchObject({ outcome: 'wrong' });
}, 60_000);

test('Q-09: what held-out examples decided is said to be beyond checking, and nobody is called a liar', async () => {
  const judge = { evaluate: async () => ({ total: 1, correct: 1, lossSum: 0.5 + lossOf++ * -1e-6 }) };
  let lossOf = 0;
  const world = await runWorld({ ...robustGroups('held-out'), evaluation: 'server', judge });
  const [{ round }] = world.records as [(typeof world.records)[number]];
  const all = [SERVER as NodeId, ...world.ids].map((id) => decodeTranscript(world.transcriptOf(id, round)!));
  const { each, joint } = await verifyTogether(all, suite);
  for (const findings of [...each, joint]) {
    expect(findings.filter(({ outcome }) => outcome === 'wrong')).toEqual([]);
    expect(findings.find(({ name }) => name === 'screening')).toMatchObject({ outcome: 'absent' });
    expect(findings.some(({ name }) => name === 'total' || name === 'all-groups')).toBe(false);
  }
  expect(each[0]!.find(({ name }) => name === 'model')).toMatchObject({ outcome: 'ok' });
}, 60_000);

function robustGroups(screening: 'none' | 'held-out'): Partial<WorldOptions> {
  const robust = { rule: { type: 'median' as const }, byzantine: 1, screening };
  return {
    participants: 9,
    groupSize: 3,
    minParticipants: 7,
    strategy: { type: 'fedavg', weighting: 'uniform', robust },
  };
}

test('a plain federation writes nothing', async () => {
  const world = createWorld({ seed: 'plain', participants: 3, rounds: 1, transcripts: true, flush });
  world.start(SERVER);
  for (const id of world.ids) world.start(id);
  const finished = () =>
    world.ids.every((id) => world.nodes.get(id)?.state.participant?.status.name === 'finished');
  expect(await world.run(finished, 60_000)).toBe(true);
  expect([SERVER as NodeId, ...world.ids].map((id) => world.transcriptOf(id, 1))).toEqual([
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
});
