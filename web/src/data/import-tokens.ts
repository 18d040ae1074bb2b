import { byteWindowEncoder, textSplitter, tokenEncoder } from '../../../shared/dataset/index.ts';
import { check } from '../../../shared/errors/index.ts';
import type { TokensSchema } from '../../../shared/federation/index.ts';
import type { ImportFile } from './api.ts';
import { eachRecord } from './each-record.ts';
import type { Imported, ReadContext } from './imported.ts';
import { type ShardCollector, shardCollector } from './shard-collector.ts';
import { encodingOf, textOf } from './text-of.ts';
import { textPreview } from './text-preview.ts';

/** Reads sequences of tokens: from JSON records, or for the next token from plain text, whose UTF-8 bytes are tokens. */
export async function importTokens(
  { file, path }: ImportFile,
  schema: TokensSchema,
  context: ReadContext,
): Promise<Imported> {
  const isText = schema.target.type === 'next' && !/\.(json|jsonl|ndjson)$/i.test(path);
  return isText ? importText(file, schema, context) : importTokenRecords(file, schema, context);
}

async function importTokenRecords(file: Blob, schema: TokensSchema, context: ReadContext): Promise<Imported> {
  const collector = shardCollector(schema, tokenEncoder(schema));
  const preview = textPreview();
  await eachRecord(file, await encodingOf(file, context.signal), context, (row) => {
    preview.add(row.text);
    collector.add(row);
  });
  check(collector.rows > 0, 'data.empty', 'The file has no records.', {
    expected: 'JSON records {"tokens": [...]}, in an array or one per line',
    remedy: 'Choose a file with data in it.',
  });
  return importedFrom(schema, collector, preview.rows('record'));
}

async function importText(file: Blob, schema: TokensSchema, context: ReadContext): Promise<Imported> {
  const { signal, report } = context;
  const splitter = textSplitter(schema);
  const collector = shardCollector(schema, byteWindowEncoder(schema));
  const preview = textPreview();
  const decoder = new TextDecoder();
  const onBytes = (doneBytes: number): void =>
    report({ phase: 'reading', doneBytes, totalBytes: file.size, rows: collector.rows });
  for await (const text of textOf(file, await encodingOf(file, signal), signal, onBytes)) {
    for (const window of splitter.push(text)) {
      preview.add(decoder.decode(window));
      collector.add(window);
    }
  }
  check(collector.rows > 0, 'data.too-small', 'The text is too short for one example.', {
    expected: `at least ${schema.length + 1} bytes`,
    received: `${file.size} bytes`,
    remedy: 'Choose a longer text.',
  });
  return importedFrom(schema, collector, preview.rows('text'));
}

function importedFrom<Row>(
  schema: TokensSchema,
  collector: ShardCollector<Row>,
  firstRows: NonNullable<Imported['firstRows']>,
): Imported {
  const gathered = collector.finish();
  return { kind: 'tokens', schema, rows: gathered.rows, gathered, columns: [], firstRows };
}
