import { existsSync, readFileSync } from 'node:fs';
import { check } from '../../shared/errors/index.ts';
import {
  createPopulation,
  type PopulationRound,
  type PopulationSimulation,
  type SimulationNotice,
  simulatePopulation,
} from '../../shared/simulate/index.ts';
import { type CompiledModel, compileModel } from '../../shared/training/index.ts';
import { type Model, makeModel } from '../../shared/update/index.ts';
import { startWorkerPool, type WorkerPool } from '../study-pool.ts';
import type { StudyState } from '../study-state.ts';
import { loadStudy, saveStudy } from '../study-state.ts';
import { type Datasets, loadDatasets } from './datasets.ts';
import type { SimulationPlan } from './plan.ts';

/** What a simulation has to show for one round. */
export interface RoundResult {
  readonly round: number;
  readonly hash: string;
  /** Of the test set; undefined for a round that was not evaluated. */
  readonly accuracy: number | undefined;
  readonly loss: number | undefined;
  /** Since the beginning of the simulation. */
  readonly simulatedSeconds: number;
  readonly invited: number;
  readonly survivors: number;
  readonly vanished: number;
  readonly liars: number;
  readonly liarsInSum: number;
  /** Attempts at this round that came to nothing. */
  readonly abandoned: number;
  /** The version that the model went back to; absent of a round that went on. */
  readonly rolledBackTo?: number;
  readonly upBytes: number;
  readonly downBytes: number;
  readonly clipped: number;
  readonly largestNorm: number;
  readonly mostLive: number;
  /** Of this machine: time since the round before, processor time of all threads, memory of the process. */
  readonly seconds: number;
  readonly cpuSeconds: number;
  /** Of that, the thread that runs the federation; undefined where the system does not tell. */
  readonly mainSeconds: number | undefined;
  readonly residentBytes: number;
}

export type SimulationState = StudyState<RoundResult>;

/** What simulations of one plan have in common: data, threads, the first model. */
export interface Laboratory {
  readonly datasets: Datasets;
  readonly compiled: CompiledModel;
  readonly initial: Model;
  readonly pool: WorkerPool;
}

export async function openLaboratory(plan: SimulationPlan): Promise<Laboratory> {
  const { federation, seed, examplesPerClient, split } = plan;
  const compiled = compileModel(federation);
  const datasets = await loadDatasets(plan.data, federation.data, seed);
  check(
    split.kind === 'iid' || datasets.train.targets instanceof Uint16Array,
    'argument.invalid',
    'Only classes can be dealt out unevenly.',
    { path: '--split', expected: 'iid for values', received: split.kind },
  );
  const pool = await startWorkerPool(plan.workers, {
    federation,
    train: datasets.train,
    test: datasets.test,
    division: { seed, examplesPerClient, by: split },
  });
  return { datasets, compiled, initial: makeModel(0, compiled.layout, compiled.initialWeights()), pool };
}

export interface RunOptions {
  /** Where the state is kept, to go on from. */
  readonly stateFile?: string;
  readonly onRound?: (result: RoundResult) => void;
  readonly onNotice?: (notice: SimulationNotice) => void;
  readonly signal?: AbortSignal;
}

/**
 * Runs a plan to its end, or goes on with it. What was reached is in the results given to `onRound`, whatever happens then.
 * @throws as `simulatePopulation` and `loadStudy`.
 */
export async function runPlan(
  plan: SimulationPlan,
  { compiled, initial, pool }: Laboratory,
  { stateFile, onRound, onNotice, signal }: RunOptions = {},
): Promise<readonly RoundResult[]> {
  const configuration = configurationOf(plan, pool.instructionSet);
  const { layout } = compiled;
  const before =
    stateFile === undefined ? undefined : await loadStudy<RoundResult>(stateFile, layout, configuration);
  const results = [...(before?.state.rounds ?? [])];
  for (const result of results) onRound?.(result);
  const last = results.at(-1);
  if (last !== undefined && isOver(plan, last)) return results;
  const term = (before?.state.term ?? 0) + 1;
  const simulatedBefore = last?.simulatedSeconds ?? 0;
  let meter = readMeter();
  const rounds = simulatePopulation({
    ...simulationOf(plan, { compiled, pool }),
    model: before?.model ?? initial,
    term,
    ...(onNotice === undefined ? {} : { onNotice }),
    ...(signal === undefined ? {} : { signal }),
  });
  for await (const round of rounds) {
    const now = readMeter();
    const result = resultOf(round, simulatedBefore, meter, now);
    meter = now;
    results.push(result);
    if (stateFile !== undefined) {
      const state: SimulationState = {
        format: 'murmuration/study',
        formatVersion: 1,
        configuration,
        term,
        modelHash: round.model.hash,
        rounds: results,
        trouble: [],
      };
      await saveStudy(stateFile, state, round.model);
    }
    onRound?.(result);
    if (isOver(plan, result)) break;
  }
  return results;
}

/** All of a simulation but where it begins. */
function simulationOf(
  plan: SimulationPlan,
  { compiled, pool }: Pick<Laboratory, 'compiled' | 'pool'>,
): Omit<PopulationSimulation, 'model' | 'term'> {
  return {
    seed: plan.seed,
    run: `simulated-${plan.federation.id}`.slice(0, 64),
    federation: plan.federation,
    layout: compiled.layout,
    population: createPopulation({ ...plan, examples: plan.examplesPerClient }),
    ...(plan.attack === undefined ? {} : { attack: plan.attack }),
    available: plan.available,
    evaluateEvery: plan.evaluateEvery,
    compute: pool,
    flush: () => new Promise((resolve) => setImmediate(resolve)),
  };
}

function isOver(plan: SimulationPlan, { round, accuracy }: RoundResult): boolean {
  const isReached =
    plan.targetAccuracy !== undefined && accuracy !== undefined && accuracy >= plan.targetAccuracy;
  // A model that may go back can do so after the last round too: the simulation ends by itself. SPEC Q-23.
  return isReached || (plan.federation.strategy.rollback === undefined && round >= plan.rounds);
}

/** One round after the other, for as long as they are asked for: what is measured of a round is its own. */
export async function* roundByRound(
  plan: SimulationPlan,
  laboratory: Laboratory,
): AsyncGenerator<RoundResult, void> {
  const rounds = simulatePopulation({
    ...simulationOf(plan, laboratory),
    model: laboratory.initial,
    term: 1,
    evaluateEvery: 0,
  });
  try {
    for (;;) {
      const meter = readMeter();
      const { value, done } = await rounds.next();
      if (done || value === undefined) return;
      yield resultOf(value, 0, meter, readMeter());
    }
  } finally {
    await rounds.return();
  }
}

interface Meter {
  readonly atMs: number;
  readonly cpuSeconds: number;
  readonly mainSeconds: number | undefined;
}

function readMeter(): Meter {
  const { user, system } = process.cpuUsage();
  return {
    atMs: performance.now(),
    cpuSeconds: (user + system) / 1e6,
    mainSeconds: readMainSeconds(),
  };
}

/** Linux: proc(5), utime and stime of the main thread, in hundredths of a second. */
function readMainSeconds(): number | undefined {
  const file = `/proc/self/task/${process.pid}/stat`;
  if (!existsSync(file)) return undefined;
  const stat = readFileSync(file, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function resultOf(round: PopulationRound, before: number, from: Meter, to: Meter): RoundResult {
  const { record, evaluation, updates } = round;
  return {
    round: record.round,
    hash: record.hash,
    accuracy: evaluation && evaluation.correct / evaluation.total,
    loss: evaluation && evaluation.lossSum / evaluation.total,
    simulatedSeconds: before + round.atMs / 1000,
    invited: round.invited.length,
    survivors: round.survivors.length,
    vanished: round.vanished,
    liars: round.liars,
    liarsInSum: round.liarsInSum,
    abandoned: record.attempt,
    ...(record.rollback === undefined ? {} : { rolledBackTo: record.rollback.to }),
    upBytes: round.upBytes,
    downBytes: round.downBytes,
    clipped: updates.clipped,
    largestNorm: updates.largestNorm,
    mostLive: round.mostLive,
    seconds: (to.atMs - from.atMs) / 1000,
    cpuSeconds: to.cpuSeconds - from.cpuSeconds,
    mainSeconds:
      to.mainSeconds === undefined || from.mainSeconds === undefined
        ? undefined
        : to.mainSeconds - from.mainSeconds,
    residentBytes: process.memoryUsage.rss(),
  };
}

/** What the models depend on: all of the plan but how many rounds there are and how many threads compute them. */
function configurationOf(plan: SimulationPlan, instructionSet: string): StudyState['configuration'] {
  const { workers: _, rounds: __, targetAccuracy: ___, federation, ...rest } = plan;
  const { rounds: ____, ...document } = federation;
  return { plan: JSON.stringify(rest), federation: JSON.stringify(document), instructionSet };
}
