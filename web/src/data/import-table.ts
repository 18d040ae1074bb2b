import {
  type DataRow,
  inferSchema,
  proposeMapping,
  resolveColumns,
  schemaColumnNames,
  sniffDialect,
  summarizeColumns,
  tableEncoder,
  tableReader,
} from '../../../shared/dataset/index.ts';
import { check, hasCode, toErrorRecord } from '../../../shared/errors/index.ts';
import type { TabularSchema } from '../../../shared/federation/index.ts';
import type { ImportFile, ImportOptions } from './api.ts';
import type { Imported, ReadContext } from './imported.ts';
import { type ShardCollector, shardCollector } from './shard-collector.ts';
import { encodingOf, readBytes, textOf } from './text-of.ts';

const SNIFF_BYTES = 65_536;
const PREVIEW_ROWS = 20;
const MAX_PREVIEW_CHARACTERS = 120;

/** Reads a table once, and once more when its schema has to be drafted from it first. */
export async function importTable(
  { file }: ImportFile,
  given: TabularSchema | undefined,
  options: ImportOptions,
  { signal, report }: ReadContext,
): Promise<Imported> {
  check(file.size > 0, 'data.empty', 'The file is empty.', { remedy: 'Choose a file with data in it.' });
  const encoding = await encodingOf(file, signal);
  const head = new TextDecoder(encoding).decode(await readBytes(file.slice(0, SNIFF_BYTES)));
  const expectedColumns = given === undefined ? undefined : schemaColumnNames(given);
  const dialect = sniffDialect(
    head,
    {
      ...(options.delimiter !== undefined && { delimiter: options.delimiter }),
      ...(options.header !== undefined && { header: options.header }),
      ...(expectedColumns !== undefined && { expectedColumns }),
    },
    file.size <= SNIFF_BYTES,
  );

  async function eachRow(visit: (row: DataRow) => void): Promise<number> {
    const reader = tableReader(dialect);
    let rows = 0;
    const visitAll = (batch: DataRow[]): void => {
      rows += batch.length;
      for (const row of batch) visit(row);
    };
    const onBytes = (doneBytes: number): void =>
      report({ phase: 'reading', doneBytes, totalBytes: file.size, rows });
    for await (const text of textOf(file, encoding, signal, onBytes)) visitAll(reader.push(text));
    visitAll(reader.finish());
    return rows;
  }

  function collectorFor(schema: TabularSchema): ShardCollector<DataRow> {
    const indices = resolveColumns(schema, dialect, options.mapping);
    return shardCollector(schema, tableEncoder(schema, indices, dialect.decimalSeparator));
  }

  const summarizer = summarizeColumns(dialect.columns, dialect.decimalSeparator);
  const firstRows: (readonly string[])[] = [];
  let collector: ShardCollector<DataRow> | undefined;
  let blocked: unknown;
  if (given !== undefined) {
    try {
      collector = collectorFor(given);
    } catch (error) {
      if (!hasCode(error, 'data.missing-column')) throw error;
      blocked = error;
    }
  }
  const rows = await eachRow((row) => {
    if (row.problem === undefined) summarizer.add(row.cells);
    if (firstRows.length < PREVIEW_ROWS) firstRows.push(row.cells.map(previewCell));
    collector?.add(row);
  });
  check(rows > 0, 'data.empty', 'The file has no rows of data.', {
    expected: 'at least one row below the names of the columns',
    remedy: 'Choose a file with data in it.',
  });
  const columns = summarizer.summaries();
  const draft = given === undefined ? inferSchema(columns, options) : undefined;
  const schema = given ?? draft!.schema;
  if (draft !== undefined) {
    collector = collectorFor(schema);
    await eachRow((row) => collector!.add(row));
  }
  return {
    kind: 'tabular',
    schema,
    ...(draft !== undefined && {
      draft: { computedFromData: draft.computedFromData, skipped: draft.skipped },
    }),
    rows,
    gathered: collector?.finish(),
    dialect,
    mapping: proposeMapping(schema, dialect),
    columns,
    firstRows: { columns: dialect.columns, rows: firstRows },
    ...(blocked !== undefined && { blocked: toErrorRecord(blocked) }),
  };
}

function previewCell(cell: string): string {
  return cell.length > MAX_PREVIEW_CHARACTERS ? `${cell.slice(0, MAX_PREVIEW_CHARACTERS)}…` : cell;
}
