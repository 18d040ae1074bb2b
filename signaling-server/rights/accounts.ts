import { randomBytes } from 'node:crypto';
import { type SQL, sql } from 'drizzle-orm';
import type { PgColumn } from 'drizzle-orm/pg-core';
import type { Identity } from '../../shared/identity/index.ts';
import type { CryptoRandom } from '../../shared/random/index.ts';
import type { Caller } from '../access/principal.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import { subjectIdOf } from '../privacy/subject.ts';
import type { Database } from '../storage/database.ts';
import { apiKeys, erasures } from '../storage/schema.ts';
import { EXPORT_SCHEMA } from './export.ts';
import { freshAlias } from './guard-erased.ts';
import { countRows, deleteRows, execute, readRows, tableNameOf } from './mentions.ts';
import { withoutOthers } from './others.ts';
import { PERSONAL_DATA, type PersonalTable, type Row } from './personal-data.ts';
import { type ErasureReceipt, type SignedReceipt, signReceipt } from './receipt.ts';

/** Somebody that an issuer of tokens knows, as `iss#sub`, or the user that a key was made for. */
export interface Accounts {
  /** The pieces of one JSON document. Devices that took part for the account are named; what they did is of the participant. */
  exportAccount(account: string): AsyncGenerator<string>;
  /** Asked again after it was cut short, it goes on. @throws `storage.*`. */
  eraseAccount(caller: Caller, account: string): Promise<SignedReceipt>;
}

export interface AccountsOptions {
  readonly database: Database;
  readonly audit: Pick<AuditLog, 'append'>;
  readonly identity: Identity;
  readonly random: CryptoRandom;
  readonly nowMs?: () => number;
}

type Told = PersonalTable & { readonly accounts: NonNullable<PersonalTable['accounts']> };
const TOLD = PERSONAL_DATA.filter((each): each is Told => each.accounts !== undefined);

const GROUND = {
  delete: 'It serves only this account, which has ended: Article 17(1)(a).',
  pseudonymize: 'That something was done stays; who did it is replaced by a name that means nobody.',
  keep: 'What was done must be shown, and by whom: Articles 5(2) and 17(3)(b) and (e).',
} as const;
const NOTICE =
  'Devices that took part for this account are deleted by themselves. Tokens are the issuer\u2019s: one that is shown again begins a new account.';

export function createAccounts({
  database,
  audit,
  identity,
  random,
  nowMs = Date.now,
}: AccountsOptions): Accounts {
  async function erase(caller: Caller, account: string): Promise<SignedReceipt> {
    const requestedAtMs = nowMs();
    const id = randomBytes(16).toString('base64url');
    const alias = freshAlias(random);
    await audit.append(caller, { action: 'rights.account-deletion-started', subject: `user:${account}` });
    // A key for nobody would go on charging a budget that nobody has.
    await database.run((db) =>
      db.execute(
        sql`update ${apiKeys} set revoked_at_ms = ${requestedAtMs}::bigint
          where revoked_at_ms is null and user_name = ${account}`,
      ),
    );
    const tables: ErasureReceipt['tables'][number][] = [];
    for (const table of TOLD) {
      const rows = await countRows(database, table, naming(table, account));
      const { onDeletion: treatment } = table.accounts;
      if (rows > 0) tables.push({ table: tableNameOf(table), rows, treatment, ground: GROUND[treatment] });
      if (treatment === 'delete') await deleteRows(database, table, naming(table, account));
      if (treatment === 'pseudonymize') await replace(table, account, alias);
    }
    const completedAtMs = nowMs();
    const counts = Object.fromEntries(tables.map(({ table, rows }) => [table, rows]));
    await audit.append(caller, {
      action: 'rights.account-deleted',
      subject: `erasure:${id}`,
      after: { counts },
    });
    const effect = { excluded: false, rows: counts, contributions: [], rollbacks: {} };
    await database.run((db) =>
      db.insert(erasures).values({ id, pseudonym: alias, requestedAtMs, completedAtMs, effect }),
    );
    return signReceipt(identity, {
      erasure: id,
      requestedAtMs,
      completedAtMs,
      tables,
      contributions: [],
      rollbacks: {},
      excluded: false,
      notice: NOTICE,
    });
  }

  async function replace(table: Told, account: string, alias: string): Promise<void> {
    for (const { column, names } of placesOf(table, account))
      await execute(
        database,
        sql`update ${table.table} set ${column} = ${alias}::text where ${column} in (${names})`,
      );
  }

  return {
    eraseAccount: erase,

    async *exportAccount(account) {
      const head = { schema: EXPORT_SCHEMA, generatedAtMs: nowMs(), account };
      yield `${JSON.stringify(head).slice(0, -1)},"tables":[`;
      let separator = '';
      for (const table of TOLD) {
        const { onDeletion } = table.accounts;
        const about = { table: tableNameOf(table), says: table.says, onDeletion, ground: GROUND[onDeletion] };
        yield `${separator}${JSON.stringify(about).slice(0, -1)},"rows":[`;
        separator = ',';
        let between = '';
        for await (const row of readRows(database, table, naming(table, account))) {
          yield `${between}${JSON.stringify(shown(table, row, account))}`;
          between = ',';
        }
        yield ']}';
      }
      yield ']}\n';
    },
  };
}

interface AccountPlace {
  readonly column: SQL;
  readonly names: SQL;
}

/** Which columns can name an account, and how each does. */
function placesOf({ accounts }: Told, account: string): AccountPlace[] {
  const { principals = [], users = [] } = accounts;
  const texts = (names: readonly string[]): SQL =>
    sql.join(
      names.map((name) => sql`${name}::text`),
      sql`, `,
    );
  const places = (columns: readonly PgColumn[], names: readonly string[]): AccountPlace[] =>
    columns.map(({ name }) => ({ column: sql`${sql.identifier(name)}`, names: texts(names) }));
  return [
    ...places(principals, [`user:${account}`]),
    ...places(users, [...new Set([account, subjectIdOf(account)])]),
  ];
}

function naming(table: Told, account: string): SQL {
  const found = placesOf(table, account).map(({ column, names }) => sql`${column} in (${names})`);
  return sql`(${sql.join(found, sql` or `)}) and ${table.accounts.only ?? sql`true`}`;
}

/** Devices of the account are its own to know of; of others that a row names it learns nothing, nor any key. */
function shown(table: Told, row: Row, account: string): Row {
  const { hash: _hash, key: _key, clients, ...rest } = row;
  if (tableNameOf(table) === 'members') return rest;
  const { principals = [], users = [] } = table.accounts;
  const naming = new Set([...principals, ...users].map(({ name }) => name));
  const own = new Set([account, `user:${account}`, subjectIdOf(account)]);
  const told = Object.fromEntries(
    Object.entries(rest).map(([name, value]) => [
      name,
      naming.has(name) && value !== null && !own.has(String(value)) ? 'another' : value,
    ]),
  );
  return withoutOthers(Array.isArray(clients) ? { ...told, clientsInAll: clients.length } : told, new Set());
}
