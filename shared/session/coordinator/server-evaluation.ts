import type { ErrorCode, ErrorRecord } from '../../errors/index.ts';
import type { ParticipantId } from '../../identity/index.ts';
import type { RoundRecord } from '../../wire/index.ts';
import { compareAttempts, type EventOf } from '../effects.ts';
import type { Desk } from './desk.ts';
import type { FinishReason } from './state.ts';

/**
 * Versions that the server itself evaluates, on examples that its operator supplied: after each commit, and before the first round of a
 * federation that screens by them. SPEC.
 */

/** What these functions need of the step under way. */
export interface EvaluationDesk extends Desk {
  start(): void;
  /** A version was evaluated: it is told, weighed, and may end the run. */
  noteEvaluation(record: RoundRecord): void;
  /** The run ends here if it is over and nothing is waited for. */
  closeIfDone(): void;
  abandonAll(code: ErrorCode, reason: string): void;
  finish(reason: FinishReason): void;
}

/** How long a judge that failed is left alone. */
const JUDGE_RETRY_MS = 10_000;
/** Attempts in a row from one base of which screening kept nothing: later ones cost privacy and time, and end as these did. */
const MAX_FRUITLESS = 5;
/** Characters that a message has room for. */
const MAX_REASON = 500;
/** Versions that wait to be evaluated, before rounds do. */
const MAX_BEHIND = 2;

export function beginJudgement(desk: Desk, record: RoundRecord): void {
  const { draft, context } = desk;
  if (context.judges !== true) return;
  draft.judging.set(record.round, record);
  desk.effects.push({ type: 'judge', model: draft.model!, holders: desk.holders() });
}

/** A judgement that could take the model back is waited for, so that nobody trains in vain; and any, where too many are under way. */
export function isAwaitingVerdict({ draft, context }: Desk): boolean {
  const pending = draft.judging.size + (draft.evaluation === undefined ? 0 : 1);
  if (pending === 0) return false;
  const { rollback } = context;
  const mayRollBack = rollback !== undefined && draft.standing.worse + pending >= rollback.afterRounds;
  return mayRollBack || draft.judging.size >= MAX_BEHIND;
}

/** @returns whether a round may begin: what screening needs was seen to work. */
export function hasJudge(desk: EvaluationDesk): boolean {
  const { draft, context } = desk;
  if (context.screens !== true || draft.judge === 'ready') return true;
  if (draft.judge === 'asked' || draft.model === undefined) return false;
  draft.judge = 'asked';
  desk.effects.push({ type: 'judge', model: draft.model, holders: desk.holders() });
  return false;
}

export function onJudged(desk: EvaluationDesk, { model, counts }: EventOf<'judged'>): void {
  const { draft } = desk;
  draft.judge = 'ready';
  draft.standby = undefined;
  const record = draft.judging.get(model.version);
  if (record?.hash === model.hash) {
    draft.judging.delete(model.version);
    desk.noteEvaluation({ ...record, evaluation: counts });
  }
  goOn(desk);
}

export function onJudgeFailed(desk: EvaluationDesk, { model, error }: EventOf<'judge-failed'>): void {
  const { draft, context } = desk;
  draft.judging.delete(model.version);
  desk.notice('warning', `Version ${model.version} could not be evaluated: ${error.message}`, error.code);
  if (context.screens === true) standBy(desk, error);
  else goOn(desk);
}

/** Nobody trains for a round that could not be put together. They are told why; the judge is asked again after a while. */
function standBy(desk: EvaluationDesk, error: ErrorRecord): void {
  const { draft } = desk;
  const isNew = draft.standby?.message !== error.message;
  draft.judge = 'unknown';
  draft.standby = error;
  if (isNew) for (const [id, { here }] of draft.members) if (here) sayStandby(desk, id);
  desk.closeIfDone();
  desk.timer('settle', JUDGE_RETRY_MS);
}

/** Why there is no round for now, if that is so. */
export function sayStandby({ draft, context, effects }: Desk, to: ParticipantId): void {
  const why = draft.hold ?? draft.standby;
  if (why === undefined) return;
  const { code, message } = why;
  const reason = message.slice(0, MAX_REASON);
  effects.push({ type: 'send', to, message: { type: 'standby', run: context.run, code, reason } });
}

/** What the parts came to is on its way: the time to apply it begins now. */
export function onAggregated(desk: EvaluationDesk, { attempt, over }: EventOf<'aggregated'>): void {
  const [round] = desk.rounds;
  if (round === undefined || compareAttempts(attempt, round.attempt) !== 0) return;
  if (over === 'groups') desk.timer('total', desk.context.applyMs);
  else desk.roundTimer(round, 'apply', desk.context.applyMs);
}

/** Nothing weaker is put in its place. SPEC. */
export function onAggregateFailed(
  desk: EvaluationDesk,
  { attempt, error }: EventOf<'aggregate-failed'>,
): void {
  const [round] = desk.rounds;
  if (round === undefined || compareAttempts(attempt, round.attempt) !== 0) return;
  // Unless it said so itself, the judge may be what failed: it is asked again before anyone trains.
  if (!error.code.startsWith('aggregate.')) desk.draft.judge = 'unknown';
  desk.abandonAll(error.code, error.message.slice(0, MAX_REASON));
  if (error.code === 'aggregate.all-screened') endIfFruitless(desk, round.base.hash);
}

/** SPEC Q-07. */
function endIfFruitless(desk: EvaluationDesk, base: string): void {
  const { draft } = desk;
  const times = (draft.fruitless?.base === base ? draft.fruitless.times : 0) + 1;
  draft.fruitless = { base, times };
  if (times < MAX_FRUITLESS) return;
  desk.notice(
    'error',
    `The run ends: ${times} attempts in a row made nothing that improves the model on the held-out examples.`,
    'aggregate.all-screened',
  );
  desk.finish('stopped');
}

function goOn(desk: EvaluationDesk): void {
  desk.closeIfDone();
  if (desk.draft.status.name === 'gathering') desk.start();
}
