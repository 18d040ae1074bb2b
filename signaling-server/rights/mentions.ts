import { getTableName, type SQL, sql } from 'drizzle-orm';
import type { Database } from '../storage/database.ts';
import type { PersonalTable, Place, Row } from './personal-data.ts';

/** Conditions call the table `rows`. Statements over whatever tables are declared. Ids are 128 random bits as text: nothing else contains them. */
type WithPlaces = Extract<PersonalTable, { readonly places: readonly Place[] }>;

const PAGE = 500;
/** Rows that one statement changes: it has to end within the time that a statement has. */
const BATCH = 5_000;

export function isMentioned({ places }: Pick<WithPlaces, 'places'>, text: string): SQL {
  const found = places.map(({ column, holds }) => {
    const name = sql.identifier(column.name);
    return holds === 'id' ? sql`${name} = ${text}` : sql`position(${text}::text in ${name}::text) > 0`;
  });
  return sql`(${sql.join(found, sql` or `)})`;
}

/** Where an audit entry can name somebody. */
export function isInAudit(pseudonym: string): SQL {
  return sql`position(${pseudonym}::text in concat(subject, ' ', actor, ' ', before::text, ' ', after::text)) > 0`;
}

export async function countRows(database: Database, table: PersonalTable, where: SQL): Promise<number> {
  const [row] = await execute(database, sql`select count(*) from ${nameOf(table)} as rows where ${where}`);
  return Number(row?.[0] ?? 0);
}

/** Rows as the database keeps them, in the order in which they lie there; memory does not grow with their number. */
export async function* readRows(database: Database, table: PersonalTable, where: SQL): AsyncGenerator<Row> {
  let after = '(0,0)';
  while (true) {
    const rows = await execute(
      database,
      sql`select ctid::text, to_jsonb(rows)::text from ${nameOf(table)} as rows
        where ctid > ${after}::tid and ${where} order by ctid limit ${PAGE}`,
    );
    for (const [, row] of rows) yield JSON.parse(row as string) as Row;
    if (rows.length < PAGE) return;
    after = rows.at(-1)![0] as string;
  }
}

export async function deleteRows(database: Database, table: PersonalTable, where: SQL): Promise<void> {
  const name = nameOf(table);
  while (true) {
    const gone = await execute(
      database,
      sql`delete from ${name} where ctid = any(array(select ctid from ${name} as rows where ${where} limit ${BATCH})) returning 1`,
    );
    if (gone.length < BATCH) return;
  }
}

/** Puts `alias` wherever `id` stands. Done again, it finds nothing. */
export async function replaceIn(
  database: Database,
  table: WithPlaces,
  id: string,
  alias: string,
): Promise<void> {
  const name = nameOf(table);
  for (const place of table.places) {
    const column = sql.identifier(place.column.name);
    const replaced = sql`replace(${column}::text, ${id}::text, ${alias}::text)`;
    const value = place.column.columnType === 'PgJsonb' ? sql`(${replaced})::jsonb` : replaced;
    const where = isMentioned({ places: [place] }, id);
    while (true) {
      const changed = await execute(
        database,
        sql`update ${name} set ${column} = ${value}
          where ctid = any(array(select ctid from ${name} where ${where} limit ${BATCH})) returning 1`,
      );
      if (changed.length < BATCH) break;
    }
  }
}

export function tableNameOf({ table }: PersonalTable): string {
  return getTableName(table);
}

function nameOf(table: PersonalTable): SQL {
  return sql`${sql.identifier(tableNameOf(table))}`;
}

export async function execute(database: Database, statement: SQL): Promise<readonly (readonly unknown[])[]> {
  return (await database.run((db) => db.execute(statement))) as unknown as readonly (readonly unknown[])[];
}
