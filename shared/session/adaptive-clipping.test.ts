import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { sumSlices } from '../aggregate/index.ts';
import { fedAvg } from '../aggregate/strategies/fed-avg.ts';
import { encodingOf, type Grid } from '../compress/index.ts';
import type { ParticipantPrivacy } from '../federation/index.ts';
import { type NodeId, SERVER } from '../identity/index.ts';
import { createNoise } from '../privacy/index.ts';
import { type CryptoRandom, seededRandom } from '../random/index.ts';
import { createWorld, fakeCryptoRandom, type World, type WorldOptions } from '../testing/session-world.ts';
import { layoutOf, type Model, makeModel } from '../update/index.ts';
import { plannedRelease, protectUpdate } from './pipeline.ts';

const DIMENSION = 16;
const layout = layoutOf([{ name: 'w', shape: [DIMENSION] }]);
const initial = makeModel(0, layout, new Float32Array(DIMENSION));
const random: CryptoRandom = { kind: 'crypto', bytes: (length) => new Uint8Array(randomBytes(length)) };
const strategy = fedAvg({ optimizer: { type: 'sgd', momentum: 0, nesterov: false }, learningRate: 1 });
const silent = { addSkellam: () => undefined };
const halves = { targetQuantile: 0.5, learningRate: 0.2, indicatorWeight: 0.5 };

function policyOf(clipNorm: number, participants: number, change: Partial<ParticipantPrivacy> = {}) {
  return {
    strategy: { type: 'fedavg', serverLearningRate: 1, weighting: 'uniform', maxExamples: 1, clipNorm },
    cohort: { minParticipants: participants, groupSize: participants },
    rounds: { maximum: 100, checkpointEvery: 1 },
    privacy: {
      secureAggregation: 'none',
      participant: {
        trust: 'central',
        noiseMultiplier: 1,
        colluding: 1,
        mechanism: 'independent',
        adaptiveClipping: halves,
        ...change,
      },
    },
  } as const;
}

function gridFor(policy: ReturnType<typeof policyOf>): Grid {
  const encoding = encodingOf(policy, DIMENSION);
  if (encoding.kind !== 'grid') throw new Error('no grid');
  return encoding;
}

/** An update of this length in a direction of its own. */
function updateOf(norm: number, seed: string, dimension = DIMENSION) {
  const source = seededRandom(seed);
  const direction = Float64Array.from({ length: dimension }, () => source.uniform() - 0.5);
  const length = Math.hypot(...direction);
  const delta = Float32Array.from(direction, (value) => (value / length) * norm);
  return { layoutHash: layout.hash, delta, examples: 1 };
}

const normIn = ({ clipNorm }: Model) => (clipNorm === undefined ? {} : { clipNorm });

/** One round of participants with updates of these lengths, the noise of a server added to their sum. */
function roundOf(
  policy: ReturnType<typeof policyOf>,
  base: Model,
  norms: readonly number[],
  noise: { addSkellam(values: Int32Array, variance: number): void } = silent,
  rounding: CryptoRandom = random,
): Model {
  const grid = gridFor(policy);
  const from = { baseHash: base.hash, ...normIn(base) };
  const facts = { ...from, invited: norms.length, random: rounding, noise: silent };
  const sum = sumSlices(
    norms.map((norm, i) => protectUpdate(updateOf(norm, `${base.version}/${i}`), policy, grid, facts).update),
  );
  noise.addSkellam(sum.values, grid.noiseVariance);
  return strategy.apply(base, sum, layout, grid);
}

describe('a round by hand', () => {
  // Rounding of four updates blurs the count of indicators by far less than a thousandth.
  test.each([
    ['all within', [1, 1.5, 0.1, 2], 1.8097],
    ['none within', [3, 4, 2.1, 100], 2.2103],
    ['half within', [3, 1, 2.1, 0.5], 2],
  ])('N-15: %s a norm of 2: it becomes %d', (_, norms, expected) => {
    expect(roundOf(policyOf(2, 4), initial, norms).clipNorm).toBeCloseTo(expected, 2);
  });

  test('N-14 N-15: four equal updates within the norm move the weights by one; longer ones by the norm', () => {
    const policy = policyOf(2, 4);
    const grid = gridFor(policy);
    const moved = (norm: number): number => {
      const facts = { baseHash: initial.hash, invited: 4, random, noise: silent };
      const update = updateOf(norm, 'same');
      const updates = Array.from({ length: 4 }, () => protectUpdate(update, policy, grid, facts).update);
      return Math.hypot(...strategy.apply(initial, sumSlices(updates), layout, grid).weights);
    };
    expect(moved(1)).toBeCloseTo(1, 2);
    expect(moved(50)).toBeCloseTo(2, 2);
  });
});

describe('the release', () => {
  test('N-14 N-02: one Skellam event for the update and its indicator, and the norm of the round', () => {
    const policy = policyOf(2, 4, { trust: 'local' });
    const { noiseVariance: variance, l1Sensitivity, l2Sensitivity } = gridFor(policy);
    const facts = { baseHash: 'base', clipNorm: 8, invited: 4, random, noise: createNoise(random) };
    const { update, clipNorm, report, release } = protectUpdate(
      updateOf(9, 'long'),
      policy,
      gridFor(policy),
      facts,
    );
    expect(update.values.length).toBe(DIMENSION + 1);
    expect(clipNorm).toBe(8);
    expect(report.clipped).toBe(true);
    expect(release).toEqual({
      mechanism: 'participant-noise',
      released: 'update',
      weight: 1,
      clipNorm: 8,
      trust: 'local',
      event: { mechanism: 'skellam', variance, l1Sensitivity, l2Sensitivity, dimension: DIMENSION + 1 },
    });
    expect(Math.sqrt(variance) / l2Sensitivity).toBeCloseTo(1, 12);
  });

  test('N-14 B-02: is what was planned', () => {
    const world = createWorld({ ...CASES[2]![1], seed: 'planned', participants: 3, rounds: 1, flush });
    const planned = (clipNorm?: number) =>
      plannedRelease(world.federation, { examples: 3, cohortSize: 3, dimension: 24, clipNorm });
    expect(planned(8)).toEqual({ ...planned(), clipNorm: 8 });
    expect(planned()).toMatchObject({ clipNorm: 2, event: { dimension: 25 } });
  });
});

test('N-06 N-14: whatever the update, the norm and the weight of its indicator, no more is sent than was said', () => {
  const source = seededRandom('sensitivity');
  const wide = () => 10 ** (8 * source.uniform() - 4);
  for (let i = 0; i < 300; i++) {
    const indicatorWeight = 0.01 + 5 * source.uniform();
    const policy = policyOf(wide(), 4, { adaptiveClipping: { ...halves, indicatorWeight } });
    const grid = gridFor(policy);
    const facts = { baseHash: `${i}`, clipNorm: wide(), invited: 4, random, noise: silent };
    const { update } = protectUpdate(updateOf(wide(), `${i}`), policy, grid, facts);
    const squares = update.values.reduce((sum, value) => sum + value * value, 0);
    expect(squares).toBeLessThanOrEqual(grid.squaredNormLimit);
    expect(update.values.reduce((sum, value) => sum + Math.abs(value), 0)).toBeLessThanOrEqual(
      grid.l1Sensitivity,
    );
  }
});

describe('N-15: under noise the norm goes to the quantile and stays there', () => {
  // Of lengths between 1 and 5, all equally likely, the part q is within 1 + 4q.
  test.each([
    [0.5, 0.1, 3],
    [0.5, 100, 3],
    [0.8, 0.1, 4.2],
    [0.2, 20, 1.8],
  ])('the quantile %d, from a norm of %d: about %d', (targetQuantile, clipNorm, expected) => {
    const participants = 40;
    const policy = policyOf(clipNorm, participants, { adaptiveClipping: { ...halves, targetQuantile } });
    const lengths = seededRandom(`${targetQuantile}/${clipNorm}`);
    const rounding = fakeCryptoRandom(lengths.fork('rounding'));
    const noise = createNoise(fakeCryptoRandom(lengths.fork('noise')));
    const norms: number[] = [];
    let model = initial;
    for (let round = 0; round < 120; round++) {
      const drawn = Array.from({ length: participants }, () => 1 + 4 * lengths.uniform());
      model = roundOf(policy, model, drawn, noise, rounding);
      norms.push(model.clipNorm!);
    }
    // Noise of 1.03/(40 · 0.5) on the part within moves each step by 1 %; e^-0.1 a round is 46 rounds from 100 to 3.
    const settled = norms.slice(-50);
    const mean = settled.reduce((sum, norm) => sum + norm, 0) / settled.length;
    expect(mean / expected).toBeGreaterThan(0.93);
    expect(mean / expected).toBeLessThan(1.07);
    for (const norm of settled) expect(Math.abs(Math.log(norm / expected))).toBeLessThan(0.3);
  });
});

const flush = () => new Promise<void>((resolve) => setImmediate(resolve));

type Case = readonly [string, Partial<WorldOptions>];
const adaptive = { adaptiveClipping: halves };
const CASES: readonly Case[] = [
  [
    'distributed, in a mesh',
    { secure: true, participantPrivacy: { trust: 'distributed', ...adaptive }, transcripts: true },
  ],
  [
    'distributed, in groups',
    {
      secure: true,
      participantPrivacy: { trust: 'distributed', ...adaptive },
      participants: 10,
      groupSize: 5,
    },
  ],
  ['local, in a mesh', { participantPrivacy: { trust: 'local', ...adaptive } }],
  ['central', { participantPrivacy: { trust: 'central', ...adaptive }, paths: ['server'] }],
  [
    'central, securely',
    { secure: true, participantPrivacy: { trust: 'central', ...adaptive }, paths: ['server'] },
  ],
];

describe.each(CASES)('%s', (_, options) => {
  const codes = (world: World) => world.notices.map(({ code }) => code).filter((code) => code !== undefined);
  const begin = (late: number): World => {
    const seed = `${expect.getState().currentTestName}`;
    const world = createWorld({ seed, participants: 6, rounds: 4, flush, ...options });
    world.start(SERVER);
    for (const id of world.ids.slice(late)) world.start(id);
    return world;
  };
  /** The server fetches what participants computed. */
  const finished = (world: World) => () =>
    world.modelOf(SERVER)?.version === 4 &&
    world.ids.every((id) => world.nodes.get(id)?.state.participant?.status.name === 'finished');

  test('N-14 N-15 N-16: everyone, also who comes late, has the same norm in the same model', async () => {
    const world = begin(1);
    expect(await world.run(() => world.records.length >= 2, 240_000)).toBe(true);
    const [latecomer] = world.ids;
    world.start(latecomer!);
    expect(await world.run(finished(world), 240_000)).toBe(true);
    for (const record of world.records) expect(record.hash).toBe(world.expectedHash(record));
    expect(new Set(world.ids.map((id) => world.modelOf(id)!.hash))).toEqual(
      new Set([world.records.at(-1)!.hash]),
    );
    const norms = new Set([SERVER as NodeId, ...world.ids].map((id) => world.modelOf(id)!.clipNorm));
    expect(norms.size).toBe(1);
    expect([...norms][0]).not.toBe(2);
    expect(codes(world)).toEqual([]);
    // What was clipped to is in the ledger: at first the norm of the document, then that of each model.
    const clipNorms = world.ledgerOf(world.ids[1]!).map(({ event }) => 'clipNorm' in event && event.clipNorm);
    expect(clipNorms[0]).toBe(2);
    expect(new Set(clipNorms).size).toBe(clipNorms.length);
  });

  test('N-16: a restart of the server and of everyone goes on with the norm that was reached', async () => {
    const world = begin(0);
    expect(await world.run(() => world.records.length >= 2, 240_000)).toBe(true);
    const everyone = [SERVER as NodeId, ...world.ids];
    for (const id of everyone) world.kill(id);
    for (const id of everyone) world.start(id);
    expect(await world.run(finished(world), 480_000)).toBe(true);
    for (const record of world.records) expect(record.hash).toBe(world.expectedHash(record));
    expect(new Set(everyone.map((id) => world.modelOf(id)!.hash)).size).toBe(1);
    expect(world.modelOf(SERVER)!.clipNorm).toBeDefined();
  });
});
