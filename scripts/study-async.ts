import { MurmurationError } from '../shared/errors/index.ts';
import type { FederationInput } from '../shared/federation/index.ts';
import { bestSoFar, roundsToTarget } from '../shared/simulate/index.ts';
import { compileModel } from '../shared/training/index.ts';
import { integerOption, readOptions, writeJson } from './options.ts';
import { planOf, readCommandLine, type SimulationPlan } from './simulate/plan.ts';
import { duration } from './simulate/progress.ts';
import { openLaboratory, type RoundResult, runPlan } from './simulate/run.ts';
import { sampleFederation } from './simulate/sample-federation.ts';
import { formatTable, grouped } from './table.ts';

/**
 * `npm run study:async`: how long FedBuff and synchronous FedAvg take on MNIST, in simulated time, with devices whose speeds are two
 * orders of magnitude apart. Everything is the same for all rows but the strategy: devices, data, network, the number of devices
 * that train at once, local training, and how the local learning rate is found: `--tune` gives every row the same rates and the same
 * number of updates, and each takes the one that is most accurate in the end.
 */
const TARGET = 0.97;
/** FedBuff's part of the time of synchronous FedAvg. */
const BOUND = 0.5;
const CLIENTS = 1000;
const EXAMPLES = 600;
/** Examples per second: six seconds at the median; one device in a hundred takes over a minute, and one six tenths of a second. */
const SPEED = '100:1';
/** Devices that train at once. */
const AT_ONCE = 30;
/** K: updates that make a step of FedBuff. */
const BUFFERED = 10;
/** With 30 invited, the round goes on with the first 23: a quarter is too slow. */
const KEPT = 23;
const MOST_UPDATES = 6000;
const TUNING_UPDATES = 600;
const RATES = [0.05, 0.1, 0.2];

type RowName = 'synchronous' | 'over-selected' | 'buffered';

interface Row {
  readonly name: RowName;
  readonly words: string;
  readonly learningRate: number;
  /** Updates in each sum. */
  readonly updates: number;
  readonly strategy: FederationInput['strategy'];
}

const ROWS: readonly Row[] = [
  {
    name: 'synchronous',
    words: `FedAvg, waits for all ${AT_ONCE}`,
    learningRate: 0.2,
    updates: AT_ONCE,
    strategy: { type: 'fedavg', weighting: 'uniform' },
  },
  {
    name: 'over-selected',
    words: `FedAvg, ${AT_ONCE} invited, the first ${KEPT} count`,
    learningRate: 0.2,
    updates: KEPT,
    strategy: {
      type: 'fedavg',
      weighting: 'uniform',
      selection: { overSelection: AT_ONCE / KEPT },
    },
  },
  {
    name: 'buffered',
    words: `FedBuff, K = ${BUFFERED}, ${AT_ONCE} train at once`,
    learningRate: 0.2,
    updates: BUFFERED,
    strategy: { type: 'fedbuff', weighting: 'uniform' },
  },
];

interface Outcome {
  readonly row: Row;
  readonly results: readonly RoundResult[];
  /** Simulated, to the target; undefined when it was not reached. */
  readonly seconds: number | undefined;
}

const options = readOptions({
  only: { type: 'string' },
  workers: { type: 'string', default: '2' },
  seed: { type: 'string', default: 'murmuration' },
  tune: { type: 'boolean', default: false },
});
const workers = integerOption('workers', options.workers, 1, 64);
const rows = ROWS.filter(({ name }) => options.only === undefined || options.only.split(',').includes(name));
if (rows.length === 0) {
  console.error(
    `--only: expected some of ${ROWS.map(({ name }) => name).join(',')}, received "${options.only}".`,
  );
  process.exit(2);
}

try {
  if (options.tune) await tune();
  else await study();
} catch (thrown) {
  console.error(thrown instanceof MurmurationError ? `${thrown.code}: ${thrown.message}` : thrown);
  process.exitCode = 1;
}

async function study(): Promise<void> {
  console.log(
    `${grouped(CLIENTS)} clients, ${EXAMPLES} digits each, ${AT_ONCE} train at once, examples per second log-normal with median and sigma ${SPEED}, seed "${options.seed}"`,
  );
  const outcomes: Outcome[] = [];
  for (const row of rows) outcomes.push(await outcomeOf(row));
  const slowest = outcomes.find(({ row }) => row.name === 'synchronous')?.seconds;
  console.log(
    `\n${formatTable(
      ['strategy', `${100 * TARGET} % after`, 'of synchronous', 'steps', 'updates', 'learning rate', 'best'],
      outcomes.map(({ row, results, seconds }) => [
        row.words,
        seconds === undefined ? 'not reached' : duration(seconds),
        seconds === undefined || slowest === undefined
          ? undefined
          : `${((100 * seconds) / slowest).toFixed(0)} %`,
        results.length,
        grouped(results.reduce((sum, { survivors }) => sum + survivors, 0)),
        row.learningRate,
        `${(100 * bestOf(results)).toFixed(2)} %`,
      ]),
    )}`,
  );
  writeJson(options.json, { target: TARGET, atOnce: AT_ONCE, speed: SPEED, seed: options.seed, outcomes });
  if (!options.check) return;
  const quickest = outcomes.find(({ row }) => row.name === 'buffered')?.seconds;
  const isMet = slowest !== undefined && quickest !== undefined && quickest <= BOUND * slowest;
  console.log(
    `${isMet ? 'met' : 'MISSED'}: FedBuff takes at most ${100 * BOUND} % of the time of synchronous FedAvg`,
  );
  if (!isMet) process.exitCode = 1;
}

async function outcomeOf(row: Row): Promise<Outcome> {
  const results = await run(planFor(row, row.learningRate, MOST_UPDATES, TARGET), row.words);
  const curve = results.flatMap(({ simulatedSeconds, accuracy }) =>
    accuracy === undefined ? [] : [{ round: simulatedSeconds, accuracy }],
  );
  return { row, results, seconds: roundsToTarget(bestSoFar(curve), TARGET) };
}

async function tune(): Promise<void> {
  const table: (string | number)[][] = [];
  for (const row of rows) {
    const accuracies: string[] = [];
    for (const rate of RATES) {
      const results = await run(planFor(row, rate, TUNING_UPDATES, undefined), `${row.words}, rate ${rate}`);
      accuracies.push(`${(100 * bestOf(results)).toFixed(2)} %`);
    }
    table.push([row.words, ...accuracies]);
  }
  console.log(
    `\nBest accuracy after ${TUNING_UPDATES} updates, by learning rate\n${formatTable(['strategy', ...RATES.map(String)], table)}`,
  );
}

async function run(plan: SimulationPlan, words: string): Promise<readonly RoundResult[]> {
  const laboratory = await openLaboratory(plan);
  try {
    return await runPlan(plan, laboratory, {
      onRound: ({ round, accuracy, simulatedSeconds, survivors, seconds }) => {
        if (accuracy === undefined) return;
        console.log(
          `${words}: step ${round}, ${duration(simulatedSeconds)}, ${(100 * accuracy).toFixed(2)} %, ${survivors} updates, ${seconds.toFixed(1)} s`,
        );
      },
      onNotice: ({ node, level, text }) => console.log(`  ${level} on ${node}: ${text}`),
    });
  } catch (thrown) {
    throw laboratory.pool.failure ?? thrown;
  } finally {
    await laboratory.pool.close();
  }
}

function planFor(
  row: Row,
  learningRate: number,
  updates: number,
  target: number | undefined,
): SimulationPlan {
  const { updates: each, strategy } = row;
  const document = {
    ...sampleFederation,
    training: { ...sampleFederation.training, optimizer: { type: 'sgd', learningRate } },
    strategy,
    cohort: { minParticipants: each, groupSize: each },
    // Nobody is too late: the slowest are what is studied.
    deadlines: { trainMs: 3_600_000, exchangeMs: 600_000, applyMs: 600_000 },
  };
  const { values } = readCommandLine([
    `--clients=${CLIENTS}`,
    `--examples-per-client=${EXAMPLES}`,
    `--speed=${SPEED}`,
    `--available=${AT_ONCE}`,
    `--rounds=${Math.ceil(updates / each)}`,
    // After as many updates for every row, or nearly.
    `--evaluate-every=${Math.max(1, Math.round(AT_ONCE / each))}`,
    `--seed=${options.seed}`,
    `--workers=${workers}`,
    ...(target === undefined ? [] : [`--target=${target}`]),
  ]);
  return planOf(document, values, (federation) => compileModel(federation).layout.length);
}

function bestOf(results: readonly RoundResult[]): number {
  return Math.max(0, ...results.flatMap(({ accuracy }) => accuracy ?? []));
}
