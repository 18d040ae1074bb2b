import type { Logger } from 'pino';
import { type GroupOutcome, suspects, updateReputations } from '../../shared/aggregate/robust/reputation.ts';
import { type MurmurationError, toErrorRecord } from '../../shared/errors/index.ts';
import type { ParticipantId } from '../../shared/identity/index.ts';
import type { AttemptId } from '../../shared/wire/index.ts';
import { pause } from '../pause.ts';
import type { ReliabilityRepository, Standing } from '../storage/reliability-repository.ts';
import type { AttendedAttempt } from './attendance.ts';
import { type Gate, refusalOf } from './gate.ts';
import { isUnreliable, type QuarantineCause, quarantineMs } from './quarantine.ts';

/** How long a database that fails is left alone before it is asked again. */
const RETRY_MS = 5_000;
/** Timers take no more than this; a longer one is set again. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;
/** Attempts whose scores came and whose end did not. */
const MAX_PENDING = 8;
/** Outcomes that wait for a database that is away; the oldest are given up. */
const MAX_WAITING = 1000;

export interface KeeperOptions {
  readonly federation: string;
  readonly run: string;
  readonly repository: Pick<
    ReliabilityRepository,
    'noteAttempt' | 'readReputations' | 'saveReputations' | 'quarantine'
  >;
  readonly gate: Pick<Gate, 'standingOf' | 'subscribe'>;
  /** Tells the coordinator whether this participant may be invited. */
  readonly setAllowed: (participant: ParticipantId, allowed: boolean) => void;
  /** Hears of every change of standing. */
  readonly onStanding?: (
    participant: ParticipantId,
    state: Standing['state'] | 'clear',
    cause: string,
  ) => void;
  /** Tells the participant why it is not. */
  readonly tell: (participant: ParticipantId, reason: MurmurationError) => void;
  readonly log: Pick<Logger, 'error' | 'warn' | 'info'>;
  readonly nowMs?: () => number;
  readonly retryMs?: number;
}

/** Keeps the statistics of one federation, and the unreliable out for a while. */
export interface Keeper {
  attended(attempt: AttendedAttempt): void;
  /**
   * What the sums of groups tell, or updates where they are seen one by one. Noted when the attempt is: before, newcomers are not
   * known.
   */
  scored(attempt: AttemptId, groups: readonly GroupOutcome<ParticipantId>[]): void;
  /** Whoever is out is told so, and the coordinator too. */
  arrived(participant: ParticipantId): void;
  /** Whether it holds anything of this participant. */
  knows(participant: ParticipantId): boolean;
  /** Resolves when nothing is under way any more. */
  close(): Promise<void>;
}

/** SPEC H-10. */
export function createKeeper(options: KeeperOptions): Keeper {
  const { federation, run, repository, gate, setAllowed, tell, log, nowMs = Date.now } = options;
  const lifetime = new AbortController();
  const out = new Map<
    ParticipantId,
    { readonly standing: Standing; readonly timer: NodeJS.Timeout | undefined }
  >();
  const pending = new Map<string, readonly GroupOutcome<ParticipantId>[]>();
  let queue: Promise<void> = Promise.resolve();
  let waiting = 0;
  let isAway = false;

  /** One thing after the other; a database that is away is waited for, while what concerns nobody's rights may be lost. */
  function enqueue(what: string, work: () => Promise<void>): void {
    if (waiting >= MAX_WAITING) {
      log.error({ federation, run }, `${what}: too much waits for the database`);
      return;
    }
    waiting++;
    queue = queue.then(async () => {
      try {
        // What waits when the server stops is still written, as long as the database is there.
        while (!(lifetime.signal.aborted && isAway)) {
          try {
            await work();
            isAway = false;
            return;
          } catch (thrown) {
            const { code } = toErrorRecord(thrown);
            log.error({ federation, run, code, err: thrown }, what);
            isAway = code.startsWith('storage.');
            if (!isAway) return;
            await pause(options.retryMs ?? RETRY_MS, lifetime.signal);
          }
        }
      } finally {
        waiting--;
      }
    });
  }

  async function quarantine(participant: ParticipantId, cause: QuarantineCause): Promise<void> {
    if (out.has(participant)) return;
    const standing = await repository.quarantine(federation, participant, cause, quarantineMs);
    const { untilMs } = standing;
    log.warn({ federation, run, participant, cause, untilMs }, 'a participant is quarantined');
    shut(participant, standing);
  }

  async function note(attended: AttendedAttempt): Promise<void> {
    await noteAttempt(attended);
    const key = keyOf(attended.attempt);
    const groups = pending.get(key);
    if (groups === undefined) return;
    await noteGroups(attended.attempt, groups);
    pending.delete(key);
  }

  async function noteAttempt(attempt: AttendedAttempt): Promise<void> {
    for (const row of await repository.noteAttempt(federation, run, attempt))
      if (isUnreliable(row)) await quarantine(row.participant as ParticipantId, 'unreliable');
  }

  async function noteGroups(
    attempt: AttemptId,
    groups: readonly GroupOutcome<ParticipantId>[],
  ): Promise<void> {
    const before = await repository.readReputations(federation);
    const after = updateReputations(before, groups);
    const members = new Set(groups.flatMap((group) => group.members));
    const changed = new Map([...after].filter(([id]) => members.has(id)));
    await repository.saveReputations(federation, run, attempt, changed);
    for (const id of suspects(after)) if (members.has(id)) await quarantine(id, 'anomalous');
  }

  function shut(participant: ParticipantId, standing: Standing): void {
    if (lifetime.signal.aborted) return;
    const { state, reason } = standing;
    const before = out.get(participant);
    // What an operator wrote is for the participant and operators.
    if (before?.standing.state !== state)
      options.onStanding?.(participant, state, state === 'blocked' ? 'operator' : reason);
    clearTimeout(before?.timer);
    out.set(participant, { standing, timer: timerFor(participant, standing) });
    setAllowed(participant, false);
    tell(participant, refusalOf(standing));
  }

  function timerFor(participant: ParticipantId, { untilMs }: Standing): NodeJS.Timeout | undefined {
    if (untilMs === null) return undefined;
    const delayMs = Math.min(LONGEST_TIMER_MS, Math.max(0, untilMs - nowMs()) + 1);
    const timer = setTimeout(() => look(participant), delayMs);
    timer.unref();
    return timer;
  }

  /** What the database says counts: an operator, or another server, may have changed it. */
  function look(participant: ParticipantId): void {
    enqueue('the standing of a participant could not be read', async () => {
      const standing = await gate.standingOf(federation, participant);
      if (standing !== undefined) return shut(participant, standing);
      const before = out.get(participant);
      if (before === undefined || lifetime.signal.aborted) return;
      clearTimeout(before.timer);
      out.delete(participant);
      setAllowed(participant, true);
      options.onStanding?.(participant, 'clear', before.standing.state);
      log.info({ federation, run, participant }, 'a participant may be invited again');
    });
  }

  const unsubscribe = gate.subscribe(look);

  return {
    attended: (attempt) => enqueue('what became of an attempt could not be noted', () => note(attempt)),
    scored(attempt, groups) {
      pending.set(keyOf(attempt), groups);
      if (pending.size > MAX_PENDING) pending.delete(pending.keys().next().value!);
    },
    arrived: look,
    knows: (participant) =>
      out.has(participant) ||
      [...pending.values()].some((groups) => groups.some(({ members }) => members.includes(participant))),
    async close() {
      lifetime.abort();
      unsubscribe();
      for (const { timer } of out.values()) clearTimeout(timer);
      await queue;
    },
  };
}

function keyOf({ term, round, attempt }: AttemptId): string {
  return `${term}.${round}.${attempt}`;
}
