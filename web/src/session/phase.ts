import { SERVER } from '../../../shared/identity/index.ts';
import type { NodeState, ParticipantState, TrainProgress } from '../../../shared/session/index.ts';
import type { PauseReason, SessionPhase } from './snapshot.ts';

/** The engine's state in the words of the page. */
export function phaseOf(
  { participant }: NodeState,
  progress: TrainProgress | undefined,
  needed: number,
  pausedBecause: PauseReason | undefined,
  holdReason?: string,
): SessionPhase {
  if (participant === undefined) return { name: 'idle' };
  const { status } = participant;
  switch (status.name) {
    case 'idle':
    case 'left':
      return { name: 'idle' };
    case 'connecting':
      return { name: 'connecting' };
    case 'paused':
      return { name: 'paused', because: pausedBecause };
    case 'finished':
      return { name: 'finished', reason: status.reason };
    case 'joined':
      return (
        roundPhase(participant, progress) ??
        pacePhase(participant, progress) ??
        waiting(participant, needed, holdReason)
      );
  }
}

function waiting(
  { peers, pace, model, isOnHold }: ParticipantState,
  needed: number,
  holdReason: string | undefined,
): SessionPhase {
  const others = [...peers.keys()].filter((id) => id !== SERVER).length;
  const { held } = pace;
  const update =
    held === undefined ? {} : { update: { behind: Math.max(0, (model?.version ?? 0) - held.base.version) } };
  const hold = isOnHold ? { onHold: holdReason ?? '' } : {};
  return { name: 'waiting', participants: others + 1, needed, ...hold, ...update };
}

/** Of asynchronous rounds: a device trains whether or not there is one. */
function pacePhase(
  { pace }: ParticipantState,
  progress: TrainProgress | undefined,
): SessionPhase | undefined {
  if (pace.training === undefined) return undefined;
  return { ...trainingPhase(pace.training.version + 1, progress), idle: true };
}

type Training = Extract<SessionPhase, { readonly name: 'training' }>;

function trainingPhase(round: number, progress: TrainProgress | undefined): Training {
  return {
    name: 'training',
    round,
    batch: progress?.batch ?? 0,
    batches: progress?.batches ?? 1,
    loss: progress?.loss ?? Number.NaN,
  };
}

function roundPhase(
  { attempt }: ParticipantState,
  progress: TrainProgress | undefined,
): SessionPhase | undefined {
  if (attempt === undefined) return undefined;
  const { round } = attempt.attempt;
  const slices = attempt.plan.owners.length;
  switch (attempt.phase.name) {
    case 'fetching':
      return { name: 'fetching-model', round };
    case 'training':
    case 'protecting':
      return trainingPhase(round, progress);
    case 'masking':
      return { name: 'masking', round };
    case 'exchanging':
    case 'watching': {
      if (attempt.plan.survivors === null) {
        const delivered = [...attempt.slices.values()].filter(
          ({ outcome }) => outcome === 'delivered',
        ).length;
        return { name: 'uploading', round, delivered, slices };
      }
      return { name: 'collecting', round, arrived: Math.min(slices, attempt.sums.size), slices };
    }
    case 'applying':
    case 'applied':
      return { name: 'applying', round };
  }
}
