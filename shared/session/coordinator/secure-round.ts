import type { ErrorCode } from '../../errors/index.ts';
import { type ParticipantId, SERVER } from '../../identity/index.ts';
import type { Message, MessageOf, Plan, RoundRecord } from '../../wire/index.ts';
import type { Desk } from './desk.ts';
import { heirOf } from './heirs.ts';
import { confirmedMail, inboxMail, rosterMail } from './secure-mail.ts';
import {
  isComplete,
  isRecoverable,
  isSecure,
  type SecureRoundState,
  takeConfirmation,
  takeKeys,
  takeShares,
} from './secure-stage.ts';
import { MAX_REASSIGNMENTS, type RoundState, remaining } from './state.ts';

/**
 * What a coordinator does in a secure round beside what it does in every round: two stages of setup, the consistency
 * check, and slices that change hands without a recount. docs/decisions/0017; SPEC C-40 to C-49.
 */

/** What these functions need of the step under way. */
export interface SecureDesk extends Desk {
  drop(round: RoundState, id: ParticipantId, tainted: boolean): void;
  revise(round: RoundState, change: Partial<Plan>): void;
  /** Setup is over: the exchange may begin once training has ended. */
  checkTrained(round: RoundState): void;
  abandon(round: RoundState, code: ErrorCode, reason: string): void;
}

export function onSetupMessage(
  desk: SecureDesk,
  round: RoundState,
  from: ParticipantId,
  message: MessageOf<'keys' | 'shares' | 'confirm'>,
): void {
  if (!isSecure(round)) return outOfPhase(desk, message);
  if (round.dropped.has(from)) return;
  const { verdict, secure } = take(round, from, message);
  round.secure = secure;
  switch (verdict) {
    case 'counted':
      return advance(desk, round, 'sent');
    case 'early':
      return outOfPhase(desk, message);
    case 'inconsistent': {
      const text = `${from} sent two different ${message.type} messages for one attempt; the first counts.`;
      return desk.notice('warning', text, 'secagg.inconsistent');
    }
    case 'malformed':
      desk.notice(
        'warning',
        `The ${message.type} message of ${from} does not fit the round.`,
        'wire.malformed',
      );
      // A survivor cannot be left out any more: it counts as one that does not answer.
      if (message.type !== 'confirm') desk.drop(round, from, true);
  }
}

function take(
  round: SecureRoundState,
  from: ParticipantId,
  message: MessageOf<'keys' | 'shares' | 'confirm'>,
) {
  switch (message.type) {
    case 'keys':
      return takeKeys(round.secure, from, message.advert);
    case 'shares':
      return takeShares(round, from, { shares: message.shares, boxes: message.boxes });
    case 'confirm':
      return takeConfirmation(round, from, message.confirmation);
  }
}

function outOfPhase(desk: SecureDesk, { type }: Message): void {
  desk.notice('warning', `A ${type} message came before its time.`, 'wire.out-of-phase');
}

/** Goes on to the next stage once all that remain have sent what this one asks for. */
export function advance(desk: SecureDesk, round: RoundState, cause: 'sent' | 'lost'): void {
  if (!isSecure(round)) return;
  const { name } = round.secure.stage;
  if (name === 'keys' && isComplete(round)) closeKeys(desk, round);
  else if (name === 'shares' && isComplete(round)) closeShares(desk, round);
  else if (name === 'confirming') closeConfirmations(desk, round, cause);
}

/** The deadline of a stage: whoever has not sent what it asks for is left out, as long as nobody masked anything. */
export function onSetupTimer(
  desk: SecureDesk,
  round: RoundState | undefined,
  name: 'keys' | 'shares' | 'confirm',
): void {
  if (round === undefined || !isSecure(round)) return;
  if (name === 'confirm') return closeConfirmations(desk, round, 'late');
  const { stage } = round.secure;
  if (stage.name !== name) return;
  const sent: ReadonlyMap<ParticipantId, unknown> = stage.name === 'keys' ? stage.adverts : stage.bundles;
  for (const id of remaining(round).filter((other) => !sent.has(other))) {
    if (!desk.isUnderWay(round)) return;
    desk.drop(round, id, false);
  }
}

function closeKeys(desk: SecureDesk, round: SecureRoundState): void {
  const { stage } = round.secure;
  if (stage.name !== 'keys') return;
  for (const { to, message } of rosterMail(desk.context.run, round, stage)) desk.send(to, message);
  round.secure = {
    ...round.secure,
    stage: { name: 'shares', roster: new Set(remaining(round)), bundles: new Map() },
  };
  desk.cancelRoundTimer(round, 'keys');
  desk.roundTimer(round, 'shares', desk.context.setupMs);
}

function closeShares(desk: SecureDesk, round: SecureRoundState): void {
  const { stage } = round.secure;
  if (stage.name !== 'shares') return;
  const dealers = remaining(round);
  if (!isRecoverable(round, dealers, dealers)) return abandonBelowThreshold(desk, round);
  for (const { to, message } of inboxMail(desk.context.run, round, stage)) desk.send(to, message);
  round.secure = { ...round.secure, stage: { name: 'masking', dealers } };
  desk.cancelRoundTimer(round, 'shares');
  desk.checkTrained(round);
}

/** @returns whether these may be the survivors; ends the attempt where they are too few to unmask their sum. */
export function maySurvive(
  desk: SecureDesk,
  round: RoundState,
  survivors: readonly ParticipantId[],
): boolean {
  if (!isSecure(round)) return true;
  const { stage } = round.secure;
  if (stage.name !== 'masking') return false;
  if (isRecoverable(round, stage.dealers, survivors)) return true;
  abandonBelowThreshold(desk, round);
  return false;
}

/** Survivors are fixed, once for all: each is asked to confirm them. */
export function askToConfirm(desk: SecureDesk, round: RoundState): void {
  if (!isSecure(round) || round.secure.stage.name !== 'masking') return;
  const { dealers } = round.secure.stage;
  const firstOwners = round.plan.owners;
  round.secure = {
    ...round.secure,
    stage: { name: 'confirming', dealers, firstOwners, confirmations: new Map() },
  };
  desk.roundTimer(round, 'confirm', desk.context.applyMs / 3);
}

function closeConfirmations(
  desk: SecureDesk,
  round: SecureRoundState,
  cause: 'sent' | 'lost' | 'late',
): void {
  const { stage } = round.secure;
  if (stage.name !== 'confirming') return;
  const left = (round.plan.survivors ?? []).filter((id) => !round.dropped.has(id));
  const confirmed = left.filter((id) => stage.confirmations.has(id));
  const isAwaited = cause !== 'late' && confirmed.length < left.length;
  // Only a loss can make the threshold unreachable.
  if (isAwaited && (cause === 'sent' || isRecoverable(round, stage.dealers, left))) return;
  if (!isRecoverable(round, stage.dealers, confirmed)) return abandonBelowThreshold(desk, round);
  for (const { to, message } of confirmedMail(desk.context.run, round, stage)) desk.send(to, message);
  round.secure = {
    ...round.secure,
    stage: {
      name: 'revealing',
      firstOwners: stage.firstOwners,
      confirmed: new Set(stage.confirmations.keys()),
      sinceMs: round.plan.owners.map(() => desk.atMs),
      disputed: new Map(),
    },
  };
  desk.cancelRoundTimer(round, 'confirm');
}

function abandonBelowThreshold(desk: SecureDesk, round: SecureRoundState): void {
  const { threshold } = round.secure;
  const reason = `Too few participants are left to take the masks off a sum; ${threshold} of each neighbourhood are needed.`;
  desk.abandon(round, 'secagg.below-threshold', reason);
}

/** Nothing is revealed before confirmations are passed on: whoever speaks of sums before that is early. */
export function isRevealing(round: RoundState): boolean {
  return round.secure === undefined || round.secure.stage.name === 'revealing';
}

/** Sums that did not come, of owners that had the time: a sixth of the applying time since they could add up. */
export function onMissing(desk: SecureDesk, round: SecureRoundState, slices: readonly number[]): void {
  const { stage } = round.secure;
  if (stage.name !== 'revealing') return;
  const overdue = slices.filter(
    (slice) => desk.atMs - (stage.sinceMs[slice] ?? desk.atMs) >= desk.context.applyMs / 6,
  );
  handOver(desk, round, overdue, 'missing');
}

/** A sum that does not pass the check. The second one of a slice says that the check words were wrong. SPEC C-48. */
export function onDispute(desk: SecureDesk, round: RoundState, message: MessageOf<'dispute'>): void {
  const { plan } = round;
  if (!isSecure(round) || round.secure.stage.name !== 'revealing') return outOfPhase(desk, message);
  if (message.tally !== plan.tally) return;
  const slices = message.slices.filter(
    (slice, i) => slice < plan.owners.length && plan.owners[slice] === message.owners[i],
  );
  const { stage } = round.secure;
  const again = slices.find((slice) => stage.disputed.has(slice));
  if (again !== undefined) {
    const reason = `The sums of slice ${again} by two owners do not pass the check: a participant sent wrong check words.`;
    return desk.abandon(round, 'secagg.check-failed', reason);
  }
  const disputed = new Map(stage.disputed);
  for (const slice of new Set(slices)) {
    const owner = plan.owners[slice]!;
    disputed.set(slice, owner);
    desk.notice(
      'warning',
      `The sum of slice ${slice} by ${owner} does not pass the check.`,
      'secagg.check-failed',
    );
  }
  round.secure = { ...round.secure, stage: { ...stage, disputed } };
  handOver(desk, round, slices, 'disputed');
}

/**
 * Gives slices to owners who can come by the part of every survivor. Where there is none, the owner keeps it if it may
 * yet deliver; otherwise the attempt ends, since a sum over other survivors would give an update away. SPEC C-45 to C-47.
 */
export function handOver(
  desk: SecureDesk,
  round: SecureRoundState,
  slices: readonly number[],
  cause: 'lost' | 'missing' | 'disputed',
): void {
  const owners = [...round.plan.owners];
  const moved = new Set<number>();
  for (const slice of new Set(slices)) {
    const heir = heirOf(round, slice);
    const times = (round.reassigned.get(slice) ?? 0) + 1;
    if (heir !== undefined && times <= MAX_REASSIGNMENTS) {
      round.reassigned.set(slice, times);
      owners[slice] = heir;
      moved.add(slice);
    } else if (cause === 'disputed') {
      return desk.abandon(round, 'secagg.check-failed', `Nobody else can add slice ${slice} up.`);
    } else if (cause === 'lost' || heir !== undefined) {
      const reason = `Nobody else can add slice ${slice} up, and a second sum over other survivors would give an update away.`;
      return desk.abandon(round, 'round.owner-lost', reason);
    } else {
      desk.notice('info', `Slice ${slice} stays with its owner: parts of it cannot be sent again.`);
    }
  }
  if (moved.size === 0) return;
  const { stage } = round.secure;
  if (stage.name === 'revealing') {
    const sinceMs = stage.sinceMs.map((ms, slice) => (moved.has(slice) ? desk.atMs : ms));
    round.secure = { ...round.secure, stage: { ...stage, sinceMs } };
  }
  desk.revise(round, { owners });
}

/** After survivors are fixed nobody can be left out any more. SPEC C-49. */
export function onSurvivorRejected(
  desk: SecureDesk,
  round: SecureRoundState,
  { participant, code }: MessageOf<'reject'>,
): void {
  const isProtocol = code.startsWith('secagg.');
  if (!isProtocol && !round.plan.survivors?.includes(participant)) return;
  // Whoever applied has all sums: masks came off, and the accusation is false. To abandon now and go on without the accused
  // would give away its update, as the difference of two sums.
  if (isProtocol && round.applied.size > 0)
    return desk.notice(
      'warning',
      'An owner accused a participant after sums were whole; it is not believed.',
      code as ErrorCode,
    );
  if (isProtocol) desk.exclude(participant);
  const reason = `An owner refused what ${participant} sent, and a second sum over other survivors would give an update away.`;
  desk.abandon(round, code as ErrorCode, reason);
}

/** What the record of a committed round says of its security: of several groups, the lowest threshold and all confirmations. */
export function secureRecordOf(rounds: readonly RoundState[]): RoundRecord['secure'] {
  const secured = rounds.filter(isSecure).map(({ secure: { threshold, stage } }) => {
    return { threshold, confirmations: stage.name === 'revealing' ? stage.confirmed.size : 0 };
  });
  if (secured.length === 0) return null;
  return {
    threshold: Math.min(...secured.map(({ threshold }) => threshold)),
    confirmations: secured.reduce((sum, { confirmations }) => sum + confirmations, 0),
  };
}

/** Owners whose sums were disputed while those of their successors were accepted. */
export function convictedOwners({ plan, secure }: RoundState): ParticipantId[] {
  if (secure?.stage.name !== 'revealing') return [];
  return [...secure.stage.disputed].flatMap(([slice, owner]) =>
    owner !== SERVER && plan.owners[slice] !== owner ? [owner] : [],
  );
}
