import { type NodeId, type ParticipantId, SERVER } from '../../shared/identity/index.ts';
import type { AttemptId, Message, MessageOf, RoundRecord } from '../../shared/wire/index.ts';

/** What became of one participant's part in one attempt at a round. */
export type Outcome =
  /** Its update is in the model. */
  | 'survived'
  /** It said that it would not, and why. */
  | 'refused'
  /** What it sent could not enter a sum. */
  | 'rejected'
  /** Its connection was lost, or it left. */
  | 'dropped-out'
  /** A deadline passed that it was waited for until. */
  | 'missed-deadline'
  /** None of its doing: the round ended without it, or was cut short. */
  | 'released';

export interface Attended {
  readonly participant: ParticipantId;
  readonly outcome: Outcome;
  /** Of a refusal or a rejection. */
  readonly code: string | undefined;
  readonly trained: boolean;
  readonly uploaded: boolean;
  /** From invitation to trained, where it came so far. */
  readonly trainMs: number | undefined;
}

/** The end of an attempt, as the coordinator here saw it. */
export interface AttendedAttempt {
  readonly attempt: AttemptId;
  readonly participants: readonly Attended[];
}

/**
 * Watches what a coordinating node says and hears, which it sees anyway, and tells what became of everyone invited. Nothing of
 * an update is looked at.
 */
export interface Attendance {
  /** As `NodeObserver.onMessage`. */
  message(direction: 'in' | 'out', peer: NodeId, message: Message, atMs: number): void;
  departed(participant: ParticipantId): void;
  /** Of a committed round that this node coordinated. @returns undefined for others, and for one that was told of before. */
  committed(record: RoundRecord): AttendedAttempt | undefined;
}

interface Part {
  readonly invitedAtMs: number;
  readonly trainDeadlineMs: number;
  readonly exchangeDeadlineMs: number;
  readonly group: number;
  trainedAtMs: number | undefined;
  uploaded: boolean;
  end: { readonly outcome: Outcome; readonly code?: string } | undefined;
}

/** Of durations that a coordinator measured against deadlines it set: timers may be early by a little. */
const NEARLY = 0.99;

/** @param onAbandoned hears of attempts, or groups of one, that came to nothing. */
export function createAttendance(onAbandoned: (attended: AttendedAttempt) => void): Attendance {
  let current: AttemptId | undefined;
  let parts = new Map<ParticipantId, Part>();

  function invited({ attempt, plan, trainMs, exchangeMs }: MessageOf<'invite'>, atMs: number): void {
    if (current === undefined || !isSame(current, attempt)) {
      current = attempt;
      parts = new Map();
    }
    for (const id of plan.cohort) {
      if (parts.has(id)) continue;
      parts.set(id, {
        invitedAtMs: atMs,
        trainDeadlineMs: trainMs,
        exchangeDeadlineMs: exchangeMs,
        group: plan.group?.index ?? 0,
        trainedAtMs: undefined,
        uploaded: false,
        end: undefined,
      });
    }
  }

  function partIn(attempt: AttemptId, id: NodeId): Part | undefined {
    if (current === undefined || !isSame(current, attempt) || id === SERVER) return undefined;
    return parts.get(id);
  }

  /** What comes first counts: who was rejected and then left was rejected. */
  function end(part: Part | undefined, outcome: Outcome, code?: string): void {
    if (part !== undefined) part.end ??= { outcome, ...(code === undefined ? {} : { code }) };
  }

  function take(outcomeOf: (id: ParticipantId, part: Part) => Outcome | undefined): Attended[] {
    const taken: Attended[] = [];
    for (const [participant, part] of parts) {
      const outcome = outcomeOf(participant, part);
      if (outcome === undefined) continue;
      parts.delete(participant);
      taken.push({
        participant,
        outcome,
        code: outcome === part.end?.outcome ? part.end.code : undefined,
        trained: part.trainedAtMs !== undefined,
        uploaded: part.uploaded,
        trainMs: part.trainedAtMs && Math.max(0, part.trainedAtMs - part.invitedAtMs),
      });
    }
    return taken;
  }

  function abandoned({ attempt, group }: MessageOf<'abandon'>, atMs: number): void {
    if (current === undefined || !isSame(current, attempt)) return;
    const participants = take((_, part) => {
      if (group !== undefined && part.group !== group) return undefined;
      if (part.end !== undefined) return part.end.outcome;
      const isLate =
        part.trainedAtMs === undefined && atMs - part.invitedAtMs >= NEARLY * part.trainDeadlineMs;
      return isLate ? 'missed-deadline' : 'released';
    });
    if (participants.length > 0) onAbandoned({ attempt, participants });
  }

  return {
    message(direction, peer, message, atMs) {
      if (direction === 'out') {
        if (message.type === 'invite') invited(message, atMs);
        // To those alone who were invited beyond what the round needed.
        else if (message.type === 'abandon' && message.code === 'round.cut-off')
          end(partIn(message.attempt, peer), 'released');
        else if (message.type === 'abandon') abandoned(message, atMs);
        return;
      }
      if (message.type === 'reject') {
        // Of other owners it is an accusation, which nobody can check.
        if (peer === SERVER) end(partIn(message.attempt, message.participant), 'rejected', message.code);
        return;
      }
      if (message.type === 'leave' && peer !== SERVER) return end(parts.get(peer), 'dropped-out');
      if (message.type !== 'trained' && message.type !== 'uploaded' && message.type !== 'refuse') return;
      const part = partIn(message.attempt, peer);
      if (part === undefined) return;
      if (message.type === 'refuse') return end(part, 'refused', message.code);
      part.trainedAtMs ??= atMs;
      if (message.type === 'uploaded') part.uploaded = true;
    },

    departed(participant) {
      end(parts.get(participant), 'dropped-out');
    },

    committed(record) {
      const { term, round, attempt } = record;
      if (current === undefined || !isSame(current, { term, round, attempt })) return undefined;
      const survivors = new Set(record.survivors);
      const participants = take((id, part) => {
        if (survivors.has(id)) return 'survived';
        if (part.end !== undefined) return part.end.outcome;
        // Whoever was cut off before its time was up, such as by over-selection, did nothing wrong.
        const wasWaitedFor =
          part.trainedAtMs === undefined
            ? record.trainMs >= NEARLY * part.trainDeadlineMs
            : !part.uploaded && record.exchangeMs >= NEARLY * part.exchangeDeadlineMs;
        return wasWaitedFor ? 'missed-deadline' : 'released';
      });
      current = undefined;
      return participants.length === 0 ? undefined : { attempt: { term, round, attempt }, participants };
    },
  };
}

function isSame(a: AttemptId, b: AttemptId): boolean {
  return a.term === b.term && a.round === b.round && a.attempt === b.attempt;
}
