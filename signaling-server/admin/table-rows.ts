import { createHash } from 'node:crypto';
import type { RunSql } from '../storage/schema-version.ts';

/** A digest of a table: SHA-256 over its rows as JSON lines, in the order of its primary key. */
export interface TableDigest {
  readonly name: string;
  readonly rows: number;
  readonly sha256: string;
}

const PAGE_ROWS = 200;

/**
 * The rows of a table, each as PostgreSQL's own JSON text of all its columns, which is the same on every server that holds the same row. Within a
 * transaction of the caller's. Text is ordered by its bytes: databases differ in their alphabets.
 */
export async function* tableRows(run: RunSql, table: string): AsyncGenerator<readonly string[]> {
  const order = (await keyOf(run, table)).map(
    ({ name, isText }) => `${quoted(name)}${isText ? ' collate "C"' : ''}`,
  );
  await run(
    `declare rows_of_table no scroll cursor for select to_jsonb(t)::text from ${quoted(table)} t order by ${
      order.length === 0 ? '1' : order.join(', ')
    }`,
  );
  while (true) {
    const page = await run(`fetch ${PAGE_ROWS} from rows_of_table`);
    if (page.length > 0) yield page.map(([row]) => row as string);
    if (page.length < PAGE_ROWS) break;
  }
  await run('close rows_of_table');
}

/** @param write gets each piece of the file, if anybody wants it. */
export async function digestTable(
  run: RunSql,
  table: string,
  write: (text: string) => Promise<void> = async () => undefined,
): Promise<TableDigest> {
  const hash = createHash('sha256');
  let rows = 0;
  for await (const page of tableRows(run, table)) {
    const text = `${page.join('\n')}\n`;
    hash.update(text);
    rows += page.length;
    await write(text);
  }
  return { name: table, rows, sha256: hash.digest('hex') };
}

/** @param rows of one page, as {@link tableRows} gives them. */
export async function insertRows(run: RunSql, table: string, rows: readonly string[]): Promise<void> {
  const name = quoted(table);
  await run(`insert into ${name} select * from jsonb_populate_recordset(null::${name}, $1::text::jsonb)`, [
    `[${rows.join(',')}]`,
  ]);
}

/** Those that others refer to come first. */
export async function inOrderOfReference(run: RunSql, tables: readonly string[]): Promise<string[]> {
  const references = await run(
    `select conrelid::regclass::text, confrelid::regclass::text from pg_constraint where contype = 'f'`,
  );
  const plain = (name: unknown) => String(name).replaceAll('"', '');
  const placed: string[] = [];
  let left = [...tables];
  while (left.length > 0) {
    const ready = left.filter((table) =>
      references.every(
        ([from, to]) => plain(from) !== table || plain(to) === table || !left.includes(plain(to)),
      ),
    );
    // In a circle any order is as good.
    const next = ready.length === 0 ? left : ready;
    placed.push(...next);
    left = left.filter((table) => !next.includes(table));
  }
  return placed;
}

async function keyOf(run: RunSql, table: string): Promise<{ name: string; isText: boolean }[]> {
  const rows = await run(
    `select a.attname::text, a.atttypid = 'text'::regtype from pg_index i
     join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any(i.indkey)
     where i.indrelid = to_regclass($1) and i.indisprimary
     order by array_position(i.indkey::int2[], a.attnum)`,
    [quoted(table)],
  );
  return rows.map(([name, isText]) => ({ name: String(name), isText: isText === true }));
}

export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
