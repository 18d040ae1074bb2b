import { randomBytes } from 'node:crypto';
import { and, eq, isNull, sql } from 'drizzle-orm';
import { MurmurationError, toErrorRecord } from '../../shared/errors/index.ts';
import type { Identity, ParticipantId } from '../../shared/identity/index.ts';
import type { CryptoRandom } from '../../shared/random/index.ts';
import { type Caller, SYSTEM } from '../access/principal.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { BlobStore } from '../storage/blob-store.ts';
import type { Database } from '../storage/database.ts';
import { erasures } from '../storage/schema.ts';
import { type Contribution, contributionsOf, federationsNaming } from './contributions.ts';
import type { ErasedRegister } from './erased.ts';
import { freshAlias } from './guard-erased.ts';
import { countRows, deleteRows, isMentioned, replaceIn, tableNameOf } from './mentions.ts';
import { PERSONAL_DATA, type PersonalTable } from './personal-data.ts';
import { type ErasureReceipt, NOTICE, type SignedReceipt, signReceipt } from './receipt.ts';
import { rechainReleases } from './rechain.ts';
import { blobsOf, deleteUnnamed, transcriptsOf } from './transcripts.ts';

/** Those parts of the server that hold a participant in memory. */
export interface ErasurePorts {
  /**
   * Ends its connections to every federation and on every replica, by name, takes it out of rounds under way, and forgets it: attendance,
   * keeper, ration, what was reported of its device. Resolves once no round under way has it.
   */
  forgetParticipant(participant: ParticipantId): Promise<void>;
  /** Rows name it no more: every replica lets go of what it holds of it, and reads the history of these federations anew. */
  tellErased?(participant: ParticipantId, federations: readonly string[]): void;
  /** Makes an earlier version of a run the newest. @throws why not, such as `http.conflict`. */
  rollBack?(run: string, version: number): Promise<void>;
}

export interface ErasureOrder {
  readonly participant: ParticipantId;
  /** Takes models back to the last version before its first contribution. */
  readonly rollBack?: boolean;
  /** Default true: it is not taken in again. False for data that is deleted only for its age. */
  readonly exclude?: boolean;
}

export interface Deletion {
  /**
   * Carries a deletion out, or goes on with one that was cut short. SPEC V-09.
   * @throws `storage.*`: what is done is kept; asked again, or at the next start, it goes on.
   */
  erase(caller: Caller, order: ErasureOrder): Promise<SignedReceipt>;
  /** Goes on with all that were cut short. */
  resume(): Promise<void>;
}

export interface DeletionOptions {
  readonly database: Database;
  readonly blobs: Pick<BlobStore, 'delete'>;
  readonly audit: Pick<AuditLog, 'append'>;
  readonly erased: ErasedRegister;
  readonly identity: Identity;
  readonly random: CryptoRandom;
  readonly ports: ErasurePorts;
  readonly nowMs?: () => number;
}

/** What is known of a deletion under way. At its end only what is in {@link Outcome} is left. */
interface Progress extends Outcome {
  readonly participant: string;
  readonly rollBack: boolean;
  /** Names of steps that are done. */
  readonly done: readonly string[];
  /** Files that rows named which are gone. */
  readonly blobs: readonly string[];
  /** Whose rounds name it, as one that dropped out too. */
  readonly federations: readonly string[];
}

interface Outcome {
  readonly excluded: boolean;
  readonly rows: Readonly<Record<string, number>>;
  readonly contributions: readonly Contribution[];
  readonly rollbacks: Readonly<Record<string, string>>;
}

/** A deletion that is to be carried out: a row of `erasures`, which {@link Deletion.resume} goes on with. */
export interface Erasure {
  readonly id: string;
  readonly alias: string;
  readonly requestedAtMs: number;
  readonly progress: Progress;
}

type Treated = Exclude<PersonalTable, { readonly places: 'none' }>;
const TREATED = PERSONAL_DATA.filter((each): each is Treated => each.places !== 'none');
/** It is changed last, by the statement that ends the deletion. */
const OWN_TABLE = erasures;

export function newErasure(
  { participant, rollBack = false, exclude = true }: ErasureOrder,
  random: CryptoRandom,
  requestedAtMs: number,
): Erasure {
  return {
    id: randomBytes(16).toString('base64url'),
    alias: freshAlias(random),
    requestedAtMs,
    progress: {
      participant,
      rollBack,
      excluded: exclude,
      done: [],
      blobs: [],
      federations: [],
      rows: {},
      contributions: [],
      rollbacks: {},
    },
  };
}

export function createDeletion(options: DeletionOptions): Deletion {
  const { database, blobs, audit, erased, identity, random, ports, nowMs = Date.now } = options;
  /** One at a time for each participant; a second request gets the receipt of the first. */
  const underWay = new Map<string, Promise<SignedReceipt>>();

  async function begin(caller: Caller, order: ErasureOrder): Promise<SignedReceipt> {
    const { participant, rollBack = false, exclude = true } = order;
    const unfinished = (await readUnfinished(participant))[0];
    if (unfinished !== undefined) return carryOut(unfinished);
    if (await erased.isErased(participant)) {
      throw new MurmurationError('http.not-found', 'This participant was deleted before.', {
        remedy: 'Nothing is left of it to delete.',
      });
    }
    await audit.append(caller, {
      action: 'rights.deletion-started',
      subject: `participant:${participant}`,
      after: { rollBack, exclude },
    });
    const erasure = newErasure({ participant, rollBack, exclude }, random, nowMs());
    const { id, alias, requestedAtMs, progress } = erasure;
    await database.run((db) =>
      db
        .insert(erasures)
        .values({ id, pseudonym: alias, requestedAtMs, completedAtMs: null, effect: { ...progress } })
        .onConflictDoNothing(),
    );
    return carryOut(erasure);
  }

  async function readUnfinished(participant?: string): Promise<Erasure[]> {
    const rows = await database.run((db) =>
      db
        .select()
        .from(erasures)
        .where(
          and(
            isNull(erasures.completedAtMs),
            participant === undefined ? undefined : eq(sql`${erasures.effect}->>'participant'`, participant),
          ),
        ),
    );
    return rows.map(({ id, pseudonym, requestedAtMs, effect }) => ({
      id,
      alias: pseudonym,
      requestedAtMs,
      progress: effect as unknown as Progress,
    }));
  }

  /** Each step can be done twice; after each it is written down how far it came. */
  async function carryOut(erasure: Erasure): Promise<SignedReceipt> {
    const { id, alias } = erasure;
    let progress = erasure.progress;
    const participant = progress.participant as ParticipantId;

    const step = async (name: string, work: () => Promise<Partial<Progress> | undefined>): Promise<void> => {
      if (progress.done.includes(name)) return;
      const result = await work();
      progress = { ...progress, ...result, done: [...progress.done, name] };
      await save();
    };
    const save = (): Promise<unknown> =>
      database.run((db) =>
        db
          .update(erasures)
          .set({ effect: { ...progress } })
          .where(and(eq(erasures.id, id), isNull(erasures.completedAtMs))),
      );

    // First of all nothing new may come of it.
    await step('exclude', async () => {
      if (progress.excluded) await erased.add(participant);
      return undefined;
    });
    // What is in memory is so again after a restart: it is forgotten each time.
    await ports.forgetParticipant(participant);
    // What rows say is read before any of them changes, and not again.
    await step('look', async () => ({
      contributions: await contributionsOf(database, participant),
      rows: await countAll(participant),
      blobs: await blobsOf(database, transcriptsOf(participant)),
      federations: await federationsNaming(database, participant),
    }));
    if (progress.rollBack) {
      for (const { run, firstRound } of progress.contributions)
        await step(`roll-back ${run}`, async () => ({
          rollbacks: { ...progress.rollbacks, [run]: await rollBack(run, firstRound - 1) },
        }));
    }
    for (const table of TREATED) {
      if (table.table === OWN_TABLE) continue;
      await step(tableNameOf(table), async () => {
        await treat(table, participant, alias);
        return undefined;
      });
    }
    await step('blobs', async () => {
      await deleteUnnamed(database, blobs, progress.blobs);
      return { blobs: [] };
    });
    ports.tellErased?.(participant, [...new Set(progress.federations)]);
    return finish({ ...erasure, progress });
  }

  async function countAll(participant: string): Promise<Record<string, number>> {
    const rows: Record<string, number> = {};
    for (const table of TREATED) {
      if (table.table === OWN_TABLE) continue;
      const where = whereOf(table, participant);
      if (where !== undefined) rows[tableNameOf(table)] = await countRows(database, table, where);
    }
    return rows;
  }

  async function treat(table: Treated, participant: string, alias: string): Promise<void> {
    if (table.onDeletion === 'rechain') return rechainReleases(database, participant, alias);
    if (table.onDeletion === 'pseudonymize') return replaceIn(database, table, participant, alias);
    const where = whereOf(table, participant);
    if (table.onDeletion === 'delete' && where !== undefined) await deleteRows(database, table, where);
  }

  async function rollBack(run: string, version: number): Promise<string> {
    if (ports.rollBack === undefined) return 'http.unavailable';
    try {
      await ports.rollBack(run, version);
      return `version ${version}`;
    } catch (thrown) {
      const { code } = toErrorRecord(thrown);
      // A database that is away is waited for by whoever goes on with this; any other reason is the answer.
      if (code.startsWith('storage.')) throw thrown;
      return code;
    }
  }

  async function finish({ id, requestedAtMs, progress }: Erasure): Promise<SignedReceipt> {
    const { excluded, rows, contributions, rollbacks } = progress;
    const completedAtMs = nowMs();
    const receipt: ErasureReceipt = {
      erasure: id,
      requestedAtMs,
      completedAtMs,
      tables: TREATED.flatMap((table) => {
        const found = rows[tableNameOf(table)] ?? 0;
        const { onDeletion: treatment, ground } = table;
        return found === 0 ? [] : [{ table: tableNameOf(table), rows: found, treatment, ground }];
      }),
      contributions,
      rollbacks,
      excluded,
      notice: NOTICE,
    };
    await audit.append(SYSTEM, {
      action: 'rights.deleted',
      subject: `erasure:${id}`,
      after: { counts: rows, runs: contributions.map(({ run }) => run), rollbacks, excluded },
    });
    const outcome: Outcome = { excluded, rows, contributions, rollbacks };
    await database.run((db) =>
      db
        .update(erasures)
        .set({ completedAtMs, effect: { ...outcome } })
        .where(eq(erasures.id, id)),
    );
    return signReceipt(identity, receipt);
  }

  return {
    erase(caller, order) {
      const known = underWay.get(order.participant);
      if (known !== undefined) return known;
      const work = begin(caller, order).finally(() => underWay.delete(order.participant));
      underWay.set(order.participant, work);
      return work;
    },
    async resume() {
      for (const erasure of await readUnfinished()) {
        const { participant } = erasure.progress;
        if (underWay.has(participant)) continue;
        const work = carryOut(erasure).finally(() => underWay.delete(participant));
        underWay.set(participant, work);
        await work;
      }
    },
  };
}

function whereOf(table: Treated, participant: string) {
  if (table.places === 'through-rounds') return transcriptsOf(participant);
  return typeof table.places === 'string' ? undefined : isMentioned({ places: table.places }, participant);
}
