import { SERVER } from '../../../shared/identity/index.ts';
import type { Path } from '../../../shared/transport/port.ts';
import type { SessionPhase, SessionSnapshot } from '../session/snapshot.ts';
import { PAUSE_WORDS } from './device-policy-words.ts';
import { counted, formatLoss, formatPercent } from './format.ts';
import { refusalWords, securedWords } from './secure-words.ts';

/** Whether this device takes part in a run now, if only by waiting. */
export function isActive(phase: SessionPhase): boolean {
  return phase.name !== 'idle' && phase.name !== 'finished' && phase.name !== 'failed';
}

export interface PhaseWords {
  readonly title: string;
  readonly detail: string;
}

const FINISHED = {
  'maximum-rounds': 'All planned rounds are done.',
  'target-accuracy': 'The target accuracy was reached.',
  stopped: 'The run was stopped.',
} as const;

/** A phase in words a person who never heard of rounds can follow. */
export function phaseWords(phase: SessionPhase): PhaseWords {
  switch (phase.name) {
    case 'idle':
      return { title: 'Not joined', detail: 'Nothing is being trained or sent.' };
    case 'connecting':
      return { title: 'Getting ready', detail: 'Connecting, loading the data and starting the training.' };
    case 'waiting':
      if (phase.onHold !== undefined) return holdWords();
      if (phase.update !== undefined)
        return readyWords(phase.update.behind, phase.participants, phase.needed);
      return phase.participants < phase.needed
        ? {
            title: 'Waiting for others',
            detail: `${counted(phase.participants, 'participant')} here; a round starts with ${phase.needed}.`,
          }
        : { title: 'Waiting', detail: 'The next round starts as soon as enough of you can take part.' };
    case 'fetching-model':
      return { title: 'Getting the model', detail: 'Receiving the current shared model.' };
    case 'training':
      return {
        title: phase.idle ? 'Training at its own pace' : 'Training on this device',
        detail:
          phase.batch === 0
            ? 'The first batch is under way.'
            : `Batch ${phase.batch} of ${phase.batches}, loss ${formatLoss(phase.loss)}.`,
      };
    case 'masking':
      return { title: 'Masking the update', detail: 'So that nobody sees it, only the sum of all.' };
    case 'uploading':
      return {
        title: 'Sending the update',
        detail: `${phase.delivered} of ${counted(phase.slices, 'slice')} delivered.`,
      };
    case 'collecting':
      return {
        title: 'Collecting the sums',
        detail: `${phase.arrived} of ${counted(phase.slices, 'slice')} arrived.`,
      };
    case 'applying':
      return { title: 'Making the new model', detail: 'Every device computes the same one.' };
    case 'paused':
      return phase.because === undefined
        ? { title: 'Paused', detail: 'This device is skipped until you resume.' }
        : { title: 'Paused by your settings', detail: PAUSE_WORDS[phase.because] };
    case 'finished':
      return { title: 'Finished', detail: FINISHED[phase.reason] };
    case 'failed':
      return { title: 'Stopped by an error', detail: phase.error.message };
  }
}

function holdWords(): PhaseWords {
  return {
    title: 'Paused by the operator',
    detail: 'It goes on by itself when they resume; you can stay.',
  };
}

function readyWords(behind: number, participants: number, needed: number): PhaseWords {
  const age =
    behind === 0
      ? 'It was trained from the newest model.'
      : `It was trained from a model ${counted(behind, 'version')} old, and counts less for it.`;
  const others =
    participants < needed
      ? ` ${counted(participants, 'participant')} here; a round adds up ${needed}.`
      : ' A round begins when enough others are ready too.';
  return { title: 'An update is ready', detail: `${age}${others}` };
}

/** "Went back to version 7", for a round that nobody trained in. */
export function wentBackWords({
  rollback,
}: {
  readonly rollback?: { readonly to: number } | undefined;
}): string | undefined {
  return rollback === undefined ? undefined : `Went back to version ${rollback.to}`;
}

/** The round this device is in, or the last that it knows. */
export function currentRound({ phase, records, model }: SessionSnapshot): number {
  if ('round' in phase) return phase.round;
  return records.at(-1)?.round ?? model?.version ?? 0;
}

/** How far the phase is, 0 to 1; undefined where that cannot be known. */
export function phaseProgress(phase: SessionPhase): number | undefined {
  switch (phase.name) {
    case 'training':
      return ratio(phase.batch, phase.batches);
    case 'uploading':
      return ratio(phase.delivered, phase.slices);
    case 'collecting':
      return ratio(phase.arrived, phase.slices);
    default:
      return undefined;
  }
}

function ratio(done: number, total: number): number {
  return total === 0 ? 0 : Math.min(1, done / total);
}

export interface RoundMetrics {
  readonly round: number;
  /** 0 to 1. */
  readonly accuracy: number;
  readonly loss: number;
}

/** The rounds that were evaluated, in order. */
export function metricsOf({ records }: SessionSnapshot): RoundMetrics[] {
  return records.flatMap(({ round, evaluation }) =>
    evaluation === null || evaluation.total === 0
      ? []
      : [
          {
            round,
            accuracy: evaluation.correct / evaluation.total,
            loss: evaluation.lossSum / evaluation.total,
          },
        ],
  );
}

/** Other participants that this device is connected to; the server is none. */
export function connectedParticipants({ peers }: SessionSnapshot): number {
  return peers.filter(({ id }) => id !== SERVER).length;
}

export const PATH_WORDS: { readonly [P in Path]: string } = {
  direct: 'Direct',
  relay: 'Relayed, encrypted',
  server: 'Through the server',
};

/**
 * What a screen reader is told when a snapshot follows another: joined, a finished or refused round, an end.
 * Undefined when nothing worth interrupting for happened; progress inside a round is not.
 */
export function changeWords(before: SessionSnapshot | undefined, after: SessionSnapshot): string | undefined {
  const finished = after.records.at(-1);
  const known = before?.records.at(-1)?.round ?? -1;
  if (before !== undefined && finished !== undefined && finished.round > known) {
    const back = wentBackWords(finished);
    if (back !== undefined) return `Version ${finished.round}: the model got worse. ${back}.`;
    const metrics = metricsOf(after).at(-1);
    const accuracy = metrics?.round === finished.round ? ` Accuracy ${formatPercent(metrics.accuracy)}.` : '';
    const secured = securedWords(finished);
    return `Round ${finished.round} finished.${accuracy}${secured === undefined ? '' : ` ${secured}.`}`;
  }
  const { refused } = after;
  if (refused !== undefined && refused.round !== before?.refused?.round) {
    const { title, why } = refusalWords(refused);
    return `${title} ${why}`;
  }
  const name = after.phase.name;
  const held = isOnHold(after.phase);
  if (before !== undefined && held !== isOnHold(before.phase))
    return held ? phaseWords(after.phase).title : 'The operator resumed.';
  if (name === before?.phase.name) return undefined;
  if (name !== 'paused' && name !== 'finished' && name !== 'failed' && name !== 'waiting') return undefined;
  if (name === 'waiting' && before !== undefined && before.phase.name !== 'connecting') return undefined;
  const { title, detail } = phaseWords(after.phase);
  return `${title}. ${detail}`;
}

function isOnHold(phase: SessionPhase): boolean {
  return phase.name === 'waiting' && phase.onHold !== undefined;
}

/** @param self this device, so that it can be told apart. */
export function nodeWords(id: string, self: string | undefined): string {
  if (id === SERVER) return 'the server';
  return id === self ? 'this device' : `peer ${id.slice(0, 6)}`;
}
