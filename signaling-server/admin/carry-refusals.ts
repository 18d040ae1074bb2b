import { type Identity, toBase64Url } from '../../shared/identity/index.ts';
import type { RunSql } from '../storage/schema-version.ts';
import { readErased } from './erasure-register.ts';

/** What somebody may no longer do, by a table: what was revoked, withdrawn or blocked. */
interface Refusal {
  readonly table: string;
  /** Of all that is refused, as parameters of `carry`. */
  readonly read: string;
  /** Refuses it again where the backup would allow it; returns a row where it did. */
  readonly carry: string;
}

const revoked = (table: string): Refusal => ({
  table,
  read: `select id, revoked_at_ms::text from ${table} where revoked_at_ms is not null`,
  carry: `update ${table} set revoked_at_ms = $2::bigint where id = $1 and revoked_at_ms is null returning 1`,
});

const REFUSALS: readonly Refusal[] = [
  revoked('api_keys'),
  revoked('invitations'),
  {
    table: 'consents',
    read: `select federation, participant, policy, given_at_ms::text, withdrawn_at_ms::text from consents
      where withdrawn_at_ms is not null`,
    carry: `update consents set withdrawn_at_ms = $5::bigint
      where federation = $1 and participant = $2 and policy = $3 and given_at_ms = $4::bigint and withdrawn_at_ms is null returning 1`,
  },
  {
    table: 'standings',
    read: `select federation, participant, reason, since_ms::text, until_ms::text, times::text from standings
      where state = 'blocked'`,
    carry: `insert into standings (federation, participant, state, reason, since_ms, until_ms, times)
      values ($1, $2, 'blocked', $3, $4::bigint, $5::bigint, $6::integer)
      on conflict (federation, participant) do update set state = 'blocked', reason = excluded.reason,
        since_ms = excluded.since_ms, until_ms = excluded.until_ms, times = greatest(standings.times, excluded.times)
      where standings.state <> 'blocked' returning 1`,
  },
];

/** What a database refuses, and whose server it is of. */
export interface KnownRefusals {
  readonly identity: Identity | undefined;
  readonly rows: ReadonlyMap<string, readonly (readonly unknown[])[]>;
}

/** What a database of any version refuses: tables that it does not have yet refuse nothing. @param identity of its server. */
export async function readRefusals(run: RunSql, identity: Identity | undefined): Promise<KnownRefusals> {
  const rows = new Map<string, unknown[][]>();
  for (const { table, read } of REFUSALS) {
    const [[exists] = []] = await run('select to_regclass($1) is not null', [table]);
    if (exists === true) rows.set(table, await run(read));
  }
  return { identity, rows };
}

/**
 * In the transaction that restored a database, and after its migrations: keys and invitations that were revoked since the backup, consents that were withdrawn and
 * participants that were blocked stay so. Where the backup is of another server nothing is carried. SPEC V-18.
 * @returns how many rows of each table it changed, where it changed any.
 */
export async function carryRefusals(
  run: RunSql,
  { identity, rows }: KnownRefusals,
): Promise<Readonly<Record<string, number>>> {
  const restored = (await readErased(run)).identity;
  if (identity === undefined || restored === undefined) return {};
  if (toBase64Url(identity.publicKey) !== toBase64Url(restored.publicKey)) return {};
  const carried: Record<string, number> = {};
  for (const { table, carry } of REFUSALS) {
    let changed = 0;
    for (const row of rows.get(table) ?? []) changed += (await run(carry, row)).length;
    if (changed > 0) carried[table] = changed;
  }
  return carried;
}
