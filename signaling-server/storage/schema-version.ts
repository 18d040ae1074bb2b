import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readMigrationFiles } from 'drizzle-orm/migrator';
import { MurmurationError } from '../../shared/errors/index.ts';

export const MIGRATIONS = fileURLToPath(new URL('./migrations', import.meta.url));

/** One step of the schema, as drizzle-kit wrote it down. */
export interface Migration {
  /** `0003_reliability`. */
  readonly tag: string;
  /** What the database remembers it by. */
  readonly createdAtMs: number;
  readonly hash: string;
  readonly statements: readonly string[];
  /** All tables that there are after it. */
  readonly tables: readonly string[];
}

/** Runs one statement. */
export type RunSql = (statement: string, parameters?: readonly unknown[]) => Promise<unknown[][]>;

/** Oldest first. */
export function readMigrations(folder: string = MIGRATIONS): readonly Migration[] {
  const { entries } = readJson(join(folder, 'meta/_journal.json')) as {
    readonly entries: readonly { readonly tag: string; readonly when: number }[];
  };
  const files = readMigrationFiles({ migrationsFolder: folder });
  return entries.map(({ tag, when }, i) => {
    const snapshot = readJson(join(folder, `meta/${tag.slice(0, 4)}_snapshot.json`)) as {
      readonly tables: Readonly<Record<string, { readonly name: string }>>;
    };
    return {
      tag,
      createdAtMs: when,
      hash: files[i]!.hash,
      statements: files[i]!.sql,
      tables: Object.values(snapshot.tables)
        .map(({ name }) => name)
        .sort(),
    };
  });
}

/**
 * The newest migration that a database has seen; undefined: none yet.
 * @throws `storage.conflict` for one that this program does not know.
 */
export async function appliedMigration(
  run: RunSql,
  migrations: readonly Migration[] = readMigrations(),
): Promise<Migration | undefined> {
  const [[exists] = []] = await run(`select to_regclass('drizzle.__drizzle_migrations') is not null`);
  if (exists !== true) return undefined;
  const [[last] = []] = await run('select max(created_at)::text from drizzle.__drizzle_migrations');
  if (last === null || last === undefined) return undefined;
  return migrations.find(({ createdAtMs }) => createdAtMs === Number(last)) ?? unknownVersion(String(last));
}

/** Applies these, in the caller's transaction, so that drizzle finds them done. */
export async function applyMigrations(run: RunSql, migrations: readonly Migration[]): Promise<void> {
  await run('create schema if not exists drizzle');
  await run(
    'create table if not exists drizzle.__drizzle_migrations (id serial primary key, hash text not null, created_at bigint)',
  );
  for (const { statements, hash, createdAtMs } of migrations) {
    for (const statement of statements) await run(statement);
    await run('insert into drizzle.__drizzle_migrations (hash, created_at) values ($1, $2::bigint)', [
      hash,
      String(createdAtMs),
    ]);
  }
}

export function unknownVersion(received: string): never {
  throw new MurmurationError(
    'storage.conflict',
    'The schema is of a version that this program does not know.',
    {
      expected: `one of ${readMigrations()
        .map(({ tag }) => tag)
        .join(', ')}`,
      received,
      remedy: 'Use the version of the program that wrote it, or a newer one.',
    },
  );
}

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(path, 'utf8')) as unknown;
}
