import { createHash } from 'node:crypto';
import { check, MurmurationError, toErrorRecord } from '../../shared/errors/index.ts';
import type { EvaluationCounts } from '../../shared/training/port.ts';
import type { Model } from '../../shared/update/index.ts';
import type { Caller } from '../access/principal.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { Judges } from '../evaluation/judges.ts';
import type { ModelComparison } from '../evaluation/thread-protocol.ts';
import type { Page } from '../jobs/training.ts';
import type { Repository } from '../storage/repository.ts';
import type { ModelVersion } from '../storage/run-repository.ts';
import type { Version } from '../storage/version-repository.ts';
import { createSlots } from '../threads/slots.ts';
import type { Promotion, PromotionRepository } from './promotion-repository.ts';

/** A version, and what the operator's held-out examples say of it; null without any. */
export interface JudgedVersion {
  readonly version: number;
  readonly hash: string;
  readonly accuracy: number | null;
  readonly loss: number | null;
  readonly examples: number | null;
}

export interface VersionComparison {
  readonly run: string;
  readonly from: JudgedVersion;
  readonly to: JudgedVersion;
  readonly distance: ModelComparison['weights'];
  readonly predictions: ModelComparison['predictions'];
}

/** What the file of a version is, read anew. */
export interface Checksum {
  readonly run: string;
  readonly version: number;
  /** As participants compare it: over layout and weights. */
  readonly hash: string;
  readonly layoutHash: string;
  readonly bytes: number;
  /** Of the file, as hex. */
  readonly sha256: string;
}

export interface RollBackOrder {
  readonly to: number;
  /** Of that version: who orders it has seen what it is. */
  readonly hash: string;
}

export interface VersionService {
  /** From this version on, oldest first. */
  lineage(
    caller: Caller,
    run: string,
    page: { readonly from?: number | undefined; readonly limit?: number | undefined },
  ): Promise<Page<Version>>;
  /** @throws `http.not-found`, `model.unavailable`, `storage.corrupt`, `http.unavailable`. */
  compare(
    caller: Caller,
    run: string,
    from: number,
    to: number,
    signal: AbortSignal,
  ): Promise<VersionComparison>;
  /** Reads the file. @throws `model.unavailable`; `storage.corrupt` when it is not what was stored. */
  checksum(caller: Caller, run: string, version: number): Promise<Checksum>;
  /** @throws `model.unavailable`; `model.hash-mismatch` when the version is another than the caller has seen. */
  promote(caller: Caller, run: string, version: number, hash: string): Promise<Promotion>;
  /** @throws `http.not-found` before the first. */
  promoted(caller: Caller, federation: string): Promise<Promotion>;
  /**
   * Makes an earlier version the newest, under a number of its own.
   * @throws as {@link promote}; `http.conflict` where the run is over, or nobody coordinates it here.
   */
  rollBack(
    caller: Caller,
    run: string,
    order: RollBackOrder,
    signal: AbortSignal,
  ): Promise<{ readonly run: string; readonly to: number; readonly hash: string }>;
}

export interface VersionServiceOptions {
  readonly repository: Pick<
    Repository,
    'blobs' | 'getRun' | 'getFederation' | 'listLineage' | 'findVersion' | 'readModel'
  >;
  readonly promotions: PromotionRepository;
  readonly judges: Pick<Judges, 'judgeOf'>;
  readonly audit: Pick<AuditLog, 'record'>;
  /** Tells the coordinator of a federation to go back. @throws `http.conflict`. */
  readonly rollBack: (
    federation: string,
    to: { readonly version: number; readonly hash: string },
    signal: AbortSignal,
  ) => Promise<void>;
  readonly nowMs?: () => number;
}

const DEFAULT_PAGE = 1_000;
/** Two models are held for each comparison. */
const MAX_WAITING = 4;

export function createVersionService({
  repository,
  promotions,
  judges,
  audit,
  rollBack,
  nowMs = Date.now,
}: VersionServiceOptions): VersionService {
  const comparisons = createSlots(1, MAX_WAITING);
  const modelOf = async (run: string, version: number): Promise<Model> =>
    repository.readModel(await repository.findVersion(run, version));

  async function confirmed(run: string, version: number, hash: string): Promise<ModelVersion> {
    const found = await repository.findVersion(run, version);
    check(
      found.hash === hash,
      'model.hash-mismatch',
      'This version is another model than the one you confirm.',
      {
        path: 'hash',
        expected: found.hash,
        received: hash.slice(0, 64),
        remedy: 'Look at the version again, and confirm what it is now.',
      },
    );
    return found;
  }

  return {
    async lineage(_caller, run, { from = 0, limit = DEFAULT_PAGE }) {
      const found = await repository.listLineage(run, from, limit + 1);
      const items = found.slice(0, limit);
      return { items, next: found.length > limit ? String(found[limit]!.version) : null };
    },

    async compare(_caller, run, from, to, signal) {
      const federation = await repository.getFederation((await repository.getRun(run)).federation);
      return comparisons.run(async () => {
        const [first, second] = [await modelOf(run, from), await modelOf(run, to)];
        const compared = await judges.judgeOf(federation).compare(first, second, signal).catch(unjudged);
        const { weights, evaluations, predictions } = compared;
        return {
          run,
          from: aboutOf(first, evaluations?.from),
          to: aboutOf(second, evaluations?.to),
          distance: weights,
          predictions,
        };
      }, signal);
    },

    async checksum(_caller, run, version) {
      const found = await repository.findVersion(run, version);
      // Over layout and weights, as participants would.
      await repository.readModel(found);
      const file = createHash('sha256');
      for await (const piece of repository.blobs.get(found.blob)) file.update(piece);
      const { hash, layoutHash, bytes } = found;
      return { run, version: found.version, hash, layoutHash, bytes, sha256: file.digest('hex') };
    },

    async promote(caller, run, version, hash) {
      const found = await confirmed(run, version, hash);
      const { federation } = await repository.getRun(run);
      const before = await promotions.promotedOf(federation);
      const promotion = {
        federation,
        run,
        version: found.version,
        hash: found.hash,
        promotedBy: caller.principal.name,
        atMs: nowMs(),
      };
      await audit.record(caller, {
        action: 'model.promote',
        subject: `federation:${federation}`,
        ...(before === undefined ? {} : { before: { run: before.run, version: before.version } }),
        after: { run, version: found.version, hash: found.hash },
        effect: () => promotions.promote(promotion),
      });
      return promotion;
    },

    async promoted(_caller, federation) {
      await repository.getFederation(federation);
      const found = await promotions.promotedOf(federation);
      if (found !== undefined) return found;
      throw new MurmurationError('http.not-found', 'No version of this federation is promoted.');
    },

    async rollBack(caller, run, { to, hash }, signal) {
      const { version } = await confirmed(run, to, hash);
      const { federation, round, status } = await repository.getRun(run);
      check(status === 'open', 'http.conflict', 'This run is over.', {
        expected: 'a run that is open',
        received: status,
        remedy: 'Promote the version instead.',
      });
      await audit.record(caller, {
        action: 'model.roll-back',
        subject: `federation:${federation}`,
        before: { run, version: round },
        after: { run, version, hash },
        effect: () => rollBack(federation, { version, hash }, signal),
      });
      return { run, to: version, hash };
    },
  };
}

function aboutOf({ version, hash }: Model, counts: EvaluationCounts | undefined): JudgedVersion {
  if (counts === undefined) return { version, hash, accuracy: null, loss: null, examples: null };
  const { total, correct, lossSum } = counts;
  return { version, hash, accuracy: correct / total, loss: lossSum / total, examples: total };
}

/** What is wrong with the operator's held-out set is no fault of whoever asks. */
function unjudged(thrown: unknown): never {
  const { code } = toErrorRecord(thrown);
  if (!code.startsWith('data.')) throw thrown;
  throw new MurmurationError('http.unavailable', 'The held-out set of this federation cannot be used.', {
    received: code,
    remedy: 'Its operator has to supply it again.',
    cause: thrown,
  });
}
