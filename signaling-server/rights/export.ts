import type { AuditLog } from '../audit/audit-log.ts';
import type { Database } from '../storage/database.ts';
import { contributionsOf } from './contributions.ts';
import { countRows, isInAudit, isMentioned, readRows, tableNameOf } from './mentions.ts';
import { withoutOthers } from './others.ts';
import { PERSONAL_DATA, type PersonalTable, type Row } from './personal-data.ts';
import { transcriptsOf } from './transcripts.ts';

/** Of the document; a change that readers must know of is another number. */
export const EXPORT_SCHEMA = 'murmuration personal data 1';

export interface ExportOptions {
  readonly database: Database;
  readonly audit: Pick<AuditLog, 'pseudonymOf'>;
  readonly nowMs: () => number;
}

/**
 * Everything about a participant as one JSON document (Article 20), piece by piece: memory does not grow with its history. Each table that the
 * server has is listed with what its rows say and what a deletion would do to them. SPEC V-08.
 */
export async function* exportParticipant(
  { database, audit, nowMs }: ExportOptions,
  participant: string,
): AsyncGenerator<string> {
  const head = {
    schema: EXPORT_SCHEMA,
    generatedAtMs: nowMs(),
    participant,
    models: await contributionsOf(database, participant),
  };
  yield `${JSON.stringify(head).slice(0, -1)},"tables":[`;
  const pseudonym = await knownPseudonym(participant);
  const own = new Set([participant, ...(pseudonym === undefined ? [] : [pseudonym])]);
  let isFirst = true;
  for (const table of PERSONAL_DATA) {
    if (table.places === 'none' || table.places === 'by-hash') continue;
    const { says, onDeletion, ground } = table;
    const about = JSON.stringify({ table: tableNameOf(table), says, onDeletion, ground });
    yield `${isFirst ? '' : ','}${about.slice(0, -1)},"rows":[`;
    isFirst = false;
    let separator = '';
    for await (const row of rowsOf(table, participant)) {
      yield `${separator}${JSON.stringify(withoutOthers(row, own))}`;
      separator = ',';
    }
    yield ']}';
  }
  yield ']}\n';

  async function* rowsOf(table: PersonalTable, id: string): AsyncGenerator<Row> {
    if (table.places === 'none') return;
    if (table.places === 'by-pseudonym') {
      if (pseudonym !== undefined) yield* readRows(database, table, isInAudit(pseudonym));
    } else if (table.places === 'through-rounds') {
      for await (const { run, round, bytes, saved_at_ms } of readTranscripts(table, id))
        yield { run, round, bytes, saved_at_ms };
    } else if (typeof table.places !== 'string') {
      const name = tableNameOf(table) === 'pseudonym_keys' ? pseudonym : undefined;
      for await (const row of readRows(database, table, isMentioned(table, id)))
        yield {
          ...('tell' in table && table.tell !== undefined ? table.tell(row, id) : row),
          ...(name === undefined ? {} : { pseudonym: name }),
        };
    }
  }

  function readTranscripts(table: PersonalTable, id: string): AsyncGenerator<Row> {
    return readRows(database, table, transcriptsOf(id));
  }

  /** Nobody is given a name only because it is asked for. */
  async function knownPseudonym(id: string): Promise<string | undefined> {
    const keys = PERSONAL_DATA.find((table) => tableNameOf(table) === 'pseudonym_keys');
    if (keys === undefined || typeof keys.places === 'string') return undefined;
    const known = await countRows(database, keys, isMentioned(keys, id));
    return known === 0 ? undefined : audit.pseudonymOf(id);
  }
}
