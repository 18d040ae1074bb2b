import { describe, expect, test } from 'vitest';
import { MurmurationError } from '../errors/index.ts';
import { type Federation, type FederationInput, parseFederation } from '../federation/index.ts';
import { seededRandom } from '../random/index.ts';
import type { EvaluationCounts } from '../session/index.ts';
import { layoutOf, makeModel } from '../update/index.ts';
import {
  createPopulation,
  type PopulationCompute,
  type PopulationOptions,
  type PopulationRound,
  type PopulationSimulation,
  simulatePopulation,
} from './index.ts';

const COHORT = 4;
const LAYOUT = layoutOf([
  { name: 'dense/kernel', shape: [2, 2] },
  { name: 'dense/bias', shape: [2] },
]);
const INITIAL = makeModel(0, LAYOUT, new Float32Array(LAYOUT.length));
const flush = () => new Promise<void>((resolve) => setImmediate(resolve));

function federationOf(rounds: number, change: Partial<FederationInput> = {}): Federation {
  return parseFederation({
    format: 'murmuration/federation',
    formatVersion: 1,
    id: 'tiny',
    name: 'Tiny',
    data: {
      kind: 'records',
      features: 2,
      target: { name: 'sign', type: 'class', labels: ['negative', 'positive'] },
    },
    model: { layers: [{ type: 'dense', units: 2 }], loss: 'softmaxCrossEntropy' },
    strategy: { type: 'fedavg', weighting: 'uniform' },
    cohort: { minParticipants: 2, groupSize: COHORT },
    rounds: { maximum: rounds },
    deadlines: { trainMs: 10_000, exchangeMs: 10_000, applyMs: 10_000 },
    paths: ['server'],
    ...change,
  });
}

/** Every device adds one to every weight. */
const adding: PopulationCompute = {
  train: async () => ({
    update: { layoutHash: LAYOUT.hash, delta: new Float32Array(LAYOUT.length).fill(1), examples: 10 },
    loss: 1,
  }),
  evaluate: async ({ part }) => ({ total: 1, correct: part.index % 2, lossSum: part.index }),
};

/** A change that tells who made it, from which model. */
const telling: PopulationCompute = {
  ...adding,
  async train(client, { base }) {
    const random = seededRandom(`${client}/${base.hash}`);
    const delta = Float32Array.from({ length: LAYOUT.length }, () => random.uniform() - 0.5);
    return { update: { layoutHash: LAYOUT.hash, delta, examples: 10 }, loss: 1 };
  },
};

function populationOf(change: Partial<PopulationOptions> = {}) {
  return createPopulation({
    seed: 'population',
    clients: 1000,
    examples: 10,
    speed: { median: 10, sigma: 0.5 },
    up: { median: 1000, sigma: 0.5 },
    down: { median: 1000, sigma: 0.5 },
    dropOut: 0,
    attackers: 0,
    ...change,
  });
}

function optionsOf(rounds: number, change: Partial<PopulationSimulation> = {}): PopulationSimulation {
  return {
    seed: 'simulation',
    run: 'tiny',
    federation: federationOf(rounds),
    layout: LAYOUT,
    model: INITIAL,
    term: 1,
    population: populationOf(),
    available: 6,
    evaluateEvery: 1,
    compute: telling,
    flush,
    ...change,
  };
}

async function collect(options: PopulationSimulation): Promise<PopulationRound[]> {
  const rounds: PopulationRound[] = [];
  for await (const round of simulatePopulation(options)) rounds.push(round);
  return rounds;
}

const hashes = (rounds: readonly PopulationRound[]) => rounds.map(({ record }) => record.hash);

test('whoever turns up trains once, and is gone when the round is over', async () => {
  const rounds = await collect(optionsOf(5, { compute: adding }));
  expect(rounds.map(({ record }) => record.round)).toEqual([1, 2, 3, 4, 5]);
  for (const { record, model, invited, survivors, mostLive, evaluation } of rounds) {
    expect(model.weights[0], 'the mean of ones is one').toBeCloseTo(record.round, 3);
    expect(invited).toHaveLength(COHORT);
    expect(new Set(survivors)).toEqual(new Set(invited));
    expect(mostLive).toBe(6);
    expect(evaluation).toEqual({ total: 8, correct: 4, lossSum: 28 });
  }
  const everyone = new Set(rounds.flatMap(({ invited }) => invited));
  expect(everyone.size, 'five draws of four from a thousand').toBeGreaterThan(15);
});

test('nodes are as many as turn up, however many devices there are', async () => {
  for (const clients of [10, 1_000_000]) {
    const rounds = await collect(optionsOf(3, { population: populationOf({ clients }) }));
    expect(rounds.map(({ mostLive }) => mostLive)).toEqual([6, 6, 6]);
  }
});

test('the seed decides every model', async () => {
  const first = hashes(await collect(optionsOf(4)));
  expect(hashes(await collect(optionsOf(4)))).toEqual(first);
  expect(hashes(await collect(optionsOf(4, { seed: 'another' })))).not.toEqual(first);
  const others = populationOf({ seed: 'another' });
  expect(hashes(await collect(optionsOf(4, { population: others })))).not.toEqual(first);
});

test('how long computing takes, and in which order it is done, changes nothing', async () => {
  let turn = 0;
  const slow: PopulationCompute = {
    ...telling,
    async train(client, job, flips) {
      for (let wait = (turn++ * 7) % 5; wait > 0; wait--) await flush();
      return telling.train(client, job, flips);
    },
  };
  const population = populationOf({ dropOut: 0.2 });
  const quick = await collect(optionsOf(5, { population }));
  expect(hashes(await collect(optionsOf(5, { population, compute: slow })))).toEqual(hashes(quick));
});

test('stopped after round 3 and gone on with, it makes the models it would have made', async () => {
  const population = populationOf({ dropOut: 0.1 });
  const whole = await collect(optionsOf(6, { population }));
  const after = await collect(optionsOf(6, { population, model: whole[2]!.model, term: 2 }));
  const summary = (rounds: readonly PopulationRound[]) =>
    rounds.map(({ record, survivors, upBytes }) => ({ hash: record.hash, survivors, upBytes }));
  expect(summary(after)).toEqual(summary(whole.slice(3)));
});

describe('churn', () => {
  test('devices vanish at the rate that was asked for, and rounds go on without them', async () => {
    const population = populationOf({ dropOut: 0.3 });
    const rounds = await collect(optionsOf(40, { population }));
    const vanished = rounds.reduce((sum, round) => sum + round.vanished, 0);
    const invited = rounds.reduce((sum, round) => sum + round.invited.length, 0);
    // 160 and more trials at 0.3: five standard deviations are less than 0.2.
    expect(vanished / invited).toBeGreaterThan(0.1);
    expect(vanished / invited).toBeLessThan(0.5);
    expect(rounds.some(({ survivors }) => survivors.length < COHORT)).toBe(true);
    expect(rounds.every(({ survivors }) => survivors.length >= 2)).toBe(true);
  });

  test('where everyone vanishes no round comes about, which is said by name', async () => {
    const population = populationOf({ dropOut: 1 });
    await expect(collect(optionsOf(1, { population }))).rejects.toMatchObject({ code: 'round.deadline' });
  });

  test('a device that fails is left out, and named', async () => {
    const codes: (string | undefined)[] = [];
    let failures = 0;
    const compute: PopulationCompute = {
      ...telling,
      async train(client, job, flips) {
        if (failures++ === 0) throw new MurmurationError('training.diverged', 'It diverged.');
        return telling.train(client, job, flips);
      },
    };
    const rounds = await collect(optionsOf(2, { compute, onNotice: ({ code }) => codes.push(code) }));
    expect(rounds[0]!.survivors).toHaveLength(COHORT - 1);
    expect(codes).toContain('training.diverged');
  });
});

describe('attacks', () => {
  const rounds = async (type: 'sign-flip' | 'inner-product' | 'little-is-enough', attackers: number) =>
    collect(
      optionsOf(3, {
        compute: adding,
        population: populationOf({ attackers }),
        attack: { type, strength: 1 },
      }),
    );

  test('a sum in which everyone flips its sign goes the other way', async () => {
    const [first] = await rounds('sign-flip', 1);
    expect(first!.model.weights[0]).toBeCloseTo(-1, 3);
    expect(first!.liarsInSum).toBe(COHORT);
  });

  test('liars are as many as the population has of them', async () => {
    const some = await rounds('sign-flip', 0.5);
    for (const { model, liarsInSum } of some.slice(0, 1))
      expect(model.weights[0]).toBeCloseTo((COHORT - 2 * liarsInSum) / COHORT, 3);
    expect(some.reduce((sum, { liars }) => sum + liars, 0)).toBeGreaterThan(0);
  });

  test('the omniscient send what follows from the honest of their round', async () => {
    const [first] = await rounds('inner-product', 0.3);
    const { liarsInSum, model } = first!;
    expect(liarsInSum).toBeGreaterThan(0);
    expect(liarsInSum).toBeLessThan(COHORT);
    expect(model.weights[0], 'the honest send one, liars minus their mean').toBeCloseTo(
      (COHORT - 2 * liarsInSum) / COHORT,
      3,
    );
    const [little] = await rounds('little-is-enough', 0.5);
    expect(little!.model.weights[0], 'ones deviate by nothing').toBeCloseTo(1, 3);
  });

  test('only those who lie are asked to train on flipped labels', async () => {
    const asked = new Map<number, boolean>();
    const compute: PopulationCompute = {
      ...adding,
      train(client, job, flips) {
        asked.set(client, flips);
        return adding.train(client, job, flips);
      },
    };
    const population = populationOf({ attackers: 0.5 });
    await collect(optionsOf(3, { compute, population, attack: { type: 'label-flip', strength: 1 } }));
    expect([...asked].every(([client, flips]) => population.device(client).lies === flips)).toBe(true);
    expect(new Set(asked.values())).toEqual(new Set([true, false]));
  });
});

test('under secure aggregation the model is the same as without', async () => {
  const secure = federationOf(2, {
    privacy: { secureAggregation: 'secagg' },
    cohort: { minParticipants: 3, groupSize: COHORT },
  });
  const plain = federationOf(2, { cohort: { minParticipants: 3, groupSize: COHORT } });
  const masked = await collect(optionsOf(2, { federation: secure, compute: adding }));
  const open = await collect(optionsOf(2, { federation: plain, compute: adding }));
  expect(masked.map(({ record }) => record.secure !== null)).toEqual([true, true]);
  expect(masked[1]!.model.weights[0]).toBeCloseTo(open[1]!.model.weights[0]!, 2);
  expect(masked[0]!.upBytes, 'keys and shares come on top').toBeGreaterThan(open[0]!.upBytes);
});

test('slow devices take longer in simulated time', async () => {
  const slow = populationOf({ speed: { median: 5, sigma: 0 } });
  const quick = populationOf({ speed: { median: 10, sigma: 0 } });
  const [first] = await collect(optionsOf(1, { population: slow }));
  const [second] = await collect(optionsOf(1, { population: quick }));
  // Ten examples at five a second, or at ten.
  expect(first!.atMs - second!.atMs).toBeCloseTo(1000, -1);
});

test('where the server judges, it judges by what is measured, and every round is given out once', async () => {
  let evaluated = 0;
  const compute: PopulationCompute = {
    ...telling,
    evaluate: (job) => {
      if (job.part.index === 0) evaluated++;
      return telling.evaluate(job);
    },
  };
  const federation = federationOf(4, { evaluation: 'server' });
  const rounds = await collect(optionsOf(4, { federation, compute }));
  expect(rounds.map(({ record }) => record.round)).toEqual([1, 2, 3, 4]);
  expect(rounds.every(({ evaluation }) => evaluation?.total === 8)).toBe(true);
  // The first model too, once each.
  expect(evaluated).toBeLessThanOrEqual(5);
  expect(hashes(rounds)).toEqual(hashes(await collect(optionsOf(4))));
});

test('a model that gets worse goes back to the best version, and on from there', async () => {
  // Of what was measured, only the first version is right.
  const compute: PopulationCompute = {
    ...telling,
    evaluate: async ({ model }) => ({ total: 100, correct: model.version === 1 ? 90 : 10, lossSum: 1 }),
  };
  const federation = federationOf(5, {
    evaluation: 'server',
    strategy: { type: 'fedavg', weighting: 'uniform', rollback: { afterRounds: 2, threshold: 0.1 } },
  });
  const rounds = await collect(optionsOf(5, { federation, compute }));
  const back = rounds.findIndex(({ survivors }) => survivors.length === 0);
  expect(back).toBeGreaterThan(1);
  expect(rounds[back]!.record.hash).toBe(rounds[0]!.record.hash);
  expect(rounds.map(({ record }) => record.round)).toEqual([1, 2, 3, 4, 5]);
});

test('Q-22 Q-23: whoever the federation has evaluate, a measured decline takes the model back, after the last round too', async () => {
  // On the held-out set version 1 is right, and each later one is worse.
  const compute: PopulationCompute = {
    ...telling,
    evaluate: async ({ model }) => ({ total: 100, correct: 100 - 10 * model.version, lossSum: 1 }),
  };
  for (const evaluation of ['server', 'local'] as const) {
    const federation = federationOf(4, {
      evaluation,
      strategy: { type: 'fedavg', weighting: 'uniform', rollback: { afterRounds: 3, threshold: 0.05 } },
    });
    const rounds = await collect(optionsOf(4, { federation, compute }));
    expect(
      rounds.map(({ record }) => [record.round, record.rollback?.to]),
      evaluation,
    ).toEqual([
      [1, undefined],
      [2, undefined],
      [3, undefined],
      [4, undefined],
      [5, 1],
    ]);
    expect(rounds[4]!.record.hash).toBe(rounds[0]!.record.hash);
    expect(rounds[4]!.evaluation, 'of the model that the run ends with').toBeDefined();
  }
});

describe('buffered', () => {
  const buffered = (rounds: number) =>
    federationOf(rounds, {
      strategy: { type: 'fedbuff', weighting: 'uniform' },
      cohort: { minParticipants: 2, groupSize: 2 },
      deadlines: { trainMs: 100_000, exchangeMs: 10_000, applyMs: 10_000 },
    });
  /** Speeds that lie far apart. */
  const population = populationOf({ speed: { median: 10, sigma: 1.5 } });

  test('steps are made of the first that are ready; whoever took part is replaced', async () => {
    const rounds = await collect(optionsOf(12, { federation: buffered(12), population, compute: adding }));
    expect(rounds.map(({ record }) => record.round)).toEqual(Array.from({ length: 12 }, (_, i) => i + 1));
    expect(rounds.every(({ survivors }) => survivors.length === 2)).toBe(true);
    expect(Math.max(...rounds.map(({ mostLive }) => mostLive))).toBe(6);
    expect(rounds.at(-1)!.model.weights[0]).toBeCloseTo(12, 2);
    expect(new Set(rounds.flatMap(({ survivors }) => survivors)).size).toBe(24);
  });

  test('twelve updates take less time than three rounds that wait for the slowest of four', async () => {
    const quick = await collect(optionsOf(6, { federation: buffered(6), population, available: 4 }));
    const slow = await collect(optionsOf(3, { population, available: 4 }));
    expect(quick.at(-1)!.atMs).toBeLessThan(slow.at(-1)!.atMs);
  });

  test('the seed decides, whatever computing takes', async () => {
    let turn = 0;
    const late: PopulationCompute = {
      ...telling,
      async train(client, job, flips) {
        for (let wait = (turn++ * 7) % 5; wait > 0; wait--) await flush();
        return telling.train(client, job, flips);
      },
    };
    const federation = buffered(8);
    const churning = populationOf({ speed: { median: 10, sigma: 1.5 }, dropOut: 0.2 });
    const quick = await collect(optionsOf(8, { federation, population: churning }));
    const again = await collect(optionsOf(8, { federation, population: churning, compute: late }));
    expect(hashes(again)).toEqual(hashes(quick));
  });
});

test('leaving early cancels what is being computed', async () => {
  let cancelled = 0;
  let evaluated: (counts: EvaluationCounts) => void = () => undefined;
  const compute: PopulationCompute = {
    train(client, job, flips) {
      if (job.base.version === 0) return telling.train(client, job, flips);
      // The first round is given out now, while the second is being computed, which never ends.
      evaluated({ total: 1, correct: 1, lossSum: 0 });
      return new Promise((_, reject) => {
        job.signal.addEventListener('abort', () => {
          cancelled++;
          reject(job.signal.reason);
        });
      });
    },
    evaluate: ({ part }) =>
      part.index > 0
        ? Promise.resolve({ total: 0, correct: 0, lossSum: 0 })
        : new Promise((resolve) => {
            evaluated = resolve;
          }),
  };
  for await (const { record } of simulatePopulation(optionsOf(5, { compute }))) {
    expect(record.round).toBe(1);
    break;
  }
  expect(cancelled).toBeGreaterThan(0);
});
