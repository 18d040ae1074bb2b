import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { copyFile, mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { check, MurmurationError } from '../../shared/errors/index.ts';
import { QUEUE_SCHEMA } from '../jobs/open-queue.ts';
import {
  applyMigrations,
  type Migration,
  readMigrations,
  unknownVersion,
} from '../storage/schema-version.ts';
import { storageError } from '../storage/storage-error.ts';
import { type BackupSource, readState } from './backup.ts';
import { type Carried, carryErasures } from './carry-erasures.ts';
import { carryRefusals, readRefusals } from './carry-refusals.ts';
import { readErased, readRegister } from './erasure-register.ts';
import { type Manifest, readManifest, type ServerState, stateHash } from './manifest.ts';
import type { DatabasePlace, SqlSession } from './sql-session.ts';
import { digestTable, inOrderOfReference, insertRows, quoted } from './table-rows.ts';

export interface RestoreOptions {
  readonly folder: string;
  /** The name of the target, typed by whoever wants what is there to be replaced. */
  readonly confirmation: string | undefined;
  /** What {@link targetName} says of the target. */
  readonly name: string;
  /** A register of erasures, where the database that knew them is gone. */
  readonly erasures?: string | undefined;
  readonly nowMs: number;
}

export interface Restored {
  readonly manifest: Manifest;
  /** Of what is there now. Other than the manifest's only where the schema has moved on since. */
  readonly stateHash: string;
  readonly schema: string;
  /** What was erased since the backup, and is to be erased again: {@link carryErasures}. */
  readonly erasures: Carried;
  /** Rows by table of what was revoked, withdrawn or blocked since the backup, and stays so: {@link carryRefusals}. */
  readonly refusals: Readonly<Record<string, number>>;
  /** Nothing was there that could have told of erasures since, and no register was given. */
  readonly isUntold: boolean;
  /** But for what was carried over, what is there is what the backup holds. */
  readonly isAsBackedUp: boolean;
}

const PAGE_ROWS = 200;

/** What has to be typed to replace it: the database's name, or the data folder's. */
export function targetName({ dataDir, databaseUrl }: DatabasePlace): string {
  return databaseUrl === undefined
    ? basename(resolve(dataDir))
    : decodeURIComponent(new URL(databaseUrl).pathname.slice(1)) || 'postgres';
}

/**
 * Puts a backup in the place of whatever the database holds, in one transaction, and checks every table by its hash before it is committed. A backup of an
 * older schema is restored as it was, checked, and then migrated.
 * @throws `storage.conflict` for a target that is not empty and was not named; `storage.locked` while servers use it; `storage.corrupt` naming
 * what of the backup is damaged; `argument.invalid` for a register of another server. In all these cases the target stays as it was.
 */
export async function restore(target: BackupSource, options: RestoreOptions): Promise<Restored> {
  const { session, blobs, dataDir } = target;
  const { folder, confirmation, name, nowMs } = options;
  const manifest = await readManifest(folder);
  const register = options.erasures === undefined ? undefined : await readRegister(options.erasures);
  await checkFiles(folder, manifest);
  const migrations = readMigrations();
  const at = migrations.findIndex(({ tag }) => tag === manifest.schema);
  if (at < 0) unknownVersion(manifest.schema);
  await refuseOthers(session);
  const occupied = await occupiedTables(session, migrations);
  check(occupied.length === 0 || confirmation === name, 'storage.conflict', 'The target is not empty.', {
    expected: `an empty database, or --force --confirm ${name}`,
    received: `rows in ${occupied.slice(0, 5).join(', ')}${occupied.length > 5 ? ', …' : ''}`,
    remedy: 'Back up what is there; restoring replaces all of it.',
  });

  // Blobs are named by what they are: those that are there already, or that nobody names in the end, do no harm.
  for (const { key } of manifest.blobs) {
    const put = await blobs.put(await readFile(join(folder, 'blobs', key)));
    check(put === key, 'storage.corrupt', 'A blob of the backup is damaged.', {
      path: `blobs/${key}`,
      received: put,
    });
  }
  const replaced = await readErased(session.run);
  const refused = await readRefusals(session.run, replaced.identity);
  const { erasures, refusals } = await session.writing(async () => {
    await clear(session, migrations);
    await applyMigrations(session.run, migrations.slice(0, at + 1));
    await load(session, folder, manifest);
    await applyMigrations(session.run, migrations.slice(at + 1));
    return {
      refusals: await carryRefusals(session.run, refused),
      erasures: await carryErasures(session.run, replaced, register, nowMs),
    };
  });
  await restoreFiles(folder, manifest, dataDir);
  const state = await readState(target);
  const changed = ['erasures', 'erased_participants', ...Object.keys(refusals)];
  return {
    manifest,
    stateHash: stateHash(state),
    schema: state.schema,
    erasures,
    refusals,
    isUntold: replaced.identity === undefined && register === undefined,
    isAsBackedUp:
      state.schema !== manifest.schema || hashWithout(changed, state) === hashWithout(changed, manifest),
  };
}

function hashWithout(changed: readonly string[], { schema, tables, blobs, files }: ServerState): string {
  const others = tables.filter(({ name }) => !changed.includes(name));
  return stateHash({ schema, tables: others, blobs, files });
}

/** Everything is read and hashed before anything is changed. */
async function checkFiles(folder: string, { tables, blobs, files }: Manifest): Promise<void> {
  const parts = [
    ...tables.map(({ name, sha256 }) => ({ path: `tables/${name}.jsonl`, sha256 })),
    ...blobs.map(({ key }) => ({ path: `blobs/${key}`, sha256: key })),
    ...files.map(({ name, sha256 }) => ({ path: `held-out/${name}`, sha256 })),
  ];
  for (const { path, sha256 } of parts) {
    const found = await hashOfFile(join(folder, path));
    check(found === sha256, 'storage.corrupt', 'A part of the backup is damaged.', {
      path,
      expected: `SHA-256 ${sha256}`,
      received: found ?? 'no file',
      remedy: 'Use another backup.',
    });
  }
}

async function hashOfFile(path: string): Promise<string | undefined> {
  const hash = createHash('sha256');
  try {
    for await (const piece of createReadStream(path)) hash.update(piece as Uint8Array);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw storageError(error, 'the backup');
  }
  return hash.digest('hex');
}

/** The embedded database has its lock; PostgreSQL knows who is connected. */
async function refuseOthers({ kind, run }: SqlSession): Promise<void> {
  if (kind !== 'postgres') return;
  const [[others] = []] = await run(
    `select count(*)::int from pg_stat_activity
     where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'`,
  );
  if (others === 0) return;
  throw new MurmurationError('storage.locked', 'Somebody else is connected to the database.', {
    expected: 'no other connection while it is replaced',
    received: `${others} connections`,
    remedy: 'Stop the servers that use it.',
  });
}

async function occupiedTables({ run }: SqlSession, migrations: readonly Migration[]): Promise<string[]> {
  const occupied: string[] = [];
  for (const table of migrations.at(-1)!.tables) {
    const [[exists] = []] = await run('select to_regclass($1) is not null', [quoted(table)]);
    if (exists !== true) continue;
    const rows = await run(`select 1 from ${quoted(table)} limit 1`);
    if (rows.length > 0) occupied.push(table);
  }
  return occupied;
}

async function clear({ run }: SqlSession, migrations: readonly Migration[]): Promise<void> {
  const tables = new Set(migrations.flatMap((migration) => migration.tables));
  for (const table of tables) await run(`drop table if exists ${quoted(table)} cascade`);
  // What was applied, and work that the rows from before had ordered.
  for (const schema of ['drizzle', QUEUE_SCHEMA]) await run(`drop schema if exists ${schema} cascade`);
}

async function load({ run }: SqlSession, folder: string, { tables }: Manifest): Promise<void> {
  const expected = new Map(tables.map((table) => [table.name, table]));
  for (const name of await inOrderOfReference(run, [...expected.keys()])) {
    for await (const page of pagesOf(join(folder, 'tables', `${name}.jsonl`)))
      await insertRows(run, name, page);
    const { rows, sha256 } = await digestTable(run, name);
    const table = expected.get(name)!;
    check(
      rows === table.rows && sha256 === table.sha256,
      'storage.corrupt',
      'A table came out otherwise than it was.',
      {
        path: name,
        expected: `${table.rows} rows, SHA-256 ${table.sha256}`,
        received: `${rows} rows, SHA-256 ${sha256}`,
        remedy: 'Nothing was changed. Use another backup.',
      },
    );
  }
}

/** Lines, so many at a time. Text of the database holds line ends of other kinds as they are. */
async function* pagesOf(path: string): AsyncGenerator<string[]> {
  let rest = '';
  let page: string[] = [];
  for await (const text of createReadStream(path, 'utf8')) {
    const lines = (rest + (text as string)).split('\n');
    rest = lines.pop()!;
    for (const line of lines) {
      page.push(line);
      if (page.length < PAGE_ROWS) continue;
      yield page;
      page = [];
    }
  }
  if (page.length > 0) yield page;
}

async function restoreFiles(folder: string, { files }: Manifest, dataDir: string): Promise<void> {
  const target = join(dataDir, 'held-out');
  const kept = new Set(files.map(({ name }) => name));
  try {
    await mkdir(target, { recursive: true });
    for (const name of kept) {
      const draft = join(target, `.${name}.restored`);
      await copyFile(join(folder, 'held-out', name), draft);
      await rename(draft, join(target, name));
    }
    for (const name of await readdir(target))
      if (!kept.has(name)) await rm(join(target, name), { recursive: true });
  } catch (error) {
    throw storageError(error, 'the held-out sets');
  }
}
