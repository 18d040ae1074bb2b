import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { check, hasCode, MurmurationError } from '../../shared/errors/index.ts';
import { type Identity, nobleIdentity } from '../../shared/identity/index.ts';
import { type DataFolderLock, lockDataFolder } from '../../signaling-server/storage/data-folder-lock.ts';
import { storageError } from '../../signaling-server/storage/storage-error.ts';
import { readIfThere, writeWhole } from './durable-file.ts';

/** What a participant keeps between starts, held by this process alone. */
export interface StateFolder {
  readonly path: string;
  readonly identity: Identity;
  /** A document kept under a name; undefined where there is none. */
  recall(name: string): Promise<unknown>;
  remember(name: string, document: unknown): Promise<void>;
  release(): Promise<void>;
}

const KEY_FILE = 'identity.key';
const KEY_BYTES = 32;

/**
 * Opens the folder, made for its owner alone where it is not there, and takes its lock.
 * @throws `storage.locked` with the process that has it; `storage.full`, `storage.unavailable`, `storage.corrupt` for a key that
 * is none, or that others may read.
 */
export async function openStateFolder(path: string): Promise<StateFolder> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw storageError(error, 'the state folder');
  }
  const lock = await lockFolder(path);
  try {
    await sweepDrafts(path);
    const identity = nobleIdentity(await keyIn(path));
    return {
      path,
      identity,
      async recall(name) {
        const bytes = await readIfThere(join(path, `${name}.json`));
        if (bytes === undefined) return undefined;
        try {
          return JSON.parse(new TextDecoder().decode(bytes));
        } catch (cause) {
          throw new MurmurationError('storage.corrupt', 'A file in the state folder is damaged.', {
            path: `${name}.json`,
            remedy: 'Remove it: it is asked for again.',
            cause,
          });
        }
      },
      remember: (name, document) => writeWhole(join(path, `${name}.json`), JSON.stringify(document)),
      release: () => lock.release(),
    };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function lockFolder(path: string): Promise<DataFolderLock> {
  try {
    return await lockDataFolder(path);
  } catch (thrown) {
    if (!hasCode(thrown, 'storage.locked')) throw thrown;
    const { received } = (thrown as MurmurationError).facts;
    throw new MurmurationError('storage.locked', 'Another process uses this state folder.', {
      expected: 'a state folder of its own',
      ...(received === undefined ? {} : { received }),
      remedy: 'Stop that participant, or give --state another folder.',
      cause: thrown,
    });
  }
}

/** The seed of the signing key; made at the first start. */
async function keyIn(folder: string): Promise<Uint8Array<ArrayBuffer>> {
  const path = join(folder, KEY_FILE);
  const bytes = await readIfThere(path);
  if (bytes === undefined) {
    const fresh = new Uint8Array(randomBytes(KEY_BYTES));
    await writeWhole(path, Buffer.from(fresh).toString('hex'), { mode: 0o600 });
    return fresh;
  }
  const { mode } = await stat(path);
  check((mode & 0o077) === 0, 'storage.corrupt', 'Others may read the key of this participant.', {
    path: KEY_FILE,
    expected: 'rights 600',
    received: `rights ${(mode & 0o777).toString(8)}`,
    remedy: `If nobody did, chmod 600 it. If somebody may have, remove it: the participant gets a new identity.`,
  });
  const hex = new TextDecoder().decode(bytes).trim();
  check(/^[0-9a-f]{64}$/.test(hex), 'storage.corrupt', 'The key of this participant is damaged.', {
    path: KEY_FILE,
    expected: '64 hex digits',
    remedy: 'Restore it, or remove it: the participant gets a new identity.',
  });
  return new Uint8Array(Buffer.from(hex, 'hex'));
}

/** What a crash left half written, models among them. */
async function sweepDrafts(folder: string): Promise<void> {
  try {
    for (const name of await readdir(folder, { recursive: true }))
      if (name.endsWith('.draft')) await rm(join(folder, name), { force: true });
  } catch (error) {
    throw storageError(error, 'the state folder');
  }
}
