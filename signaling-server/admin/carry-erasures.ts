import { getTableName } from 'drizzle-orm';
import { check } from '../../shared/errors/index.ts';
import { isParticipantId, type ParticipantId, toBase64Url } from '../../shared/identity/index.ts';
import { webCryptoRandom } from '../../shared/random/index.ts';
import { newErasure } from '../rights/deletion.ts';
import { erasedHash } from '../rights/erased.ts';
import { PERSONAL_DATA } from '../rights/personal-data.ts';
import type { RunSql } from '../storage/schema-version.ts';
import {
  type ErasedEntry,
  type ErasureRegister,
  isAmong,
  type KnownErased,
  readErased,
} from './erasure-register.ts';
import { quoted } from './table-rows.ts';

/** What a restore applies again of what was erased since the backup was written. */
export interface Carried {
  /** Entries of the register that the backup did not have. */
  readonly registered: number;
  /** Participants that the backup brought back, whose deletion is ordered again. */
  readonly ordered: number;
}

const ID_WITHIN = '(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{22}(?![A-Za-z0-9_-])';

/**
 * In the transaction that restored a database, and after its migrations: whoever was erased since the backup stays in the register, and what the backup brought back
 * of it is to be deleted again. From the commit on this is a deletion that was cut short: it is gone on with, whatever dies. SPEC V-15.
 * @param replaced what the database knew that is no more.
 * @param file where that database was gone: what was kept of it.
 * @throws `argument.invalid` for a file of another server than the backup's.
 */
export async function carryErasures(
  run: RunSql,
  replaced: KnownErased,
  file: ErasureRegister | undefined,
  nowMs: number,
): Promise<Carried> {
  const restored = await readErased(run);
  const server = restored.identity && toBase64Url(restored.identity.publicKey);
  check(
    file === undefined || file.server === server,
    'argument.invalid',
    'This register is of another server.',
    {
      path: '--erasures',
      expected: `of the server of the backup, ${server ?? 'which has no key yet'}`,
      received: file?.server ?? '',
      remedy: 'Nothing was changed. Use the register of the server that wrote the backup.',
    },
  );
  const isSameServer = replaced.identity !== undefined && toBase64Url(replaced.identity.publicKey) === server;
  const sources: KnownErased[] = [
    replaced,
    { identity: restored.identity, entries: file?.entries ?? [], underWay: [] },
  ];
  const tests = await Promise.all(sources.map(isAmong));
  const underWay = new Set(restored.underWay);
  const found = (await idsIn(run)).filter(
    (id) => !underWay.has(id) && tests.some((isErased) => isErased(id)),
  );
  const ids = new Set([...found, ...replaced.underWay.filter((id) => !underWay.has(id))]);

  const known = new Set(restored.entries.map(({ hash }) => hash));
  const entries = new Map<string, ErasedEntry>();
  for (const each of [...(isSameServer ? replaced.entries : []), ...(file?.entries ?? [])])
    if (!known.has(each.hash)) entries.set(each.hash, each);
  if (restored.identity !== undefined) {
    const hashOf = await erasedHash(restored.identity);
    for (const id of ids) {
      const hash = hashOf(id);
      if (!known.has(hash) && !entries.has(hash)) entries.set(hash, { hash, atMs: nowMs });
    }
  }
  for (const { hash, atMs } of entries.values())
    await run('insert into erased_participants (hash, at_ms) values ($1, $2::bigint)', [hash, String(atMs)]);
  const random = webCryptoRandom(globalThis.crypto);
  for (const id of ids) {
    const erasure = newErasure({ participant: id as ParticipantId }, random, nowMs);
    await run(
      `insert into erasures (id, pseudonym, requested_at_ms, completed_at_ms, effect)
       values ($1, $2, $3::bigint, null, $4::text::jsonb)`,
      [erasure.id, erasure.alias, String(nowMs), JSON.stringify(erasure.progress)],
    );
  }
  return { registered: entries.size, ordered: ids.size };
}

/** Every id that stands where a participant can be named. */
async function idsIn(run: RunSql): Promise<string[]> {
  const ids = new Set<string>();
  for (const { table, places } of PERSONAL_DATA) {
    if (typeof places === 'string') continue;
    for (const { column, holds } of places) {
      const [name, from] = [quoted(column.name), quoted(getTableName(table))];
      const rows = await run(
        holds === 'id'
          ? `select distinct ${name}::text from ${from}`
          : `select distinct found[1] from ${from} as rows, regexp_matches(rows.${name}::text, '(${ID_WITHIN})', 'g') as found`,
      );
      for (const [id] of rows) if (isParticipantId(String(id))) ids.add(String(id));
    }
  }
  return [...ids];
}
