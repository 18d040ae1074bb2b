import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { check, hasCode, MurmurationError } from '../../shared/errors/index.ts';
import type { BlobStore } from '../storage/blob-store.ts';
import { appliedMigration } from '../storage/schema-version.ts';
import { storageError } from '../storage/storage-error.ts';
import { ERASURES, readErased, writeRegister } from './erasure-register.ts';
import { MANIFEST, MANIFEST_HASH, type Manifest, type ServerState, stateHash } from './manifest.ts';
import type { SqlSession } from './sql-session.ts';
import { digestTable } from './table-rows.ts';

export interface BackupSource {
  readonly session: SqlSession;
  readonly blobs: BlobStore;
  readonly dataDir: string;
}

/** Where a state is written to while it is read; without one it is only hashed. */
interface Sink {
  table(name: string): Promise<{ write(text: string): Promise<void>; end(): Promise<void> }>;
  bytes(folder: 'blobs' | 'held-out', name: string, pieces: AsyncIterable<Uint8Array>): Promise<void>;
}

/** Blobs of transcripts come and go while a server runs: the whole is then read again. */
const TRIES = 3;

/**
 * The state of a server, of one moment. Blobs are read and checked as well.
 * @throws `storage.corrupt` naming a blob that is damaged or missing; `storage.conflict` for a schema this program does not know.
 */
export async function readState(source: BackupSource, sink?: Sink): Promise<ServerState> {
  const { session, blobs, dataDir } = source;
  return session.reading(async () => {
    const version = await appliedMigration(session.run);
    check(version !== undefined, 'storage.unavailable', 'There is no database to read yet.', {
      remedy: 'Run `npm run admin -- migrate`, or start the server once.',
    });
    const tables = [];
    for (const name of version.tables) {
      const file = await sink?.table(name);
      try {
        tables.push(await digestTable(session.run, name, file?.write));
      } finally {
        await file?.end();
      }
    }
    const keys = await blobKeys(session);
    const named = [];
    for (const key of keys) {
      let bytes = 0;
      await take(
        sink,
        'blobs',
        key,
        counting(blobs.get(key), (more) => (bytes += more)),
      );
      named.push({ key, bytes });
    }
    const files = [];
    for (const name of await heldOutNames(dataDir)) {
      const hash = createHash('sha256');
      let bytes = 0;
      const pieces = createReadStream(join(dataDir, 'held-out', name));
      await take(
        sink,
        'held-out',
        name,
        counting(pieces, (more, piece) => {
          bytes += more;
          hash.update(piece);
        }),
      );
      files.push({ name, bytes, sha256: hash.digest('hex') });
    }
    return { schema: version.tag, tables, blobs: named, files };
  });
}

/**
 * Writes all that a server keeps into a new folder, as one act: a folder of this name is a whole backup. It holds what the database holds, keys of
 * webhooks and of the server's identity included: only its owner may read it. The queue of timed work is left out, which a server fills again
 * from the tables.
 * @throws `argument.invalid` where the folder exists; else as {@link readState}, and `storage.full`.
 */
export async function backUp(source: BackupSource, folder: string, nowMs: number): Promise<Manifest> {
  const target = resolve(folder);
  const draft = join(dirname(target), `.${basename(target)}.${randomUUID()}`);
  for (let left = TRIES - 1; ; left--) {
    try {
      return await writeBackup(source, target, draft, nowMs);
    } catch (thrown) {
      const isLive = source.session.kind === 'postgres';
      if (left === 0 || !isLive || !hasCode(thrown, 'storage.corrupt'))
        throw storageError(thrown, 'the backup');
    } finally {
      await rm(draft, { recursive: true, force: true });
    }
  }
}

async function writeBackup(
  source: BackupSource,
  target: string,
  draft: string,
  nowMs: number,
): Promise<Manifest> {
  await refuseExisting(target);
  for (const each of ['', 'tables', 'blobs', 'held-out'])
    await mkdir(join(draft, each), { recursive: true, mode: 0o700 });
  const state = await readState(source, sinkInto(draft));
  const manifest: Manifest = {
    format: 'murmuration/backup',
    formatVersion: 1,
    createdAt: new Date(nowMs).toISOString(),
    database: source.session.kind,
    ...state,
    stateHash: stateHash(state),
  };
  const text = `${JSON.stringify(manifest, null, 2)}\n`;
  await writeWhole(join(draft, MANIFEST), [Buffer.from(text)]);
  const hash = createHash('sha256').update(text).digest('hex');
  await writeWhole(join(draft, MANIFEST_HASH), [Buffer.from(`${hash}\n`)]);
  const register = await writeRegister(await readErased(source.session.run));
  if (register !== undefined) await writeWhole(join(draft, ERASURES), [Buffer.from(register)]);
  await rename(draft, target);
  return manifest;
}

function sinkInto(folder: string): Sink {
  return {
    async table(name) {
      const file = await open(join(folder, 'tables', `${name}.jsonl`), 'wx', 0o600);
      return {
        write: async (text) => void (await file.write(text)),
        end: () => flushed(file),
      };
    },
    bytes: (kind, name, pieces) => writeWhole(join(folder, kind, name), pieces),
  };
}

async function writeWhole(
  path: string,
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    for await (const piece of pieces) await file.writeFile(piece);
  } finally {
    await flushed(file);
  }
}

async function flushed(file: FileHandle): Promise<void> {
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

async function take(
  sink: Sink | undefined,
  folder: 'blobs' | 'held-out',
  name: string,
  pieces: AsyncIterable<Uint8Array>,
): Promise<void> {
  if (sink !== undefined) return sink.bytes(folder, name, pieces);
  // Reading is what checks it.
  for await (const _ of pieces);
}

async function* counting(
  pieces: AsyncIterable<Uint8Array>,
  count: (bytes: number, piece: Uint8Array) => void,
): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces) {
    count(piece.byteLength, piece);
    yield piece;
  }
}

/** Those that rows name; others are room to be freed. */
async function blobKeys({ run }: SqlSession): Promise<string[]> {
  const [[hasTranscripts] = []] = await run(`select to_regclass('transcripts') is not null`);
  const of = ['model_versions', ...(hasTranscripts === true ? ['transcripts'] : [])];
  const rows = await run(of.map((table) => `select blob from ${table}`).join(' union '));
  return rows.map(([key]) => String(key)).sort();
}

async function heldOutNames(dataDir: string): Promise<string[]> {
  try {
    const names = await readdir(join(dataDir, 'held-out'));
    return names.filter((name) => /^[\w-]+\.[a-z]+$/.test(name)).sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw storageError(error, 'the held-out sets');
  }
}

async function refuseExisting(folder: string): Promise<void> {
  try {
    await readdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw storageError(error, 'the folder for the backup');
  }
  throw new MurmurationError('argument.invalid', 'This folder exists already.', {
    path: folder,
    expected: 'the name of a new folder',
  });
}
