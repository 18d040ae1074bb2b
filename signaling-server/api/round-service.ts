import { MurmurationError } from '../../shared/errors/index.ts';
import type { RoundRecord } from '../../shared/wire/index.ts';
import type { Caller } from '../access/principal.ts';
import type { Page } from '../jobs/training.ts';
import type { Repository } from '../storage/repository.ts';
import type { RunSummary } from '../storage/run-repository.ts';

/** A round, by what is known of it from outside. */
export interface Round {
  readonly run: string;
  readonly federation: string;
  readonly round: number;
  readonly status: 'waiting' | 'in_progress' | 'completed' | 'rolled_back';
  readonly startedAtMs: number | null;
  readonly completedAtMs: number | null;
  /** Version of the model that it leads to. */
  readonly modelVersion: number | null;
}

/** A committed version with what its evaluation said, and whether its file is here. */
export interface VersionRow {
  readonly run: string;
  readonly version: number;
  readonly round: number;
  readonly accuracy: number | null;
  readonly loss: number | null;
  readonly hash: string;
  readonly isStored: boolean;
  readonly createdAtMs: number;
}

export interface RoundUnderWay {
  readonly round: number;
  readonly startedAtMs: number;
}

export interface RoundService {
  /** The one under way; while none is, the next one, `waiting`. After the end of the run, its last. @throws `federation.unknown`. */
  current(caller: Caller, federation: string): Promise<Round>;
  /** @throws `http.not-found`. */
  get(caller: Caller, run: string, round: number): Promise<Round>;
  /** Of the federation's current run, oldest first; versions after `after`. @throws `federation.unknown`. */
  versions(
    caller: Caller,
    federation: string,
    page: { readonly after?: number | undefined; readonly limit?: number | undefined },
  ): Promise<Page<VersionRow>>;
}

export interface RoundServiceOptions {
  readonly repository: Pick<
    Repository,
    'getFederation' | 'currentRun' | 'getRun' | 'listRecords' | 'listVersions'
  >;
  /** What this server's coordinator of a federation is at. */
  readonly underWay: (federation: string) => RoundUnderWay | undefined;
}

const DEFAULT_PAGE = 100;

export function createRoundService({ repository, underWay }: RoundServiceOptions): RoundService {
  /** Of a round that was committed twice, the record that counts comes last. */
  async function recordOf(run: string, round: number): Promise<RoundRecord | undefined> {
    const records = await repository.listRecords(run, round, 16);
    return records.filter((record) => record.round === round).at(-1);
  }

  async function at(run: RunSummary, round: number): Promise<Round> {
    const about = { run: run.id, federation: run.federation, round };
    const record = await recordOf(run.id, round);
    if (record !== undefined) return { ...about, ...endOf(record) };
    const now = underWay(run.federation);
    if (now?.round === round && run.status === 'open')
      return {
        ...about,
        status: 'in_progress',
        startedAtMs: now.startedAtMs,
        completedAtMs: null,
        modelVersion: null,
      };
    // A run that was stopped before its first round goes on when it is started again.
    if (round === run.round + 1 && (run.status === 'open' || run.round === 0))
      return { ...about, status: 'waiting', startedAtMs: null, completedAtMs: null, modelVersion: null };
    throw new MurmurationError('http.not-found', 'There is no such round.', {
      remedy: 'Ask for the current round of the federation.',
    });
  }

  return {
    async current(_caller, id) {
      const run = await repository.currentRun(await repository.getFederation(id));
      return at(run, run.status === 'open' ? run.round + 1 : Math.max(1, run.round));
    },

    get: async (_caller, run, round) => at(await repository.getRun(run), round),

    async versions(_caller, id, { after = 0, limit = DEFAULT_PAGE }) {
      const run = await repository.currentRun(await repository.getFederation(id));
      const [records, stored] = await Promise.all([
        repository.listRecords(run.id, after + 1, 2 * limit + 1),
        repository.listVersions(run.id),
      ]);
      const files = new Set(stored.map(({ version, hash }) => `${version}/${hash}`));
      const byRound = new Map(records.map((record) => [record.round, record]));
      const rows = [...byRound.values()].map((record) => rowOf(run.id, record, files));
      const items = rows.slice(0, limit);
      return { items, next: rows.length > limit ? String(items.at(-1)!.version) : null };
    },
  };
}

function endOf(
  record: RoundRecord,
): Pick<Round, 'status' | 'startedAtMs' | 'completedAtMs' | 'modelVersion'> {
  return {
    status: record.rollback === undefined ? 'completed' : 'rolled_back',
    startedAtMs: record.startedAtMs,
    completedAtMs: endedAtMs(record),
    modelVersion: record.round,
  };
}

function rowOf(run: string, record: RoundRecord, files: ReadonlySet<string>): VersionRow {
  const { round, hash, evaluation } = record;
  return {
    run,
    version: round,
    round,
    accuracy: evaluation === null ? null : evaluation.correct / evaluation.total,
    loss: evaluation === null ? null : evaluation.lossSum / evaluation.total,
    hash,
    isStored: files.has(`${round}/${hash}`),
    createdAtMs: endedAtMs(record),
  };
}

function endedAtMs({ startedAtMs, trainMs, exchangeMs, applyMs }: RoundRecord): number {
  return startedAtMs + trainMs + exchangeMs + applyMs;
}
