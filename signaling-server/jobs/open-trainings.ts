import type { Logger } from 'pino';
import type { AuditLog } from '../audit/audit-log.ts';
import type { ServerEvents } from '../events.ts';
import type { BudgetService } from '../privacy/budget-service.ts';
import type { Leadership } from '../replicas/leadership.ts';
import type { Database } from '../storage/database.ts';
import type { Repository } from '../storage/repository.ts';
import { readControls } from './federation-controls.ts';
import { type Incident, operationsRepository } from './operations-repository.ts';
import { createOverseer, type Overseer } from './overseer.ts';
import type { JobQueue } from './queue.ts';
import type { SeatView } from './seat-order.ts';
import type { TrainingService } from './training.ts';
import { createTrainingChanges } from './training-changes.ts';
import { trainingRepository } from './training-repository.ts';
import { createTrainingService } from './training-service.ts';

export interface TrainingsOptions {
  readonly database: Database;
  readonly repository: Repository;
  readonly events: ServerEvents;
  readonly audit: Pick<AuditLog, 'record'>;
  readonly budgets: Pick<BudgetService, 'budgetOf'>;
  /** Left out, as their settings say. */
  readonly controlOf?: (federation: string) => SeatView['control'];
  readonly leadership: Pick<Leadership, 'lead'>;
  readonly queue: Pick<JobQueue, 'send' | 'work'>;
  readonly maxConcurrent: number;
  readonly log: Logger;
  readonly nowMs?: () => number;
  readonly pollMs?: number;
}

export interface Trainings {
  readonly service: TrainingService;
  readonly overseer: Overseer;
  /** Reports of when everything was stopped, newest first. */
  incidents(limit: number): Promise<readonly Incident[]>;
  close(): Promise<void>;
}

const START_JOB = 'training-start';

/** Trainings over this database; resolves once it is known what they and the switches of this server say. */
export async function openTrainings(options: TrainingsOptions): Promise<Trainings> {
  const { database, repository, events, audit, budgets, queue, log } = options;
  const nowMs = options.nowMs ?? Date.now;
  const trainings = trainingRepository(database);
  const operations = operationsRepository(database);
  const changes = createTrainingChanges({
    repository: trainings,
    maxConcurrent: options.maxConcurrent,
    events,
    nowMs,
  });
  const { controlOf } = options;
  const overseer = createOverseer({
    ...options,
    trainings,
    operations,
    changes,
    nowMs,
    controlsOf: async (federations) =>
      controlOf === undefined
        ? readControls(database, federations)
        : new Map(federations.map((id) => [id, controlOf(id)])),
  });
  const service = createTrainingService({
    trainings,
    operations,
    repository,
    changes,
    overseer,
    audit,
    budgetShare: async (id) => (await budgets.budgetOf({ kind: 'federation', id })).spent ?? undefined,
    onScheduled: ({ id }, startAtMs) =>
      queue.send(
        START_JOB,
        { training: id },
        { startAfterMs: Math.max(0, startAtMs - nowMs()), singletonKey: id },
      ),
    nowMs,
  });
  await queue.work(START_JOB, () => overseer.refresh());
  await overseer.refresh();
  log.debug({ maxConcurrent: options.maxConcurrent }, 'trainings are looked after');
  return { service, overseer, incidents: operations.listIncidents, close: () => overseer.close() };
}
