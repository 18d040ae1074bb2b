import { readFile, stat } from 'node:fs/promises';
import { extname } from 'node:path';
import { type Examples, exampleFormat } from '../../shared/dataset/index.ts';
import { check, MurmurationError } from '../../shared/errors/index.ts';
import type { DataSchema } from '../../shared/federation/index.ts';
import {
  formatsFor,
  type HeldOutFormat,
  readHeldOut,
} from '../../signaling-server/evaluation/held-out-reader.ts';
import { fingerprint } from '../../web/src/storage/fingerprint.ts';

export interface DataFile {
  readonly path: string;
  readonly format: HeldOutFormat;
}

/** What fits a string, and the memory of a small machine beside what it is encoded to. */
const MAX_FILE_BYTES = 512 * 1024 * 1024;

/**
 * Reads a whole file. One bad row refuses all: what a machine trains on unattended is mended, not thinned.
 * @returns the examples, and a name for them: that of the page for the same data, so that both spend from ledgers of one name.
 * @throws `data.*` naming row and column, never what is in them.
 */
export async function readData(
  { path, format }: DataFile,
  schema: DataSchema,
): Promise<{ readonly examples: Examples; readonly name: string }> {
  const { examples } = readHeldOut(await bytesOf(path), format, schema, 'data');
  return { examples, name: await nameOf(examples, schema) };
}

async function nameOf({ count, inputs, targets }: Examples, schema: DataSchema): Promise<string> {
  const print = fingerprint(exampleFormat(schema));
  await print.add({ count, inputs: new Blob([inputs]), targets: new Blob([targets]) });
  return print.digest();
}

async function bytesOf(path: string): Promise<Uint8Array> {
  try {
    const { size } = await stat(path);
    check(size <= MAX_FILE_BYTES, 'data.unreadable', 'The file is too large to be read whole.', {
      path: '--data',
      expected: `at most ${MAX_FILE_BYTES} bytes`,
      received: String(size),
      remedy: 'Split it between several participants.',
    });
    return await readFile(path);
  } catch (cause) {
    if (cause instanceof MurmurationError) throw cause;
    throw new MurmurationError('data.unreadable', 'The data cannot be read.', {
      path: '--data',
      received: String((cause as { code?: unknown }).code ?? 'a failure of the disk'),
      remedy: 'Check the place of the file and its rights.',
      cause,
    });
  }
}

const FORMATS: Readonly<Record<string, HeldOutFormat>> = {
  '.csv': 'csv',
  '.tsv': 'csv',
  '.json': 'json',
  '.jsonl': 'json',
  '.ndjson': 'json',
  '.txt': 'txt',
  '.digits': 'images',
};

/** How the file is written, by the end of its name. @throws `argument.invalid` where the federation's data are not written so. */
export function formatOf(path: string, schema: DataSchema): HeldOutFormat {
  const formats = formatsFor(schema);
  const format = FORMATS[extname(path).toLowerCase()];
  if (format !== undefined && formats.includes(format)) return format;
  const names = Object.keys(FORMATS).filter((name) => formats.includes(FORMATS[name]!));
  throw new MurmurationError(
    'argument.invalid',
    'The data are not in a form that this federation trains on.',
    {
      path: '--data',
      expected: `a file that ends with ${names.join(' or ')}, for data of kind ${schema.kind}`,
      received: extname(path) === '' ? 'a name without an end' : extname(path),
      remedy: 'Save the data in that form.',
    },
  );
}
