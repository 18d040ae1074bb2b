import { describe, expect, test } from 'vitest';
import { MurmurationError } from '../../shared/errors/index.ts';
import { enoughOf } from '../../shared/federation/index.ts';
import { createPopulation, simulatePopulation } from '../../shared/simulate/index.ts';
import { layoutOf, makeModel } from '../../shared/update/index.ts';
import { planOf, readCommandLine, TYPICAL } from './plan.ts';
import { sampleFederation } from './sample-federation.ts';

const PARAMETERS = 1000;
const plan = (args: readonly string[], document: unknown = sampleFederation) =>
  planOf(document, readCommandLine(args).values, () => PARAMETERS);

function refusal(args: readonly string[], document: unknown = sampleFederation): string {
  try {
    plan(args, document);
  } catch (thrown) {
    if (thrown instanceof MurmurationError) return `${thrown.code}: ${thrown.message}`;
    throw thrown;
  }
  return 'accepted';
}

test('without options it is ten thousand devices, a hundred a round, and a fifth more that turn up', () => {
  expect(plan([])).toMatchObject({
    clients: 10_000,
    rounds: 100,
    data: 'mnist',
    available: 120,
    attack: undefined,
    dropOut: 0,
    speed: TYPICAL.speed,
    split: { kind: 'iid' },
  });
});

test('the file is what is left of the options', () => {
  expect(readCommandLine(['mine.json', '--clients', '5']).file).toBe('mine.json');
  expect(() => readCommandLine(['one.json', 'two.json'])).toThrow('one file');
  expect(() => readCommandLine(['--client', '5'])).toThrow("Unknown option '--client'");
});

test('another cohort needs the same part of itself', () => {
  const { federation, available } = plan(['--cohort', '50']);
  expect(federation.cohort).toEqual({ minParticipants: 10, groupSize: 50 });
  expect(available).toBe(60);
});

test('in a mesh a large cohort is several groups', () => {
  const mesh = {
    ...sampleFederation,
    paths: ['direct', 'server'],
    cohort: { minParticipants: 4, groupSize: 8 },
  };
  expect(plan(['--cohort', '40'], mesh).federation.cohort).toEqual({
    minParticipants: 8,
    groupSize: 8,
    maxParticipants: 40,
  });
});

test('C-54: overSelection is planned for as it is carried out: nobody more is invited, and ⌈n/f⌉ are waited for', async () => {
  const eager = {
    ...sampleFederation,
    strategy: { type: 'fedavg', weighting: 'uniform', selection: { overSelection: 1.5 } },
  };
  expect(plan([], eager).available, 'as without it').toBe(120);

  const { federation, available, seed, ...rest } = plan(
    ['--clients', '100', '--cohort', '10', '--rounds', '2'],
    eager,
  );
  expect(available).toBe(12);
  const layout = layoutOf([{ name: 'bias', shape: [3] }]);
  const population = createPopulation({ ...rest, seed, examples: 600 });
  const rounds = simulatePopulation({
    seed,
    run: 'planned',
    federation,
    layout,
    model: makeModel(0, layout, new Float32Array(3)),
    term: 1,
    population,
    available,
    evaluateEvery: 0,
    compute: {
      train: async () => ({
        update: { layoutHash: layout.hash, delta: Float32Array.of(1, 1, 1), examples: 600 },
        loss: 1,
      }),
      evaluate: async () => ({ total: 0, correct: 0, lossSum: 0 }),
    },
    flush: () => new Promise((resolve) => setImmediate(resolve)),
  });
  for await (const { invited, survivors, mostLive } of rounds) {
    expect(mostLive).toBe(available);
    expect(invited).toHaveLength(10);
    // ⌈10 / 1.5⌉
    expect(survivors).toHaveLength(7);
    expect(enoughOf(invited.length, federation.strategy.selection)).toBe(7);
  }
});

test('attacks, splits, speeds and rates are read', () => {
  expect(plan(['--attack', 'sign-flip:0.25'])).toMatchObject({
    attack: { type: 'sign-flip' },
    attackers: 0.25,
  });
  expect(plan(['--attack', 'gaussian:0.4:3']).attack).toEqual({ type: 'gaussian', strength: 3 });
  expect(plan(['--split', 'shards:2']).split).toEqual({ kind: 'shards', classes: 2 });
  expect(plan(['--split', 'dirichlet:0.3']).split).toEqual({ kind: 'dirichlet', alpha: 0.3 });
  expect(plan(['--speed', '20:1.5']).speed).toEqual({ median: 20, sigma: 1.5 });
  // Eight megabits a second are a thousand bytes a millisecond.
  expect(plan(['--up', '8']).up).toEqual({ median: 1000, sigma: 0 });
});

describe('what cannot be is refused, with the arithmetic', () => {
  test.each([
    [['--clients', '10'], 'argument.invalid: --clients', '20, received 10'],
    [['--clients', '100', '--available', '120'], 'argument.invalid: --available', 'at most --clients, 100'],
    [
      ['--dropout', '0.9'],
      'argument.invalid: --dropout',
      'at most 0.800: 100 invited × (1 − dropout) ≥ cohort.minParticipants, 20',
    ],
    [['--dropout', '1.5'], 'argument.invalid: --dropout', 'from 0 to 1'],
    [['--attack', 'shouting:0.5'], 'argument.invalid: --attack', 'sign-flip, gaussian'],
    [['--attack', 'sign-flip'], 'argument.invalid: --attack', 'type:part'],
    [['--attack', 'sign-flip:2'], 'argument.invalid: --attack', 'from 0 to 1'],
    [['--split', 'evenly'], 'argument.invalid: --split', 'iid, shards:CLASSES'],
    [['--split', 'dirichlet:0'], 'argument.invalid: --split', 'from 0.001'],
    [['--speed', '1:2:3'], 'argument.invalid: --speed', 'median:sigma'],
    [['--rounds', '0'], 'argument.invalid: --rounds', 'from 1'],
    [['--rounds', '1.5'], 'argument.invalid: --rounds', 'whole number'],
    [['--rounds', ''], 'argument.invalid: --rounds', 'from 1'],
    [['--workers', '0'], 'argument.invalid: --workers', 'from 1'],
  ])('%j', (args, start, words) => {
    const text = refusal(args);
    expect(text.startsWith(start), text).toBe(true);
    expect(text).toContain(words);
  });

  test('going on where the model may go back to what is not kept', () => {
    const careful = { ...sampleFederation, evaluation: 'server', strategy: { type: 'fedavg', rollback: {} } };
    expect(refusal([], careful)).toBe('accepted');
    expect(refusal(['--resume', 'state.json'], careful)).toContain('argument.invalid: --resume');
  });

  test('what devices of SCAFFOLD remember has to fit', () => {
    const scaffold = {
      ...sampleFederation,
      strategy: { type: 'scaffold', weighting: 'uniform', population: 1_000_000 },
    };
    expect(refusal(['--clients', '1000'], scaffold)).toBe('accepted');
    // 2^30 bytes ÷ 4,000 for each.
    expect(refusal(['--clients', '1000000'], scaffold)).toContain('at most 268435 with scaffold');
  });

  test('a federation that is none', () => {
    expect(refusal([], { ...sampleFederation, cohort: { minParticipants: 0 } })).toContain(
      'federation.invalid',
    );
  });
});
