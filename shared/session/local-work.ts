import type { Strategy } from '../aggregate/index.ts';
import { keepLargest, keptCount, sendPlainly } from '../compress/index.ts';
import type { Federation } from '../federation/index.ts';
import { learningRateAt } from '../training/schedule.ts';
import type { LocalUpdate } from '../update/index.ts';
import type { Trainer, TrainJob, TrainResult } from './ports.ts';
import type { RoundMemory } from './round-memory.ts';

export interface LocalJob {
  readonly strategy: Strategy;
  readonly federation: Pick<Federation, 'training' | 'strategy' | 'privacy'>;
  readonly trainer: Pick<Trainer, 'train'>;
  readonly job: TrainJob;
  readonly memory: RoundMemory;
}

/**
 * prepare ▶ train ▶ contribute: from a base to what is clipped and sent. What the device is to remember of it is proposed to its
 * memory. SPEC Y-02, Y-03.
 * @throws as training does, and what the strategy refuses, by name.
 */
export async function workLocally({
  strategy,
  federation,
  trainer,
  job,
  memory,
}: LocalJob): Promise<TrainResult> {
  const { base } = job;
  const remembered = strategy.remembers ? await memory.load('variate') : undefined;
  const result = await trainer.train({ ...job, ...strategy.prepare(base, remembered) });
  const {
    update,
    extras,
    memory: next,
  } = strategy.contribute({
    base,
    update: result.update,
    steps: result.steps ?? 0,
    learningRate: learningRateAt(federation.training, base.version),
    baseLoss: result.baseLoss,
    memory: remembered,
  });
  if (next !== undefined && !job.signal.aborted) memory.propose('variate', base, next);
  const whole = extras.length === 0 ? update : { ...update, extras };
  return { ...result, update: await largestOf(whole, federation, job, memory) };
}

/** Of a federation that sends the largest coordinates only; what is not sent is proposed to the memory. SPEC Z-13. */
async function largestOf(
  update: LocalUpdate,
  { strategy, privacy: { secureAggregation } }: LocalJob['federation'],
  { base, signal }: TrainJob,
  memory: RoundMemory,
): Promise<LocalUpdate> {
  const part = strategy.compression?.topK;
  if (part === undefined || secureAggregation !== 'none') return update;
  const remembered = await memory.load('residual');
  // What does not fit is as good as lost.
  const before = remembered?.length === update.delta.length ? remembered : undefined;
  const sparse = keepLargest(update, before, keptCount(update.delta.length, part));
  if (!signal.aborted) memory.propose('residual', base, sparse.residual);
  return sendPlainly(sparse.update, secureAggregation);
}
