import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { check, MurmurationError } from '../../shared/errors/index.ts';
import { canonicalJson } from '../../shared/federation/index.ts';
import { storageError } from '../storage/storage-error.ts';

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const count = z.int().min(0);

const state = z.object({
  /** Tag of the newest migration. */
  schema: z.string(),
  tables: z.array(z.object({ name: z.string().regex(/^[a-z_]+$/), rows: count, sha256 })),
  /** Names are hashes. */
  blobs: z.array(z.object({ key: sha256, bytes: count })),
  /** Held-out sets of the data folder. */
  files: z.array(z.object({ name: z.string().regex(/^[\w-]+\.[a-z]+$/), bytes: count, sha256 })),
});
const manifest = state.extend({
  format: z.literal('murmuration/backup'),
  formatVersion: z.literal(1),
  createdAt: z.iso.datetime(),
  database: z.enum(['pglite', 'postgres']),
  stateHash: sha256,
});

/** All that a server keeps, by hash. */
export type ServerState = z.infer<typeof state>;
export type Manifest = z.infer<typeof manifest>;

export const MANIFEST = 'manifest.json';
/** Hex SHA-256 of the manifest. */
export const MANIFEST_HASH = 'manifest.sha256';

/** One number for a whole state: equal where every row, blob and file is. */
export function stateHash({ schema, tables, blobs, files }: ServerState): string {
  return createHash('sha256').update(canonicalJson({ schema, tables, blobs, files })).digest('hex');
}

/** @throws `storage.corrupt` for a manifest that was changed, `argument.invalid` for a folder that is no backup. */
export async function readManifest(folder: string): Promise<Manifest> {
  const text = await readText(join(folder, MANIFEST));
  const expected = (await readText(join(folder, MANIFEST_HASH))).trim();
  const found = createHash('sha256').update(text).digest('hex');
  check(found === expected, 'storage.corrupt', 'The manifest of the backup is damaged.', {
    path: MANIFEST,
    expected,
    received: found,
    remedy: 'Use another backup.',
  });
  const parsed = manifest.safeParse(JSON.parse(text));
  check(parsed.success, 'argument.invalid', 'This is a backup of another kind.', {
    path: MANIFEST,
    expected: 'murmuration/backup, version 1',
    remedy: 'Restore it with the version of the program that wrote it.',
  });
  check(
    stateHash(parsed.data) === parsed.data.stateHash,
    'storage.corrupt',
    'The manifest contradicts itself.',
    {
      path: MANIFEST,
      remedy: 'Use another backup.',
    },
  );
  return parsed.data;
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw storageError(cause, 'the backup');
    throw new MurmurationError('argument.invalid', 'There is no backup in this folder.', {
      path,
      expected: `a folder with ${MANIFEST} and ${MANIFEST_HASH}`,
      cause,
    });
  }
}
