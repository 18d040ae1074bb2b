import { check } from '../../shared/errors/index.ts';
import type { EvaluationCounts, Trainer, TrainResult } from '../../shared/training/index.ts';
import type { Model } from '../../shared/update/index.ts';
import { createJobThread } from '../../signaling-server/threads/job-thread.ts';
import { threadScript } from '../../signaling-server/threads/thread-script.ts';
import type { TrainerJob, TrainerReady, TrainerSetup } from './trainer-protocol.ts';

export interface NodeTrainer extends Trainer, TrainerReady {
  close(): Promise<void>;
}

export const SCRIPT = threadScript(new URL('./trainer-thread.ts', import.meta.url));
/** The engine cancels a round's training by its deadline; this ends a thread that does not hear. */
const TIME_LIMIT_MS = 60 * 60_000;
/** The data are read once: a thread that waits for its next round stays. setTimeout takes no more. */
const IDLE_MS = 2 ** 31 - 1;

/**
 * Trains in a thread of its own, which is started anew by the next job when it died.
 * @throws `data.*` by row and column, `training.backend-unavailable`, `model.invalid`.
 */
export async function startTrainer(
  setup: Omit<TrainerSetup, 'dataset'>,
  signal: AbortSignal,
): Promise<NodeTrainer> {
  let ready: TrainerReady | undefined;
  const thread = createJobThread<TrainerJob, TrainerReady, Model | TrainResult | EvaluationCounts>({
    name: 'Training',
    script: SCRIPT,
    prepare: async (): Promise<TrainerSetup> => ({ ...setup, dataset: ready?.dataset }),
    onReady(now) {
      ready ??= now;
    },
    onFault: () => undefined,
    timeLimitMs: TIME_LIMIT_MS,
    idleMs: IDLE_MS,
  });
  let initial: Model;
  try {
    initial = (await thread.run({ kind: 'initial' }, signal)) as Model;
    check(ready !== undefined, 'internal', 'The trainer did not say what it read.');
  } catch (thrown) {
    await thread.close();
    throw thrown;
  }
  return {
    ...ready,
    initialModel: async () => initial,
    train: ({ signal, onProgress: _, ...task }) =>
      thread.run({ kind: 'train', task }, signal) as Promise<TrainResult>,
    evaluate: ({ signal, ...task }) =>
      thread.run({ kind: 'evaluate', task }, signal) as Promise<EvaluationCounts>,
    close: () => thread.close(),
  };
}
