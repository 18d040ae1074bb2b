import {
  type JsonRow,
  type JsonText,
  jsonSplitter,
  recordEncoder,
  summarizeRecords,
} from '../../../shared/dataset/index.ts';
import { check } from '../../../shared/errors/index.ts';
import type { RecordsSchema } from '../../../shared/federation/index.ts';
import type { ImportFile } from './api.ts';
import type { Imported, ReadContext } from './imported.ts';
import { shardCollector } from './shard-collector.ts';
import { encodingOf, textOf } from './text-of.ts';

const PREVIEW_ROWS = 20;
const MAX_PREVIEW_CHARACTERS = 120;

/** Reads JSON records, from an array or line by line; twice when the schema has to be drafted first. */
export async function importRecords(
  { file }: ImportFile,
  given: RecordsSchema | undefined,
  { signal, report }: ReadContext,
): Promise<Imported> {
  const encoding = await encodingOf(file, signal);

  async function eachRecord(visit: (row: JsonRow) => void): Promise<void> {
    const splitter = jsonSplitter();
    let rows = 0;
    const visitAll = (batch: JsonText[]): void => {
      for (const record of batch) visit({ ...record, row: ++rows });
    };
    const onBytes = (doneBytes: number): void =>
      report({ phase: 'reading', doneBytes, totalBytes: file.size, rows });
    for await (const text of textOf(file, encoding, signal, onBytes)) visitAll(splitter.push(text));
    visitAll(splitter.finish());
  }

  let schema = given;
  if (schema === undefined) {
    const summarizer = summarizeRecords();
    await eachRecord((row) => summarizer.add(row));
    schema = summarizer.draft();
    check(schema !== undefined, 'data.unreadable', 'The file has no records to learn from.', {
      expected: 'JSON records {"features": [...], "label": ...}, in an array or one per line',
      remedy: 'Write the data in this form, or choose a CSV file.',
    });
  }
  const collector = shardCollector(schema, recordEncoder(schema));
  const firstRows: string[][] = [];
  await eachRecord((row) => {
    if (firstRows.length < PREVIEW_ROWS) firstRows.push([row.text.slice(0, MAX_PREVIEW_CHARACTERS)]);
    collector.add(row);
  });
  const gathered = collector.finish();
  check(gathered.rows > 0, 'data.empty', 'The file has no records.', {
    remedy: 'Choose a file with data in it.',
  });
  return {
    kind: 'records',
    schema,
    ...(given === undefined && { draft: { computedFromData: ['features', 'target'], skipped: [] } }),
    rows: gathered.rows,
    gathered,
    columns: [],
    firstRows: { columns: ['record'], rows: firstRows },
  };
}
