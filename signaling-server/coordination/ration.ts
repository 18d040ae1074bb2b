import type { Logger } from 'pino';
import { toErrorRecord } from '../../shared/errors/index.ts';
import type { Federation } from '../../shared/federation/index.ts';
import type { ParticipantId } from '../../shared/identity/index.ts';
import { eventsOf } from '../../shared/ledger/index.ts';
import type { RoundRecord } from '../../shared/wire/index.ts';
import { pause } from '../pause.ts';
import type { BudgetService } from '../privacy/budget-service.ts';
import { plannedEvent, releasesOf } from '../privacy/releases-of.ts';
import type { Repository } from '../storage/repository.ts';

/** With so few rounds left it is found out again how many there are: what is far off is reckoned roughly. */
const FEW = 2;
/** How long a database that fails is left alone before it is asked again. */
const RETRY_MS = 5_000;

export interface RationOptions {
  readonly federation: Federation;
  readonly run: string;
  /** Coordinates of an update. */
  readonly dimension: number;
  readonly repository: Pick<Repository, 'newestReleases' | 'noteReleases' | 'countNoted'>;
  readonly budgets: Pick<BudgetService, 'review' | 'roundsLeft'>;
  /** Tells the coordinator. */
  readonly allow: (participant: ParticipantId, rounds: number) => void;
  readonly log: Pick<Logger, 'error'>;
  readonly retryMs?: number;
}

export interface Ration {
  /** Rounds that were committed before: those that were not noted yet are. */
  catchUp(records: readonly RoundRecord[]): void;
  joined(participant: ParticipantId, examples: number): void;
  committed(record: RoundRecord): void;
  /** Whether it holds anything of this participant. */
  knows(participant: ParticipantId): boolean;
  /** Resolves when nothing is under way any more. */
  close(): Promise<void>;
}

/**
 * The server's own book of one federation: notes what committed rounds released, and tells the coordinator in how many more
 * rounds whoever joins may take part. One thing after the other, so that who joins is told of all that was noted before.
 */
export function createRation(options: RationOptions): Ration {
  const { federation, run, dimension, repository, budgets, allow, log, retryMs = RETRY_MS } = options;
  const examples = new Map<ParticipantId, number>();
  /** Rounds heard of, so that an evaluation that comes later is not another release. */
  const heard = new Set<string>();
  /** Of this session, per participant. */
  const rounds = new Map<ParticipantId, number>();
  /** What each was told, and after how many rounds of this session. */
  const told = new Map<ParticipantId, { readonly rounds: number; readonly after: number }>();
  const lifetime = new AbortController();
  let queue: Promise<void> = Promise.resolve();

  /** A database that is away is waited for; nobody who came meanwhile is invited before it is back. */
  function enqueue(what: string, work: () => Promise<void>): void {
    queue = queue.then(async () => {
      while (!lifetime.signal.aborted) {
        try {
          return await work();
        } catch (thrown) {
          const { code } = toErrorRecord(thrown);
          log.error({ federation: federation.id, run, code, err: thrown }, what);
          if (!code.startsWith('storage.')) return;
          await pause(retryMs, lifetime.signal);
        }
      }
    });
  }

  async function note(record: RoundRecord): Promise<void> {
    const unheard = record.survivors.filter((id) => !examples.has(id));
    const last = unheard.length === 0 ? undefined : await repository.newestReleases(federation.id, unheard);
    const entries = releasesOf({
      federation,
      run,
      record,
      dimension,
      examplesOf: (id) => examples.get(id as ParticipantId),
      lastOf: (id) => last?.get(id)?.entry.event,
      atMs: record.startedAtMs,
    });
    await repository.noteReleases(federation.id, record.hash, entries);
    const bound = await budgets.review(federation.id, record.survivors);
    // Other federations spend of the same limit, so that what is left is found out anew after every round.
    for (const id of bound as ParticipantId[]) if (told.has(id)) tell(id);
  }

  function tell(participant: ParticipantId): void {
    enqueue('what is left of a privacy budget could not be found', async () => {
      const after = rounds.get(participant) ?? 0;
      const planned = eventsOf(plannedEvent(federation, examples.get(participant)!, dimension));
      const left = await budgets.roundsLeft(federation, participant, planned);
      if (lifetime.signal.aborted) return;
      told.set(participant, { rounds: left, after });
      // Rounds that ended meanwhile are not in what was read.
      allow(participant, leftOf(participant)!);
    });
  }

  function leftOf(participant: ParticipantId): number | undefined {
    const last = told.get(participant);
    return last && Math.max(0, last.rounds - ((rounds.get(participant) ?? 0) - last.after));
  }

  const committed = (record: RoundRecord): void => {
    if (heard.has(keyOf(record))) return;
    heard.add(keyOf(record));
    for (const id of record.survivors) rounds.set(id, (rounds.get(id) ?? 0) + 1);
    enqueue('the releases of a round could not be noted', () => note(record));
    for (const id of record.survivors) {
      const last = told.get(id);
      if (last !== undefined && last.rounds > FEW && leftOf(id)! <= FEW) tell(id);
    }
  };

  return {
    committed,

    catchUp(records) {
      const left = records.filter((record) => !heard.has(keyOf(record)));
      for (const record of left) heard.add(keyOf(record));
      enqueue('the releases of earlier rounds could not be noted', async () => {
        const noted = await repository.countNoted(run);
        for (let record = left[0]; record !== undefined; record = left[0]) {
          if ((noted.get(keyOf(record)) ?? 0) < record.survivors.length) await note(record);
          left.shift();
        }
      });
    },

    joined(participant, count) {
      examples.set(participant, count);
      tell(participant);
    },

    knows: (participant) => examples.has(participant) || rounds.has(participant),

    async close() {
      lifetime.abort();
      await queue;
    },
  };
}

/** As `countNoted` names rounds. */
function keyOf({ round, hash }: RoundRecord): string {
  return `${round}/${hash}`;
}
