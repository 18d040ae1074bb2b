import type { ParticipantId } from '../../identity/index.ts';
import type { MessageOf, ModelRef, RoundRecord } from '../../wire/index.ts';
import type { Desk } from './desk.ts';

/**
 * What a coordinator does in a federation of asynchronous rounds: it keeps who is ready, and begins a round as soon as enough are. The
 * round itself is as any other. docs/SPEC.md, section 19; SPEC E-11 to E-15.
 */

/** A participant whose update waits for a round. */
export interface Ready {
  /** What the update was trained from. */
  readonly model: ModelRef;
  readonly sinceMs: number;
}

/** What these functions need of the step under way. */
export interface AsyncDesk extends Desk {
  start(): void;
}

export function onReady(desk: AsyncDesk, from: ParticipantId, { model }: MessageOf<'ready'>): void {
  const { draft, context } = desk;
  const member = draft.members.get(from);
  if (context.maxStaleness === undefined || member === undefined) return;
  const { ready } = member;
  const sinceMs = ready?.model.hash === model.hash ? ready.sinceMs : desk.atMs;
  draft.members.set(from, { ...member, ready: { model, sinceMs } });
  if (draft.status.name !== 'gathering') return;
  // After an abandonment the next attempt waits its time, whoever is ready meanwhile.
  if (draft.failures === 0) desk.start();
  else desk.timer('settle', context.settleMs);
}

/** Of these the ones who may take part in a round from this model, who have waited longest first. */
export function readyFirst(
  { draft, context }: Desk,
  ids: readonly ParticipantId[],
  base: ModelRef,
): ParticipantId[] {
  const sinceMs = new Map<ParticipantId, number>();
  for (const id of ids) {
    const ready = draft.members.get(id)?.ready;
    if (ready === undefined) continue;
    const staleness = base.version - ready.model.version;
    if (staleness >= 0 && staleness <= context.maxStaleness!) sinceMs.set(id, ready.sinceMs);
  }
  return [...sinceMs].sort(([a, x], [b, y]) => x - y || (a < b ? -1 : 1)).map(([id]) => id);
}

/** An invitation uses the readiness up: whoever keeps its update says so again. */
export function useUp({ draft }: Desk, cohort: readonly ParticipantId[]): void {
  for (const id of cohort) setUnready(draft, id);
}

/** What was said before the round ended was of the update that is in its sum. */
export function forgetSpent({ draft }: Desk, { survivors, round }: RoundRecord): void {
  for (const id of survivors) {
    const ready = draft.members.get(id)?.ready;
    if (ready !== undefined && ready.model.version < round) setUnready(draft, id);
  }
}

/** What was trained from versions that the model went back on is waited for no longer. SPEC E-13. */
export function forgetTakenBack({ draft }: Desk, to: ModelRef): void {
  for (const [id, { ready }] of draft.members)
    if (ready !== undefined && ready.model.version > to.version) setUnready(draft, id);
}

function setUnready(draft: Desk['draft'], id: ParticipantId): void {
  const member = draft.members.get(id);
  if (member?.ready !== undefined) draft.members.set(id, { ...member, ready: undefined });
}
