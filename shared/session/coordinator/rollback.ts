import type { RoundRecord } from '../../wire/index.ts';
import type { EventOf } from '../effects.ts';
import { forgetTakenBack } from './async-round.ts';
import type { Desk } from './desk.ts';
import { weighed } from './standing.ts';

/**
 * Taking bad versions back: the model becomes what the best version was, under a number of its own. Only the server does, which keeps the
 * best version; an elected peer goes on from what there is. SPEC.
 */

/** What these functions need of the step under way. */
export interface RollbackDesk extends Desk {
  start(): void;
  supersede(reason: string): void;
  /** The run ends here if it is over and nothing is waited for. */
  closeIfDone(): void;
}

/** One more evaluated version. */
export function weigh(desk: Desk, record: RoundRecord): void {
  const { draft, context } = desk;
  const { best } = draft.standing;
  draft.standing = weighed(draft.standing, record, context.rollback?.threshold ?? 0);
  const now = draft.standing.best;
  if (context.rollback !== undefined && now !== undefined && now !== best)
    desk.effects.push({ type: 'keep-best', model: now.model, holders: desk.holders() });
}

export function isRollbackDue({ draft, context }: Desk): boolean {
  const { rollback } = context;
  return (
    rollback !== undefined && draft.rollingBack === undefined && draft.standing.worse >= rollback.afterRounds
  );
}

/** Whatever is under way was trained from a model that does not stay. */
export function rollBack(desk: RollbackDesk): void {
  const { draft } = desk;
  const { model: from, standing } = draft;
  if (from === undefined || draft.status.name === 'finished') return;
  const to = standing.best!.model;
  draft.rollingBack = { to, from };
  desk.supersede(
    `The last ${standing.worse} versions are worse than version ${to.version}, to which the model goes back.`,
  );
  desk.effects.push({ type: 'roll-back', to, version: from.version + 1 });
}

export function onRolledBack(desk: RollbackDesk, { to, model }: EventOf<'rolled-back'>): void {
  const { draft, context } = desk;
  const { best } = draft.standing;
  const pending = draft.rollingBack;
  if (pending?.to.hash !== to.hash) return;
  draft.rollingBack = undefined;
  // Someone came with a newer model meanwhile: that is not the one that was judged.
  if (draft.model?.hash !== pending.from.hash || draft.model.version + 1 !== model.version) return goOn(desk);
  const last = draft.lastAttempt;
  const isTried = last?.term === draft.term && last.round === model.version;
  const attempt = { term: draft.term, round: model.version, attempt: isTried ? last.attempt + 1 : 0 };
  draft.lastAttempt = attempt;
  const record: RoundRecord = {
    ...attempt,
    coordinator: context.self,
    federationRevision: context.federationRevision,
    baseHash: pending.from.hash,
    hash: model.hash,
    survivors: [],
    dropped: [],
    startedAtMs: desk.atMs,
    trainMs: 0,
    exchangeMs: 0,
    applyMs: 0,
    evaluation: best?.model.hash === to.hash ? best.evaluation : null,
    secure: null,
    rollback: { to: to.version },
  };
  draft.model = model;
  draft.holders = new Set([context.self]);
  draft.stored = model.version;
  draft.failures = 0;
  draft.standing = { ...draft.standing, worse: 0 };
  forgetTakenBack(desk, to);
  desk.effects.push({ type: 'save-record', record });
  desk.announce(record);
  goOn(desk);
}

export function onRollbackFailed(desk: RollbackDesk, { to, error }: EventOf<'rollback-failed'>): void {
  const { draft } = desk;
  if (draft.rollingBack?.to.hash !== to.hash) return;
  draft.rollingBack = undefined;
  draft.standing = { ...draft.standing, worse: 0 };
  desk.notice('error', `The model could not go back to version ${to.version}: ${error.message}`, error.code);
  goOn(desk);
}

function goOn(desk: RollbackDesk): void {
  desk.closeIfDone();
  if (desk.draft.status.name === 'gathering') desk.start();
}
