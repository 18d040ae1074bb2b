import { enoughOf } from '../../federation/index.ts';
import type { ParticipantId } from '../../identity/index.ts';
import type { AttemptId } from '../../wire/index.ts';
import {
  type Candidate,
  drawCohort,
  drawLeastInvited,
  drawWeighted,
  resourceWeights,
  type Seen,
  UNSEEN,
  withDuration,
} from './cohort.ts';
import type { Desk } from './desk.ts';
import { present, type RoundState, remaining } from './state.ts';

/**
 * Who of those that are there is invited, by what the coordinator saw and was told with consent; and going on with the quickest.
 * docs/SPEC.md, C-50 to C-57.
 */

/** As the federation asks for it. */
export function select(desk: Desk, eligible: readonly ParticipantId[], size: number): ParticipantId[] {
  const { draft, context, event } = desk;
  const { selection } = context;
  const seen = (id: ParticipantId): Seen => draft.seen.get(id) ?? UNSEEN;
  switch (selection?.by ?? 'uniform') {
    case 'uniform':
      return drawCohort(eligible, size, event.entropy);
    case 'fairness':
      return drawLeastInvited(eligible, size, (id) => seen(id).invitations, event.entropy);
    case 'data-size': {
      const examplesOf = (id: ParticipantId): number =>
        Math.min(selection!.maxExamples, Math.max(1, draft.members.get(id)!.examples));
      return drawWeighted(eligible, size, examplesOf, event.entropy);
    }
    case 'resources': {
      const candidates = eligible.map((id): [ParticipantId, Candidate] => {
        const { examples, device } = draft.members.get(id)!;
        return [id, { seen: seen(id), examples, device }];
      });
      const weights = resourceWeights(new Map(candidates), selection!.epochs);
      return drawWeighted(eligible, size, (id) => weights.get(id)!, event.entropy);
    }
  }
}

/** A newcomer has not waited longer than those who were here: it counts as invited as often as the least of them. */
export function noteJoined(desk: Desk, id: ParticipantId): void {
  const { draft, context } = desk;
  if (context.selection === undefined || draft.seen.has(id)) return;
  const others = [...draft.members].filter(([other, { here }]) => here && other !== id);
  const invitations = others.map(([other]) => draft.seen.get(other)?.invitations ?? 0);
  const least = invitations.reduce((a, b) => Math.min(a, b), invitations[0] ?? 0);
  note(desk, id, (seen) => ({ ...seen, invitations: least }));
}

export function noteInvited(desk: Desk, cohort: readonly ParticipantId[]): void {
  for (const id of cohort) note(desk, id, (seen) => ({ ...seen, invitations: seen.invitations + 1 }));
}

export function noteTrained(desk: Desk, round: RoundState, id: ParticipantId): void {
  if (round.trained.has(id) || round.dropped.has(id)) return;
  const elapsedMs = desk.atMs - round.startedAtMs;
  note(desk, id, (seen) => withDuration({ ...seen, finished: seen.finished + 1 }, elapsedMs));
}

/** It was lost, refused, or was too late to train. */
export function noteFailed(desk: Desk, round: RoundState, id: ParticipantId): void {
  if (round.trained.has(id) || round.plan.survivors !== null) return;
  note(desk, id, (seen) => ({ ...seen, failed: seen.failed + 1 }));
}

/** Of many who come and go the latest are remembered. */
const MOST_SEEN = 4096;

function note({ draft, context }: Desk, id: ParticipantId, change: (seen: Seen) => Seen): void {
  if (context.selection === undefined) return;
  const seen = new Map(draft.seen);
  const before = seen.get(id) ?? UNSEEN;
  seen.delete(id);
  seen.set(id, change(before));
  for (const [oldest] of seen) {
    if (seen.size <= MOST_SEEN) break;
    seen.delete(oldest);
  }
  draft.seen = seen;
}

/** What cutting off needs of the step under way. */
export interface CutOffDesk extends Desk {
  needed(round: RoundState): number;
  /** Gives these slices to others, and looks whether all have uploaded. */
  reassign(round: RoundState, slices: readonly number[]): void;
  checkUploaded(round: RoundState): void;
}

/** Whether enough have trained to go on without the others. */
export function hasEnough(desk: CutOffDesk, round: RoundState, late: readonly ParticipantId[]): boolean {
  const { selection } = desk.context;
  const needed = desk.needed(round);
  if ((selection?.overSelection ?? 1) <= 1 || present(round).length - late.length < needed) return false;
  const target = enoughOf(round.plan.cohort.length, selection, needed);
  return remaining(round).length - late.length >= target;
}

/** They are told, stay members, and nothing of theirs is in the sum; slices that they own go to those who were quicker. */
export function cutOff(desk: CutOffDesk, round: RoundState, late: readonly ParticipantId[]): void {
  const { attempt, plan } = round;
  const elapsedMs = desk.atMs - round.startedAtMs;
  for (const id of late) {
    round.dropped.add(id);
    note(desk, id, (seen) => withDuration(seen, Math.max(elapsedMs, seen.trainMs ?? 0)));
    if (desk.isHere(id)) desk.send(id, cutOffMessage(desk, attempt, plan.group?.index));
  }
  const owned = plan.owners.flatMap((owner, slice) => (late.some((id) => id === owner) ? [slice] : []));
  if (owned.length > 0) desk.reassign(round, owned);
  else desk.checkUploaded(round);
}

function cutOffMessage({ context }: Desk, attempt: AttemptId, group: number | undefined) {
  return {
    type: 'abandon' as const,
    run: context.run,
    attempt,
    code: 'round.cut-off',
    reason: 'Enough others have trained.',
    ...(group === undefined ? {} : { group }),
  };
}
