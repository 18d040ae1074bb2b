import type { ParticipantId } from '../../shared/identity/index.ts';
import type { CoordinatorOrder, FinishReason, RunLimits } from '../../shared/session/index.ts';
import { isOver, outcomeOf, type StoredTraining } from './training-machine.ts';

/** What decides whether the rounds of a run may go on. */
export interface SeatView {
  /** The newest one of this run. */
  readonly training: StoredTraining | undefined;
  readonly control: 'open' | 'managed';
  readonly isDraining: boolean;
  readonly isHalted: boolean;
}

/**
 * What the coordinator of a run is to do. It follows from what is kept alone, so that a restart, another replica and a message that was
 * lost all come to the same. SPEC J-07.
 */
export function seatOrders(view: SeatView): readonly CoordinatorOrder[] {
  const { training, control, isDraining, isHalted } = view;
  const limit: CoordinatorOrder = { name: 'limit', limits: limitsOf(training) };
  if (isHalted) return [limit, { name: 'halt', reason: 'The operator of this server stopped all rounds.' }];
  if (training?.status === 'STOPPING') return [limit, { name: 'end', reason: endOf(training) }];
  const reason = holdReason(training, control, isDraining);
  return [limit, reason === undefined ? { name: 'go' } : { name: 'hold', reason }];
}

function holdReason(
  training: StoredTraining | undefined,
  control: SeatView['control'],
  isDraining: boolean,
): string | undefined {
  switch (training?.status) {
    case 'PAUSED':
      return 'The operator paused this training.';
    case 'STOPPED':
    case 'SUCCEEDED':
    case 'FAILED':
      return 'This training is over.';
    case 'RUNNING':
      break;
    default:
      if (control === 'managed' || training !== undefined)
        return 'No training is running; the operator starts one.';
  }
  return isDraining ? 'This server finishes its rounds and begins no others.' : undefined;
}

function limitsOf(training: StoredTraining | undefined): RunLimits {
  if (training === undefined || isOver(training.status)) return {};
  const { config, clients, fromRound } = training;
  return {
    maximumRounds: config.maxRounds === undefined ? undefined : fromRound + config.maxRounds,
    targetAccuracy: config.targetAccuracy,
    clientsPerRound: config.clientsPerRound,
    clients: clients.length === 0 ? undefined : new Set(clients as readonly ParticipantId[]),
  };
}

function endOf({ reason }: StoredTraining): FinishReason {
  if (reason === 'early-stopping' || reason === 'maximum-rounds') return reason;
  return outcomeOf(reason ?? '') === 'FAILED' ? 'failed' : 'stopped';
}
