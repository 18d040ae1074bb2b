import { refusal, schemaHash } from '../../../shared/dataset/index.ts';
import { check, fromErrorRecord } from '../../../shared/errors/index.ts';
import type { DataSchema } from '../../../shared/federation/index.ts';
import { createDataset, type DatasetInfo, throwIfAborted } from '../storage/index.ts';
import type { CommitOptions, ImportFile, ImportOptions, ImportPreview } from './api.ts';
import { importImages } from './import-images.ts';
import { importRecords } from './import-records.ts';
import { importTable } from './import-table.ts';
import { importTokens } from './import-tokens.ts';
import type { Imported, ReadContext } from './imported.ts';
import { readBytes } from './text-of.ts';

/** Imports read and never committed or discarded are dropped beyond this many, oldest first. */
const MAX_PENDING = 8;

/** Imports that were read and wait to be committed or discarded. */
export interface Importer {
  /** @throws `data.*` for files that cannot be read at all, `aborted`. */
  read(
    files: readonly ImportFile[],
    schema: DataSchema | undefined,
    options: ImportOptions,
    context: ReadContext,
  ): Promise<ImportPreview>;
  /**
   * Stores an import. It stays pending when this throws, so that it can be tried again with other options.
   * @throws the first problem of the rows, unless they may be skipped; `data.empty` when nothing is left;
   * `storage.full`, `storage.unavailable`, `aborted`: nothing is left behind.
   */
  commit(importId: string, options: CommitOptions, context: ReadContext): Promise<DatasetInfo>;
  discard(importId: string): void;
}

export function importer(): Importer {
  const pending = new Map<string, { readonly preview: ImportPreview; readonly imported: Imported }>();

  return {
    async read(files, schema, options, context) {
      const imported = await readFiles(files, schema, options, context);
      const { gathered, ...rest } = imported;
      const preview: ImportPreview = {
        ...rest,
        importId: crypto.getRandomValues(new Uint32Array(4)).join('-'),
        suggestedName: suggestedName(files),
        examples: gathered?.examples ?? 0,
        problems: gathered?.problems ?? [],
        problemCount: gathered?.problemCount ?? 0,
        invalidRows: gathered?.invalidRows ?? 0,
        ...(gathered?.classCounts !== undefined && { classCounts: gathered.classCounts }),
      };
      pending.set(preview.importId, { preview, imported });
      if (pending.size > MAX_PENDING) pending.delete(pending.keys().next().value!);
      return preview;
    },

    async commit(importId, options, context) {
      const found = pending.get(importId);
      check(found !== undefined, 'argument.invalid', 'This import is over.', {
        remedy: 'Choose the file again.',
      });
      const dataset = await store(found.preview, found.imported, options, context);
      pending.delete(importId);
      return dataset;
    },

    discard(importId) {
      pending.delete(importId);
    },
  };
}

async function store(
  preview: ImportPreview,
  { gathered, blocked }: Imported,
  { name, federationId, skipInvalidRows = false }: CommitOptions,
  { signal, report }: ReadContext,
): Promise<DatasetInfo> {
  if (gathered === undefined) throw fromErrorRecord(blocked!);
  if (gathered.problemCount > 0 && !skipInvalidRows) throw refusal(gathered);
  check(gathered.examples > 0, 'data.empty', 'No row of the file can be used.', {
    expected: 'at least one row without errors',
    received: `${gathered.rows} rows with errors`,
    remedy: 'Correct the errors listed, the first of them first.',
  });
  const totalBytes = gathered.shards.reduce(
    (sum, { inputs, targets }) => sum + inputs.size + targets.size,
    0,
  );
  return createDataset(gathered.format, async (writer) => {
    let rows = 0;
    for (const shard of gathered.shards) {
      throwIfAborted(signal);
      await writer.writeShard(shard);
      rows += shard.count;
      report({ phase: 'storing', doneBytes: writer.bytes, totalBytes, rows });
    }
    throwIfAborted(signal);
    return writer.finish({
      name: name?.trim() || preview.suggestedName,
      kind: preview.kind,
      schema: preview.schema,
      schemaHash: schemaHash(preview.schema),
      skippedRows: gathered.invalidRows,
      format: gathered.format,
      createdAtMs: Date.now(),
      columns: preview.columns,
      ...(federationId !== undefined && { federationId }),
      ...(preview.firstRows !== undefined && { preview: preview.firstRows }),
      ...(gathered.classCounts !== undefined && { classCounts: gathered.classCounts }),
    });
  });
}

async function readFiles(
  files: readonly ImportFile[],
  schema: DataSchema | undefined,
  options: ImportOptions,
  context: ReadContext,
): Promise<Imported> {
  const first = files[0];
  check(first !== undefined, 'data.empty', 'No file was chosen.', { remedy: 'Choose a file.' });
  const kind = schema?.kind ?? (await kindOf(first));
  if (kind === 'image')
    return importImages(files, schema as Extract<DataSchema, { kind: 'image' }>, options, context);
  check(
    files.length === 1,
    'argument.invalid',
    'Tables, records and texts are imported one file at a time.',
    {
      expected: 'one file',
      received: `${files.length} files`,
    },
  );
  if (kind === 'tokens')
    return importTokens(first, schema as Extract<DataSchema, { kind: 'tokens' }>, context);
  return kind === 'records'
    ? importRecords(first, schema as Extract<DataSchema, { kind: 'records' }>, context)
    : importTable(first, schema as Extract<DataSchema, { kind: 'tabular' }>, options, context);
}

async function kindOf({ file, path }: ImportFile): Promise<DataSchema['kind']> {
  if (file.type.startsWith('image/') || /idx\d-ubyte$/.test(path)) return 'image';
  if (/\.(json|jsonl|ndjson)$/i.test(path)) return 'records';
  const start = new TextDecoder().decode(await readBytes(file.slice(0, 1024)));
  return /^\s*[{[]/.test(start) ? 'records' : 'tabular';
}

function suggestedName(files: readonly ImportFile[]): string {
  const path = files[0]!.path;
  const folder = path.includes('/') ? path.split('/')[0]! : '';
  return (folder || path.replace(/\.[^.]+$/, '') || 'Data').slice(0, 120);
}
