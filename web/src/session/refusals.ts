import type { ErrorRecord } from '../../../shared/errors/index.ts';
import type { NodeId } from '../../../shared/identity/index.ts';
import type { NodeState } from '../../../shared/session/index.ts';
import type { MessageOf } from '../../../shared/wire/index.ts';
import type { RefusedRound } from './snapshot.ts';

/** Remembers which round of a secure federation was given up last, and why, until it or a later one is committed. */
export class Refusals {
  latest: RefusedRound | undefined;

  /** A word from outside that a round is given up: it counts when it is of the round under way and its coordinator. */
  takeAbandon(state: NodeState | undefined, from: NodeId, { attempt, code }: MessageOf<'abandon'>): void {
    // The round goes on, with those who were quicker.
    if (code === 'round.cut-off') return;
    const participant = state?.participant;
    const current = participant?.attempt?.attempt;
    if (current === undefined || from !== participant?.coordinator) return;
    if (current.term !== attempt.term || current.round !== attempt.round) return;
    if (current.attempt === attempt.attempt) this.latest = { round: attempt.round, code };
  }

  /** A coordinator on this device tells itself by a notice, and by no message from outside. */
  takeNotice(state: NodeState | undefined, { code }: ErrorRecord): void {
    const round = state?.participant?.attempt?.attempt.round;
    if (round === undefined || state?.coordinator === undefined || state.coordinator.status.name === 'round')
      return;
    this.latest = { round, code };
  }

  takeRecord({ round }: { readonly round: number }): void {
    if (this.latest !== undefined && round >= this.latest.round) this.latest = undefined;
  }
}
