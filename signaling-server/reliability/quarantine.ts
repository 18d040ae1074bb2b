import { type Evidence, reputationOf } from './reputation.ts';

/** Whoever falls below it, by no less evidence than this, is not invited for a while. */
export const QUARANTINE_BELOW = 0.25;
/** s + f. Of a newcomer: two rejections, five missed deadlines or nine drop-outs in a row. */
export const MIN_EVIDENCE = 3.9;
const FIRST_MS = 10 * 60_000;
const LONGEST_MS = 24 * 60 * 60_000;

export type QuarantineCause =
  /** Too few of its invitations come to anything. */
  | 'unreliable'
  /** Groups that it is in are spoiled, again and again: `suspects` in shared/aggregate/robust/reputation.ts. */
  | 'anomalous';

export function isUnreliable(evidence: Evidence): boolean {
  return evidence.successes + evidence.failures >= MIN_EVIDENCE && reputationOf(evidence) < QUARANTINE_BELOW;
}

/** How long the next one lasts: 10 minutes, then twice as long each time, up to a day. */
export function quarantineMs(before: number): number {
  return Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(before, 20));
}
