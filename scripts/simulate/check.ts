import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { MurmurationError } from '../../shared/errors/index.ts';
import { formatTable, grouped, quantile } from '../table.ts';
import type { MeasuredProcess } from './measure-process.ts';
import type { SimulationPlan } from './plan.ts';
import { type Laboratory, type RoundResult, roundByRound } from './run.ts';
import { peakBytes } from './summary.ts';

/** One figure and the bound that it is held to. */
export interface Criterion {
  readonly name: string;
  readonly value: string;
  readonly bound: string;
  readonly isMet: boolean;
}

/** Of how many rounds the peak is what later ones, and other populations, are compared with. */
const FIRST_ROUNDS = 10;
/** How much above that a peak may be: collections of garbage come when they come. */
const MEMORY_GROWTH = 0.25;
/** A tenth of the clients. */
const FEWER = 10;
const COST_GROWTH = 0.1;
/** Besides: what medians of this many rounds differ by when nothing does. */
const COST_NOISE = 0.05;
const COST_ROUNDS = 9;
const SPEED_UP = 1.7;
const SCALING_ROUNDS = 5;

/** Whether memory and cost stay as they are with more rounds and more clients. */
export async function checkBounds(
  plan: SimulationPlan,
  laboratory: Laboratory,
  results: readonly RoundResult[],
): Promise<readonly Criterion[]> {
  const first = peakBytes(results.slice(0, FIRST_ROUNDS));
  const whole = peakBytes(results);
  const criteria: Criterion[] = [
    {
      name: 'rounds',
      value: String(results.length),
      bound: String(plan.rounds),
      isMet: results.length === plan.rounds || plan.targetAccuracy !== undefined,
    },
  ];
  if (results.length > FIRST_ROUNDS)
    criteria.push(
      memoryCriterion(
        `peak memory of ${results.length} rounds, against that of ${FIRST_ROUNDS}`,
        first,
        whole,
      ),
    );
  const fewer = { ...plan, clients: Math.max(plan.available, Math.ceil(plan.clients / FEWER)) };
  if (fewer.clients === plan.clients) return criteria;
  const few = await measureProcess({ ...fewer, rounds: Math.min(FIRST_ROUNDS, plan.rounds) });
  criteria.push(
    memoryCriterion(
      `peak memory with ${grouped(plan.clients)} clients, against ${grouped(fewer.clients)}`,
      few.peakBytes,
      first,
    ),
  );
  const [costOfFew, costOfMany] = await compareCosts([fewer, plan], laboratory);
  const growth = costOfMany / costOfFew - 1;
  criteria.push({
    name: `processor time a round with ${grouped(plan.clients)} clients, against ${grouped(fewer.clients)}`,
    value: `${costOfMany.toFixed(2)} s, ${costOfFew.toFixed(2)} s: ${percent(growth)}`,
    bound: `${percent(COST_GROWTH)} and ${percent(COST_NOISE)} of noise`,
    isMet: growth <= COST_GROWTH + COST_NOISE,
  });
  return criteria;
}

function memoryCriterion(name: string, before: number, after: number): Criterion {
  const growth = after / before - 1;
  return {
    name,
    value: `${grouped(after / 1e6)} MB, ${grouped(before / 1e6)} MB: ${percent(growth)}`,
    bound: percent(MEMORY_GROWTH),
    isMet: growth <= MEMORY_GROWTH,
  };
}

/** Medians of the processor time of rounds, which two simulations compute in turn, so that a busy machine is busy for both. */
async function compareCosts(
  plans: readonly [SimulationPlan, SimulationPlan],
  laboratory: Laboratory,
): Promise<[number, number]> {
  const runs = plans.map((plan) => roundByRound({ ...plan, rounds: COST_ROUNDS }, laboratory));
  const seconds: [number[], number[]] = [[], []];
  for await (const results of inTurn(runs))
    results.forEach(({ cpuSeconds }, i) => {
      seconds[i]?.push(cpuSeconds);
    });
  return [quantile(seconds[0].slice(1), 0.5), quantile(seconds[1].slice(1), 0.5)];
}

/** The same rounds on one core and on two, with as many workers, each in a process that is bound to them. */
export async function measureScaling(plan: SimulationPlan): Promise<readonly Criterion[]> {
  const rounds = Math.min(plan.rounds, SCALING_ROUNDS);
  const one = await measureProcess({ ...plan, rounds, workers: 1 }, '0');
  const two = await measureProcess({ ...plan, rounds, workers: 2 }, '0,1');
  const speedUp = one.roundSeconds / two.roundSeconds;
  const isSame = one.hashes.join() === two.hashes.join();
  return [
    {
      name: `two cores against one, median time of ${rounds - 1} rounds`,
      value: `${one.roundSeconds.toFixed(2)} s, ${two.roundSeconds.toFixed(2)} s: ${speedUp.toFixed(2)} times as fast`,
      bound: `${SPEED_UP} times`,
      isMet: speedUp >= SPEED_UP,
    },
    { name: 'models are the same', value: isSame ? 'yes' : 'no', bound: 'yes', isMet: isSame },
  ];
}

/** The next of each, one after the other, until one is done. */
async function* inTurn<T>(runs: readonly AsyncGenerator<T, void>[]): AsyncGenerator<T[], void> {
  try {
    for (;;) {
      const results: T[] = [];
      for (const run of runs) {
        const { value, done } = await run.next();
        if (done) return;
        results.push(value as T);
      }
      yield results;
    }
  } finally {
    for (const run of runs) await run.return();
  }
}

/**
 * In a process of its own, so that what this one held before does not count.
 * @param cores numbers of those it is bound to, as taskset has them; left out, all.
 */
async function measureProcess(plan: SimulationPlan, cores?: string): Promise<MeasuredProcess> {
  const folder = await mkdtemp(join(tmpdir(), 'murmuration-simulate-'));
  try {
    const planFile = join(folder, 'plan.json');
    const outFile = join(folder, 'measured.json');
    await writeFile(planFile, JSON.stringify(plan));
    const script = join(import.meta.dirname, 'measure-process.ts');
    const command = [process.execPath, '--import', 'tsx', script, planFile, outFile];
    const [program, ...args] = cores === undefined ? command : ['taskset', '--cpu-list', cores, ...command];
    await promisify(execFile)(program!, args);
    return JSON.parse(await readFile(outFile, 'utf8')) as MeasuredProcess;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT' || cores === undefined) throw cause;
    throw new MurmurationError('argument.invalid', 'Here a process cannot be bound to a core.', {
      path: '--scaling',
      expected: 'taskset, as Linux has it',
      cause,
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function percent(part: number): string {
  return `${part >= 0 ? '+' : '−'}${(100 * Math.abs(part)).toFixed(1)} %`;
}

/** @returns whether all are met. */
export function printCriteria(criteria: readonly Criterion[]): boolean {
  const rows = criteria.map(({ name, value, bound, isMet }) => [
    name,
    value,
    bound,
    isMet ? 'met' : 'MISSED',
  ]);
  console.log(formatTable(['what', 'measured', 'at most, or at least', ''], rows));
  return criteria.every(({ isMet }) => isMet);
}
