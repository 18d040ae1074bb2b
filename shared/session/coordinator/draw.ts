import type { ErrorCode } from '../../errors/index.ts';
import { SECURE_MINIMUM } from '../../federation/index.ts';
import type { ParticipantId } from '../../identity/index.ts';
import { sameBytes } from '../../secagg/index.ts';
import type { AttemptId, MessageOf, ModelRef } from '../../wire/index.ts';
import { compareAttempts } from '../effects.ts';
import { commitmentTo, cutGroups, type DrawProof, drawSeed, type GroupSizes } from '../groups.ts';
import { type Desk, roundTag } from './desk.ts';
import type { CoordinatorContext } from './state.ts';

/**
 * Before a round of several groups: everyone reveals the nonce that it committed to as it joined, or after the last draw,
 * and the groups follow from all nonces. docs/SPEC.md, section 13; SPEC G-01 to G-04.
 */
export interface DrawState {
  readonly attempt: AttemptId;
  readonly base: ModelRef;
  readonly cohort: readonly ParticipantId[];
  /** commitments[i] is that of cohort[i]. */
  readonly commitments: readonly Uint8Array<ArrayBuffer>[];
  readonly nonces: ReadonlyMap<ParticipantId, Uint8Array<ArrayBuffer>>;
  /** Not waited for any more. */
  readonly gone: ReadonlySet<ParticipantId>;
}

/** What these functions need of the step under way. */
export interface DrawDesk extends Desk {
  /** @param lost of those drawn, who is in none of the groups. */
  beginRounds(
    attempt: AttemptId,
    base: ModelRef,
    cohorts: readonly (readonly ParticipantId[])[],
    draw: DrawProof | undefined,
    lost: readonly ParticipantId[],
  ): void;
  /** Back to gathering; the next try waits a while. */
  retry(round: number, code: ErrorCode, reason: string): void;
}

/** A group of fewer would give away, or be, single updates in a secure round. */
export function groupSizesOf({
  groupSize,
  secure,
}: Pick<CoordinatorContext, 'groupSize' | 'secure'>): GroupSizes {
  return { groupSize, fewest: secure ? SECURE_MINIMUM : 1 };
}

/** @param cohort members with a commitment, in the order of their ids. */
export function beginDraw(
  desk: Desk,
  attempt: AttemptId,
  base: ModelRef,
  cohort: readonly ParticipantId[],
): void {
  const { run, setupMs } = desk.context;
  const commitments = cohort.map((id) => desk.draft.members.get(id)!.commitment!);
  desk.draft.status = {
    name: 'drawing',
    draw: { attempt, base, cohort, commitments, nonces: new Map(), gone: new Set() },
  };
  const message: MessageOf<'draw'> = { type: 'draw', run, attempt, cohort: [...cohort], commitments };
  for (const to of cohort) desk.send(to, message);
  desk.timer('draw', setupMs);
}

/** Late or not, a revealed nonce is used up: the commitment that came with it is the one for the next draw. */
export function onNonce(
  desk: DrawDesk,
  from: ParticipantId,
  { attempt, nonce, next }: MessageOf<'nonce'>,
): void {
  const { draft } = desk;
  const member = draft.members.get(from);
  const commitment = commitmentTo(desk.context.run, from, nonce);
  if (member?.commitment !== undefined && sameBytes(member.commitment, commitment))
    draft.members.set(from, { ...member, commitment: next });
  const draw = drawOf(desk);
  if (draw === undefined || compareAttempts(attempt, draw.attempt) !== 0) return;
  const place = draw.cohort.indexOf(from);
  if (place < 0 || draw.gone.has(from) || draw.nonces.has(from)) return;
  if (!sameBytes(commitment, draw.commitments[place]!)) {
    const text = `${from} revealed another nonce than it had committed to; it is left out.`;
    desk.notice('warning', text, 'round.unfair-draw');
    desk.exclude(from);
    return leaveDraw(desk, from);
  }
  setDraw(desk, { ...draw, nonces: new Map(draw.nonces).set(from, nonce) });
  closeIfAnswered(desk);
}

/** Someone's nonce is not waited for any more; one that came stays in. */
export function leaveDraw(desk: DrawDesk, id: ParticipantId): void {
  const draw = drawOf(desk);
  if (draw === undefined || !draw.cohort.includes(id)) return;
  setDraw(desk, { ...draw, gone: new Set(draw.gone).add(id) });
  closeIfAnswered(desk);
}

/** The groups of those who answered. Who answered and left since is in them too: the seed is over what was revealed. */
export function closeDraw(desk: DrawDesk): void {
  const draw = drawOf(desk);
  if (draw === undefined) return;
  const { attempt, base, nonces } = draw;
  const { run, federationRevision, minParticipants } = desk.context;
  endDraw(desk, draw);
  const cohort = draw.cohort.filter((id) => nonces.has(id));
  const proof = { cohort, nonces: cohort.map((id) => nonces.get(id)!) };
  const seed = drawSeed({ run, attempt, federationRevision }, cohort, proof.nonces);
  const groups = cutGroups(seed, cohort, groupSizesOf(desk.context));
  const members = new Set(groups.flat());
  if (members.size < minParticipants) {
    const reason = `${members.size} participants can be split into groups; the round needs ${minParticipants}.`;
    return desk.retry(attempt.round, 'round.too-few-participants', reason);
  }
  const fewest = desk.context.fewestGroups ?? 1;
  if (groups.length < fewest) {
    const reason = `${members.size} participants make ${groups.length} groups; the robust rule needs ${fewest}.`;
    return desk.retry(attempt.round, 'aggregate.too-few', reason);
  }
  const lost = draw.cohort.filter((id) => !members.has(id));
  desk.beginRounds(attempt, base, groups, groups.length > 1 ? proof : undefined, lost);
}

/** Something newer came up. */
export function abandonDraw(desk: DrawDesk, code: ErrorCode, reason: string): void {
  const draw = drawOf(desk);
  if (draw === undefined) return;
  endDraw(desk, draw);
  desk.retry(draw.attempt.round, code, reason);
}

function drawOf({ draft }: Desk): DrawState | undefined {
  return draft.status.name === 'drawing' ? draft.status.draw : undefined;
}

function setDraw({ draft }: Desk, draw: DrawState): void {
  draft.status = { name: 'drawing', draw };
}

function closeIfAnswered(desk: DrawDesk): void {
  const draw = drawOf(desk);
  if (draw?.cohort.every((id) => draw.nonces.has(id) || draw.gone.has(id))) closeDraw(desk);
}

function endDraw(desk: Desk, { attempt }: DrawState): void {
  desk.cancelTimer('draw');
  desk.effects.push({ type: 'cancel-sends', tag: roundTag(attempt) });
}
