import { appendEntry, type LedgerEntry } from '../../shared/ledger/index.ts';
import { quoted } from '../admin/table-rows.ts';
import type { BudgetEntry } from '../privacy/budget-entry.ts';
import type { Migration, RunSql } from '../storage/schema-version.ts';

/** A row as PostgreSQL writes it as JSON: columns by their names in the database. */
export type Row = Readonly<Record<string, unknown>>;

export const ALICE = 'AAAAAAAAAAAAAAAAAAAAAA';
/** SHA-256 of "abc": a model that is no model, but a blob. */
export const BLOB = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
const HASH = 'b'.repeat(64);

/** A federation as it was written when there was nothing but plain rounds. U+2028 ends a line in some eyes. */
const document = {
  format: 'murmuration/federation',
  formatVersion: 1,
  id: 'old',
  revision: 1,
  name: 'Old \u2028 ähm',
  description: '',
  data: { kind: 'records', features: 1, target: { name: 'y', type: 'class', labels: ['0', '1'] } },
  model: { loss: 'sigmoidCrossEntropy', layers: [{ type: 'dense', units: 1 }] },
};
const record = {
  round: 1,
  term: 1,
  attempt: 1,
  coordinator: 'server',
  federationRevision: 1,
  baseHash: 'a'.repeat(64),
  hash: HASH,
  survivors: [ALICE],
  dropped: [],
  startedAtMs: 1000,
  trainMs: 1.5,
  exchangeMs: 2,
  applyMs: 3,
  evaluation: null,
  secure: null,
};
const update: LedgerEntry = {
  dataset: ALICE,
  run: 'run-1',
  round: 1,
  atMs: 1000,
  event: { mechanism: 'none', released: 'update', clipNorm: 1, weight: 10 },
};
const limit: BudgetEntry = { type: 'limit', atMs: 1, limit: { epsilon: 3, delta: 1e-5 } };

function linked(entry: unknown): Row {
  const { seq, previousHash, hash } = appendEntry(undefined, entry);
  return { seq, previous_hash: previousHash, hash, entry };
}

/** A row of every table up to 0003, written by hand as the server of that time did. */
const ROWS: Readonly<Record<string, Row>> = {
  federations: { id: 'old', revision: 1, document, created_at_ms: 1, updated_at_ms: 2 },
  runs: {
    id: 'run-1',
    federation: 'old',
    model_key: 'k',
    status: 'open',
    term: 9_007_199_254_740_991,
    created_at_ms: 1,
    updated_at_ms: 2,
  },
  rounds: { run: 'run-1', round: 1, hash: HASH, term: 1, attempt: 1, record, saved_at_ms: 3 },
  model_versions: {
    run: 'run-1',
    version: 1,
    hash: HASH,
    layout_hash: 'c'.repeat(64),
    bytes: 3,
    blob: BLOB,
    saved_at_ms: 3,
  },
  metrics: { run: 'run-1', round: 1, name: 'accuracy', value: 0.1 + 0.2 },
  ledger_events: { dataset: 'd', run: 'run-1', round: 1, ...linked(update) },
  participants: { id: ALICE, public_key: 'ab', first_seen_at_ms: 1, last_seen_at_ms: 2 },
  server_identity: { id: 1, private_key: 'A'.repeat(43), created_at_ms: 1 },
  transcripts: { run: 'run-1', round: 1, bytes: 3, blob: BLOB, saved_at_ms: 3 },
  budget_entries: { kind: 'participant', subject: ALICE, ...linked(limit) },
  releases: {
    federation: 'old',
    participant: ALICE,
    run: 'run-1',
    round: 1,
    model: HASH,
    ...linked({ ...update, federation: 'old' }),
  },
  reliability: {
    federation: 'old',
    participant: ALICE,
    invitations: 3,
    trained: 2,
    uploaded: 2,
    survived: 1,
    missed_deadlines: 1,
    drop_outs: 0,
    rejections: 0,
    refusals: { 'data.empty': 1 },
    train_ms_sum: 12.5,
    successes: 1.25,
    failures: 0.5,
    suspicion: 0.5,
    contribution: 0,
    scored_rounds: 0,
    last_attempt: '1/1',
    last_score: '',
    updated_at_ms: 4,
  },
  standings: {
    federation: 'old',
    participant: ALICE,
    state: 'blocked',
    reason: 'asked to',
    since_ms: 5,
    until_ms: null,
    times: 1,
  },
};

/** Writes a row into every table that there is after this migration. @returns what was written. */
export async function fillTables(run: RunSql, { tables }: Migration): Promise<ReadonlyMap<string, Row>> {
  const written = new Map<string, Row>();
  const order = [...Object.keys(ROWS), ...tables].filter((name) => tables.includes(name));
  for (const table of new Set(order)) {
    const row = ROWS[table] ?? (await anyRow(run, table));
    written.set(table, row);
    await run(
      `insert into ${quoted(table)} select * from jsonb_populate_record(null::${quoted(table)}, $1::text::jsonb)`,
      [JSON.stringify(row)],
    );
  }
  return written;
}

/** Of a table that the newest schema has: any value of each column's type. */
async function anyRow(run: RunSql, table: string): Promise<Row> {
  const columns = await run(
    `select column_name::text, data_type::text from information_schema.columns
     where table_schema = 'public' and table_name = $1`,
    [table],
  );
  const of: Readonly<Record<string, unknown>> = {
    text: 'some \u2028 "text"',
    bigint: 9_007_199_254_740_991,
    integer: 7,
    smallint: 1,
    boolean: true,
    jsonb: { b: [1.5e-7, null], a: 'ü' },
    'double precision': 0.1 + 0.2,
  };
  return Object.fromEntries(columns.map(([name, type]) => [String(name), of[String(type)]]));
}
