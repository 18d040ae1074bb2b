import type { FinishReason } from '../../shared/session/index.ts';
import { isStalled } from './early-stopping.ts';
import type { Training, TrainingConfig, TrainingStatus } from './training.ts';

/** A training as it is kept. */
export interface StoredTraining extends Training {
  /** Version that the run was at when the training began: its rounds are counted from there. */
  readonly fromRound: number;
}

/** What happens to a training. Commands may be refused; whatever else does not concern a status changes nothing. */
export type TrainingEvent =
  // commands
  | { readonly type: 'pause'; readonly reason: string }
  | { readonly type: 'resume' }
  /** As `resume`, while too many others run. */
  | { readonly type: 'queue' }
  | { readonly type: 'stop'; readonly reason: string }
  | { readonly type: 'configure'; readonly config: TrainingConfig }
  // of this server
  /** Its time has not come, or too many are running. */
  | { readonly type: 'schedule' }
  /** @property round Version that the run is at. */
  | { readonly type: 'begin'; readonly round: number }
  | { readonly type: 'deadline' }
  /** Everything is stopped; and goes on. */
  | { readonly type: 'incident' }
  | { readonly type: 'calm' }
  // of its run
  | { readonly type: 'committed'; readonly round: number }
  /** @property history Values of the metric that early stopping goes by, of this training, this one included. */
  | {
      readonly type: 'evaluated';
      readonly round: number;
      readonly accuracy: number | null;
      readonly loss: number | null;
      readonly history: readonly number[];
    }
  /** @property inARow Attempts without a commit between them, this one included. */
  | { readonly type: 'abandoned'; readonly code: string; readonly inARow: number }
  /** The coordinator ended the run. */
  | { readonly type: 'finished'; readonly reason: FinishReason };

export type TrainingOrder =
  /** Whoever coordinates the run looks what to do now: jobs/seat-order.ts. */
  { readonly type: 'obey' } | { readonly type: 'end-run'; readonly status: 'finished' | 'stopped' };

export interface TrainingStep {
  /** The same object where nothing changed. */
  readonly training: StoredTraining;
  readonly orders: readonly TrainingOrder[];
  /** The status does not allow this command. */
  readonly isRefused: boolean;
}

/** By what somebody asked for: neither failed nor done. */
export const BY_OPERATOR = 'operator';
export const INCIDENT = 'incident';
const DEFAULT_MAX_ABANDONED = 20;
const DONE: ReadonlySet<string> = new Set<FinishReason>([
  'maximum-rounds',
  'target-accuracy',
  'early-stopping',
]);

export function isOver(status: TrainingStatus): boolean {
  return status === 'STOPPED' || status === 'SUCCEEDED' || status === 'FAILED';
}

/**
 * What becomes of a training. Pure: whoever keeps it writes the result where the revision is still the one that it was given.
 * @param atMs Milliseconds since the epoch.
 */
export function stepTraining(training: StoredTraining, event: TrainingEvent, atMs: number): TrainingStep {
  const { status } = training;
  const same: TrainingStep = { training, orders: [], isRefused: false };
  const refused: TrainingStep = { ...same, isRefused: true };
  const to = (change: Partial<StoredTraining>, orders: readonly TrainingOrder[] = [OBEY]): TrainingStep => ({
    training: { ...training, ...change, revision: training.revision + 1, updatedAtMs: atMs },
    orders,
    isRefused: false,
  });
  const end = (ended: TrainingStatus, reason: string): TrainingStep => {
    const wasRun = training.startedAtMs !== null;
    const run = { type: 'end-run', status: ended === 'SUCCEEDED' ? 'finished' : 'stopped' } as const;
    return to({ status: ended, reason, endedAtMs: atMs }, wasRun ? [run, OBEY] : [OBEY]);
  };
  const stopping = (reason: string): TrainingStep => {
    if (status === 'CREATED' || status === 'SCHEDULED') return end(outcomeOf(reason), reason);
    return to({ status: 'STOPPING', reason });
  };
  const isActive = status === 'RUNNING' || status === 'PAUSED';
  const isBegun = isActive || status === 'STOPPING';

  switch (event.type) {
    case 'pause':
      if (status === 'PAUSED') return same;
      return status === 'RUNNING' ? to({ status: 'PAUSED', reason: event.reason }) : refused;
    case 'resume':
      if (status === 'RUNNING') return same;
      return status === 'PAUSED' ? to({ status: 'RUNNING', reason: null }) : refused;
    case 'stop':
      if (status === 'STOPPING') return same;
      return isOver(status) ? refused : stopping(event.reason);
    case 'configure': {
      if (isOver(status) || status === 'STOPPING') return refused;
      const { maxRounds } = event.config;
      const isDone = isActive && maxRounds !== undefined && training.round >= training.fromRound + maxRounds;
      const change = { config: event.config };
      return to(isDone ? { ...change, status: 'STOPPING', reason: 'maximum-rounds' } : change);
    }
    case 'queue':
      if (status === 'RUNNING' || status === 'SCHEDULED') return same;
      return status === 'PAUSED' ? to({ status: 'SCHEDULED', reason: null }) : refused;
    case 'schedule':
      // Whoever decided this may have read of it before it began elsewhere, and was paused.
      return status === 'CREATED' ? to({ status: 'SCHEDULED', reason: null }) : same;
    case 'begin': {
      if (status !== 'CREATED' && status !== 'SCHEDULED') return same;
      const isFirst = training.startedAtMs === null;
      const { round } = event;
      return to({
        status: 'RUNNING',
        reason: null,
        ...(isFirst ? { startedAtMs: atMs, fromRound: round, round } : {}),
      });
    }
    case 'deadline':
      return isOver(status) || status === 'STOPPING' ? same : stopping('deadline');
    case 'incident':
      return status === 'RUNNING' ? to({ status: 'PAUSED', reason: INCIDENT }) : same;
    case 'calm':
      return status === 'PAUSED' && training.reason === INCIDENT
        ? to({ status: 'RUNNING', reason: null })
        : same;
    case 'committed':
      if (!isBegun || event.round <= training.round) return same;
      return to({ round: event.round }, []);
    case 'evaluated': {
      if (!isBegun) return same;
      const { accuracy, loss, history } = event;
      const { earlyStopping } = training.config;
      const change = { accuracy, loss, round: Math.max(training.round, event.round) };
      if (isActive && earlyStopping !== undefined && isStalled(history, earlyStopping))
        return to({ ...change, status: 'STOPPING', reason: 'early-stopping' });
      const isNews =
        accuracy !== training.accuracy || loss !== training.loss || change.round > training.round;
      return isNews ? to(change, []) : same;
    }
    case 'abandoned':
      if (!isActive || event.inARow < (training.config.maxAbandoned ?? DEFAULT_MAX_ABANDONED)) return same;
      return stopping(event.code);
    case 'finished': {
      if (!isBegun) return same;
      if (DONE.has(event.reason)) return end('SUCCEEDED', event.reason);
      const reason = status === 'STOPPING' ? training.reason! : event.reason;
      return end(status === 'STOPPING' ? outcomeOf(reason) : 'FAILED', reason);
    }
  }
}

const OBEY: TrainingOrder = { type: 'obey' };

/** Of a training that stopped for this reason. */
export function outcomeOf(reason: string): 'SUCCEEDED' | 'STOPPED' | 'FAILED' {
  if (DONE.has(reason)) return 'SUCCEEDED';
  return reason.startsWith(BY_OPERATOR) ? 'STOPPED' : 'FAILED';
}
