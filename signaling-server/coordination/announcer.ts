import { SERVER } from '../../shared/identity/index.ts';
import type { NodeObserver } from '../../shared/session/index.ts';
import type { AttemptId, Message, RoundRecord } from '../../shared/wire/index.ts';
import type { ServerEvents } from '../events.ts';

export interface AnnouncerOptions {
  readonly federation: string;
  readonly run: string;
  readonly events: Pick<ServerEvents, 'emit'>;
  /** Id of the training that rounds are for now. */
  readonly trainingOf: () => string | undefined;
  readonly nowMs: () => number;
}

/** Tells what happens in the rounds that this server coordinates, from what its node lets be observed. */
export type Announcer = Required<Pick<NodeObserver, 'onState' | 'onRecord' | 'onAbandoned' | 'onMessage'>> & {
  /** Nobody is here any more as far as this server is concerned. */
  close(): void;
};

export function createAnnouncer({ federation, run, events, trainingOf, nowMs }: AnnouncerOptions): Announcer {
  const about = { federation, run };
  let started: string | undefined;
  let committed: string | undefined;
  let bytes = 0;
  let active = 0;
  /** Since when the next cohort is being found. */
  let selectingSinceMs: number | undefined;

  function setActive(now: number): void {
    if (now === active) return;
    active = now;
    events.emit({ type: 'participants', federation, active });
  }

  function tellMetrics({ round, evaluation }: RoundRecord): void {
    if (evaluation === null || evaluation.total === 0) return;
    const { total, correct, lossSum } = evaluation;
    const heldOut = evaluation.heldOut ?? null;
    const metric = {
      type: 'metric',
      ...about,
      training: trainingOf(),
      round,
      heldOut,
      atMs: nowMs(),
    } as const;
    events.emit({ ...metric, name: 'accuracy', value: correct / total });
    events.emit({ ...metric, name: 'loss', value: lossSum / total });
  }

  function tellCommit(record: RoundRecord): void {
    const { round, attempt, startedAtMs, trainMs, exchangeMs, applyMs, survivors, dropped, hash } = record;
    const collectedAtMs = startedAtMs + trainMs + exchangeMs;
    const phase = { type: 'round-phase', ...about, round, attempt } as const;
    events.emit({ ...phase, phase: 'collect_updates', startedAtMs, endedAtMs: collectedAtMs });
    events.emit({
      ...phase,
      phase: 'aggregation',
      startedAtMs: collectedAtMs,
      endedAtMs: collectedAtMs + applyMs,
    });
    events.emit({
      type: 'round-committed',
      ...about,
      training: trainingOf(),
      round,
      durationMs: trainMs + exchangeMs + applyMs,
      invited: survivors.length + dropped.length,
      survivors: survivors.length,
      bytes,
      hash,
      atMs: nowMs(),
    });
    selectingSinceMs = nowMs();
  }

  return {
    onMessage(_direction, peer, message) {
      if (peer !== SERVER) bytes += payloadBytes(message);
    },

    onState({ coordinator }) {
      if (coordinator === undefined) return;
      setActive([...coordinator.members.values()].filter(({ here }) => here).length);
      if (coordinator.status.name !== 'round') {
        selectingSinceMs ??= nowMs();
        return;
      }
      const { rounds } = coordinator.status;
      const { attempt, startedAtMs } = rounds[0]!;
      if (keyOf(attempt) === started) return;
      started = keyOf(attempt);
      bytes = 0;
      const cohort = rounds.reduce((sum, { plan }) => sum + plan.cohort.length, 0);
      const which = { ...about, round: attempt.round, attempt: attempt.attempt };
      events.emit({
        type: 'round-phase',
        ...which,
        phase: 'client_selection',
        startedAtMs: selectingSinceMs ?? startedAtMs,
        endedAtMs: startedAtMs,
      });
      events.emit({
        type: 'round-started',
        ...which,
        training: trainingOf(),
        cohort,
        atMs: startedAtMs,
      });
      selectingSinceMs = undefined;
    },

    onRecord(record) {
      const { round, rollback } = record;
      // Of rounds that an elected peer paced this server hears afterwards; an evaluation comes with the record once more.
      const key = keyOf(record);
      const isOwn = record.coordinator === SERVER;
      if (isOwn && key !== committed && (key === started || rollback !== undefined)) {
        committed = key;
        if (rollback === undefined) tellCommit(record);
        else events.emit({ type: 'rolled-back', ...about, round, to: rollback.to, atMs: nowMs() });
      }
      if (rollback === undefined) tellMetrics(record);
    },

    onAbandoned({ round, attempt }, code) {
      events.emit({ type: 'round-abandoned', ...about, round, attempt, code, atMs: nowMs() });
      selectingSinceMs = nowMs();
    },

    close: () => setActive(0),
  };
}

function keyOf({ term, round, attempt }: AttemptId): string {
  return `${term}.${round}.${attempt}`;
}

/** Of what is large in a round. */
function payloadBytes(message: Message): number {
  switch (message.type) {
    case 'slice':
    case 'sum':
    case 'total':
      return message.values.byteLength;
    case 'model':
      return message.weights?.byteLength ?? 0;
    default:
      return 0;
  }
}
