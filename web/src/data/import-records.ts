import { type JsonRow, recordEncoder, summarizeRecords } from '../../../shared/dataset/index.ts';
import { check } from '../../../shared/errors/index.ts';
import type { RecordsSchema } from '../../../shared/federation/index.ts';
import type { ImportFile } from './api.ts';
import { eachRecord } from './each-record.ts';
import type { Imported, ReadContext } from './imported.ts';
import { shardCollector } from './shard-collector.ts';
import { encodingOf } from './text-of.ts';
import { textPreview } from './text-preview.ts';

/** Reads JSON records, from an array or line by line; twice when the schema has to be drafted first. */
export async function importRecords(
  { file }: ImportFile,
  given: RecordsSchema | undefined,
  context: ReadContext,
): Promise<Imported> {
  const encoding = await encodingOf(file, context.signal);
  const visitEach = (visit: (row: JsonRow) => void) => eachRecord(file, encoding, context, visit);

  let schema = given;
  if (schema === undefined) {
    const summarizer = summarizeRecords();
    await visitEach((row) => summarizer.add(row));
    schema = summarizer.draft();
    check(schema !== undefined, 'data.unreadable', 'The file has no records to learn from.', {
      expected: 'JSON records {"features": [...], "label": ...}, in an array or one per line',
      remedy: 'Write the data in this form, or choose a CSV file.',
    });
  }
  const collector = shardCollector(schema, recordEncoder(schema));
  const preview = textPreview();
  await visitEach((row) => {
    preview.add(row.text);
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
    firstRows: preview.rows('record'),
  };
}
