import { MurmurationError } from '../../shared/errors/index.ts';
import type { ServerEvents } from '../events.ts';
import type { Training } from './training.ts';
import {
  type StoredTraining,
  stepTraining,
  type TrainingEvent,
  type TrainingOrder,
} from './training-machine.ts';
import type { TrainingRepository } from './training-repository.ts';

/** Of those who change a training at the same time all but one decide again; beyond that something else is wrong. */
const MAX_TRIES = 50;

export interface TrainingChange {
  readonly before: StoredTraining;
  readonly training: StoredTraining;
  readonly orders: readonly TrainingOrder[];
}

export interface TrainingChanges {
  /**
   * What becomes of a training, durable before it resolves, and told to whoever listens. One that is to run, while as many do as may, waits for its turn.
   * @throws `http.not-found`; `http.conflict` for a command that its status does not allow.
   */
  apply(id: string, event: TrainingEvent): Promise<TrainingChange>;
  /** What {@link apply} would make of it now. @throws as that does. */
  preview(id: string, event: TrainingEvent): Promise<TrainingChange>;
}

export interface TrainingChangesOptions {
  readonly repository: Pick<TrainingRepository, 'findTraining' | 'replaceTraining' | 'beginTraining'>;
  /** Trainings that run at the same time, on all replicas. */
  readonly maxConcurrent: number;
  readonly events: Pick<ServerEvents, 'emit'>;
  readonly nowMs: () => number;
}

export function createTrainingChanges({
  repository,
  maxConcurrent,
  events,
  nowMs,
}: TrainingChangesOptions): TrainingChanges {
  async function preview(id: string, event: TrainingEvent): Promise<TrainingChange> {
    const before = await repository.findTraining(id);
    if (before === undefined) throw unknownTraining();
    const { training, orders, isRefused } = stepTraining(before, event, nowMs());
    if (isRefused)
      throw new MurmurationError(
        'http.conflict',
        `A training that is ${before.status} allows no ${event.type}.`,
        {
          received: before.status,
          remedy: 'Read its status, and decide again.',
        },
      );
    return { before, training, orders };
  }

  return {
    preview,

    async apply(id, event) {
      let now = event;
      for (let tries = 0; tries < MAX_TRIES; tries++) {
        const { before, training, orders } = await preview(id, now);
        if (training === before) return { before, training, orders };
        if (training.status === 'RUNNING' && before.status !== 'RUNNING') {
          const outcome = await repository.beginTraining(training, before.revision, maxConcurrent);
          if (outcome === 'full') now = { type: before.status === 'PAUSED' ? 'queue' : 'schedule' };
          if (outcome !== 'begun') continue;
        } else if (!(await repository.replaceTraining(training, before.revision))) continue;
        events.emit({ type: 'training', training: toTraining(training) });
        return { before, training, orders };
      }
      throw new MurmurationError('storage.conflict', 'Others change this training all the time.', {
        remedy: 'Try again.',
      });
    },
  };
}

/** As others see it. */
export function toTraining({ fromRound: _, ...training }: StoredTraining): Training {
  return training;
}

export function unknownTraining(): MurmurationError {
  return new MurmurationError('http.not-found', 'There is no such training.', {
    remedy: 'List the trainings to see their ids.',
  });
}
