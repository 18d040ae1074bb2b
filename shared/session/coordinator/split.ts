import type { ErrorCode } from '../../errors/index.ts';
import type { ParticipantId } from '../../identity/index.ts';
import { type CollectedSum, compareAttempts } from '../effects.ts';
import { type Desk, roundTag } from './desk.ts';
import { groupSizesOf } from './draw.ts';
import { favouriteOf } from './record.ts';
import { audience, type RoundState, remaining, type SplitState } from './state.ts';

/**
 * What a coordinator does in a round of several groups beside what it does in each of them: groups end one by one, by a sum
 * or without, and what came of them is combined. SPEC G-07 to G-15.
 */

/** What these functions need of the step under way. */
export interface SplitDesk extends Desk {
  abandonAll(code: ErrorCode, reason: string): void;
  cancelRoundTimers(round: RoundState): void;
  commit(rounds: readonly RoundState[], applied: ReadonlyMap<ParticipantId, string>): void;
}

/** Fewest that must remain in a group: of a round of one group, minParticipants. */
export function fewestIn({ plan }: RoundState, { context }: Desk): number {
  return plan.group === undefined ? context.minParticipants : groupSizesOf(context).fewest;
}

export function onCollected(desk: SplitDesk, sum: CollectedSum): void {
  const round = desk.rounds.find(({ group }) => group === sum.group);
  if (round === undefined || compareAttempts(sum.attempt, round.attempt) !== 0) return;
  if (round.isFinished || sum.tally !== round.plan.tally) return;
  round.collected = sum;
  if (hasReported(round)) finishGroup(desk, round, false);
}

/** Whether all survivors still here have told what their group's sum is, or which model they computed. */
export function hasReported({ plan, dropped, applied }: RoundState): boolean {
  const waitedFor = (plan.survivors ?? []).filter((id) => !dropped.has(id));
  return waitedFor.length > 0 && waitedFor.every((id) => applied.has(id));
}

/**
 * Takes what most of a group hold for its sum, once the server holds the same. At the deadline a group whose sum the server
 * could not put together, or found to be another, is done without.
 */
export function finishGroup(desk: SplitDesk, round: RoundState, isLate: boolean): void {
  const { hash, holders, hashes } = favouriteOf(round.applied);
  // However few are left to tell: the server holds the same, or the sum does not count.
  if (holders.length * 2 <= round.applied.size)
    return abandonGroup(desk, round, 'round.diverged', `${hashes} different sums came out of one group.`);
  const { collected } = round;
  if (collected?.hash !== hash) {
    if (!isLate) return;
    const [code, reason] =
      collected === undefined
        ? (['round.owner-lost', 'The sum of a group did not reach the server.'] as const)
        : ([
            collected.error?.code ?? 'round.diverged',
            collected.error?.message ?? 'The server was sent another sum than the group.',
          ] as const);
    return abandonGroup(desk, round, code, reason);
  }
  if (hashes > 1)
    desk.notice(
      'error',
      'Some participants hold another sum than the rest of their group.',
      'round.diverged',
    );
  round.isFinished = true;
  desk.cancelRoundTimers(round);
  combineIfFinished(desk);
}

/** A group that cannot finish does not keep the others from it, as long as those are enough together. */
export function abandonGroup(desk: SplitDesk, round: RoundState, code: ErrorCode, reason: string): void {
  const { status } = desk.draft;
  if (status.name !== 'round' || status.split === undefined) return;
  const { attempt, group, plan } = round;
  const message = { type: 'abandon', run: desk.context.run, attempt, code, reason, group } as const;
  for (const to of audience(round)) if (desk.isHere(to)) desk.send(to, message);
  desk.cancelRoundTimers(round);
  desk.effects.push({ type: 'cancel-sends', tag: roundTag(attempt, group) });
  desk.notice('warning', `A group of round ${attempt.round} was abandoned: ${reason}`, code);
  const rounds = status.rounds.filter((other) => other !== round);
  const lost = [...status.split.lost, ...plan.cohort];
  desk.draft.status = { ...status, rounds, split: { ...status.split, lost } };
  if (rounds.length === 0) return desk.abandonAll(code, reason);
  const left = rounds.reduce((sum, other) => sum + (other.plan.survivors ?? remaining(other)).length, 0);
  if (left < desk.context.minParticipants) return abandonTooFew(desk, left);
  combineIfFinished(desk);
}

function combineIfFinished(desk: SplitDesk): void {
  const { status } = desk.draft;
  if (status.name !== 'round' || status.split === undefined) return;
  const { rounds, split } = status;
  if (!rounds.every(({ isFinished }) => isFinished)) return;
  const left = rounds.reduce((sum, { plan }) => sum + plan.survivors!.length, 0);
  if (left < desk.context.minParticipants) return abandonTooFew(desk, left);
  desk.draft.status = { ...status, split: { ...split, applied: new Map() } };
  const groups = rounds.map(({ group, plan }) => ({ group, tally: plan.tally }));
  desk.effects.push({ type: 'combine', attempt: rounds[0]!.attempt, groups });
  desk.timer('total', desk.context.applyMs);
}

function abandonTooFew(desk: SplitDesk, left: number): void {
  const { minParticipants } = desk.context;
  desk.abandonAll(
    'round.too-few-participants',
    `${left} participants remain in all groups; the round needs ${minParticipants}.`,
  );
}

/** Whoever applied the sum of all groups. */
export function onTotalApplied(desk: SplitDesk, split: SplitState, from: ParticipantId, hash: string): void {
  if (split.applied === undefined) return;
  split.applied.set(from, hash);
  checkTotal(desk);
}

/** Commits once all survivors of all groups that are still here have applied the sum of all groups. */
export function checkTotal(desk: SplitDesk): void {
  const { status } = desk.draft;
  const applied = status.name === 'round' ? status.split?.applied : undefined;
  if (applied === undefined) return;
  const waitedFor = desk.rounds.flatMap(({ plan, dropped }) =>
    plan.survivors!.filter((id) => !dropped.has(id)),
  );
  if (waitedFor.length > 0 && waitedFor.every((id) => applied.has(id))) desk.commit(desk.rounds, applied);
}

/** The time for applying the sum of all groups is over. */
export function closeTotal(desk: SplitDesk): void {
  const { status } = desk.draft;
  const applied = status.name === 'round' ? status.split?.applied : undefined;
  if (applied === undefined) return;
  if (applied.size >= desk.context.minParticipants) return desk.commit(desk.rounds, applied);
  desk.abandonAll('round.deadline', 'Too few participants held the new model in time.');
}
