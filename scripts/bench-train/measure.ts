import type { TrainingModel } from '../../shared/testing/training-models.ts';
import { compileModel } from '../../shared/training/index.ts';
import { quantile } from '../table.ts';
import { trainingFlops } from './flops.ts';
import { type Host, type KeptSide, keepSide } from './host.ts';
import { benchmarkFederation } from './models.ts';
import type { Column, StepJob } from './side.ts';

export interface Plan {
  readonly batchSize: number;
  /** Timed steps per column, fewer where they are slow. */
  readonly steps: number;
  /** What the timed steps of one column may take together. */
  readonly budgetMs: number;
}

/** What a column does with a model: plain steps, or those of DP-SGD. */
export interface Timing {
  readonly steps: number;
  readonly medianMs: number;
  readonly p90Ms: number;
  readonly examplesPerSecond: number;
  readonly gflops: number;
  readonly firstLoss: number;
  readonly lastLoss: number;
}

export interface Cell {
  readonly where: string;
  readonly model: TrainingModel;
  readonly column: Column;
  readonly batchSize: number;
  /** Or in words why there is none. */
  readonly plain: Timing | string;
  /** Undefined on stock sides, which do not clip per example. */
  readonly private: Timing | string | undefined;
}

/** A side that started, or in words why it did not. */
export interface Opened {
  readonly column: Column;
  readonly opened: KeptSide | string;
}

/** @param limitMs for each call. */
export async function openSides(host: Host, columns: readonly Column[], limitMs: number): Promise<Opened[]> {
  const list: Opened[] = [];
  for (const column of host.columns.filter((name) => columns.includes(name))) {
    const opened = await keepSide(host, column, limitMs).catch(reasonOf);
    list.push({ column, opened });
  }
  return list;
}

/** Jobs of one side, and what they came to so far. */
interface Lane {
  readonly column: Column;
  readonly kept: KeptSide;
  readonly samples: Map<Variant, { ms: number[]; losses: number[] }>;
  readonly failures: Map<Variant, string>;
  /** Who takes steps by turns; the others are slow enough for one. */
  readonly turns: Variant[];
  /** Timed turns still to do. */
  left: number;
  perRound: number;
}
type Variant = 'plain' | 'private';
const VARIANTS: readonly Variant[] = ['plain', 'private'];

/** A column's turns are spread over so many rounds, in which each column has its turns. */
const ROUNDS = 10;

/**
 * Times one model on all sides by turns: some steps of one, some of the next, and round again, so that a machine
 * that is busy for a while slows all of them. Plain and private steps of one side alternate one by one.
 */
export async function measureModel(
  where: string,
  model: TrainingModel,
  sides: readonly Opened[],
  plan: Plan,
): Promise<Cell[]> {
  const federation = benchmarkFederation(model, plan.batchSize, false);
  const flops = plan.batchSize * trainingFlops(federation);
  const weights = weightsOf(model);
  const lanes: Lane[] = [];
  const cells: Cell[] = [];
  for (const { column, opened } of sides) {
    if (typeof opened === 'string') {
      const isOurs = column.startsWith('ours');
      const without = { plain: opened, private: isOurs ? opened : undefined };
      cells.push({ where, model, column, batchSize: plan.batchSize, ...without });
    } else {
      lanes.push(await warmUp(column, opened, { model, batchSize: plan.batchSize, weights }, plan));
    }
  }
  while (lanes.some(({ left }) => left > 0)) for (const lane of lanes) await takeTurns(lane);
  for (const { column, kept, samples, failures } of lanes) {
    const cellOf = (variant: Variant): Timing | string =>
      failures.get(variant) ?? timing(samples.get(variant)!, plan.batchSize, flops);
    cells.push({
      where,
      model,
      column,
      batchSize: plan.batchSize,
      plain: cellOf('plain'),
      private: variantsOf(column).length === 1 ? undefined : cellOf('private'),
    });
    // What failed may have left tensors behind.
    if (failures.size === 0) await kept.side.release();
    else await kept.stop();
  }
  return cells;
}

let known: { model: TrainingModel; weights: Float32Array } | undefined;

/** The same for all sides. */
function weightsOf(model: TrainingModel): Float32Array {
  if (known?.model !== model)
    known = { model, weights: compileModel(benchmarkFederation(model, 1, false)).initialWeights() };
  return known.weights;
}

function variantsOf(column: Column): readonly Variant[] {
  return column.startsWith('ours') ? VARIANTS : ['plain'];
}

/** Prepares the jobs, and takes the steps that compile kernels. Their losses count, their times do not. */
async function warmUp(
  column: Column,
  kept: KeptSide,
  job: Pick<StepJob, 'model' | 'batchSize' | 'weights'>,
  plan: Plan,
): Promise<Lane> {
  const lane: Lane = {
    column,
    kept,
    samples: new Map(),
    failures: new Map(),
    turns: [],
    left: 0,
    perRound: 1,
  };
  let turnMs = 0;
  for (const variant of variantsOf(column)) {
    try {
      const { side } = kept;
      await side.prepare({ ...job, id: variant, isPrivate: variant === 'private' });
      const losses: number[] = [];
      let stepMs = Number.POSITIVE_INFINITY;
      while (losses.length < WARM_UP_STEPS && (losses.length === 0 || stepMs < SLOW_STEP_MS)) {
        const [first] = await side.step([variant], 1);
        losses.push(...first!.losses);
        stepMs = first!.ms[0]!;
      }
      // One more step of ours has to show that the loss falls.
      const isDone = stepMs > ENOUGH_MS && !(variant === 'plain' && column.startsWith('ours'));
      lane.samples.set(variant, { ms: isDone ? [stepMs] : [], losses });
      if (isDone) continue;
      lane.turns.push(variant);
      turnMs += stepMs;
    } catch (error) {
      lane.failures.set(variant, reasonOf(error));
    }
  }
  if (lane.turns.length > 0) {
    lane.left = Math.max(1, Math.min(plan.steps, Math.floor(plan.budgetMs / turnMs)));
    lane.perRound = Math.ceil(lane.left / ROUNDS);
  }
  return lane;
}

const WARM_UP_STEPS = 3;
/** A step of this length leaves what compiling it cost behind: it is warm enough after one. */
const SLOW_STEP_MS = 1000;
/** Of a step of this length, what is not arithmetic is a small part: the first one is measure enough. */
const ENOUGH_MS = 5000;

async function takeTurns(lane: Lane): Promise<void> {
  const turns = Math.min(lane.left, lane.perRound);
  if (turns === 0) return;
  lane.left -= turns;
  try {
    for (const { id, ms, losses } of await lane.kept.side.step(lane.turns, turns)) {
      const samples = lane.samples.get(id as Variant)!;
      samples.ms.push(...ms);
      samples.losses.push(...losses);
    }
  } catch (error) {
    for (const variant of lane.turns) lane.failures.set(variant, reasonOf(error));
    lane.left = 0;
  }
}

function timing(
  { ms, losses }: { readonly ms: readonly number[]; readonly losses: readonly number[] },
  batchSize: number,
  flops: number,
): Timing {
  const medianMs = quantile(ms, 0.5);
  return {
    steps: ms.length,
    medianMs,
    p90Ms: quantile(ms, 0.9),
    examplesPerSecond: (1000 * batchSize) / medianMs,
    gflops: flops / medianMs / 1e6,
    firstLoss: losses[0]!,
    lastLoss: losses.at(-1)!,
  };
}

/** The first line: messages of Playwright and of processes go on for many. */
function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.split('\n')[0]!.trim();
}
