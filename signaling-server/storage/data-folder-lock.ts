import { randomUUID } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { link, mkdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { MurmurationError } from '../../shared/errors/index.ts';
import { storageError } from './storage-error.ts';

export interface DataFolderLock {
  release(): Promise<void>;
}

interface Holder {
  readonly pid: number;
  readonly host: string;
  /** When the process started, as the system counts; tells a reused process id apart. */
  readonly processStart: string;
  readonly token: string;
}

export const LOCK_FILE = 'server.lock';
const HEARTBEAT_MS = 5_000;
/** A holder on another host (a container that shares the folder) is dead when it has not beaten for this long. */
const SILENCE_MS = 30_000;
const ATTEMPTS = 50;
const RETRY_MS = 20;
/** Locks that this process holds, or is about to. */
const heldHere = new Set<string>();

/**
 * Keeps a second server off a data folder: the embedded database has no lock of its own, and two at once lose
 * rows. The lock of a process that died is taken over.
 * @throws `storage.locked` with the holder's process id; `storage.full`, `storage.unavailable`.
 */
export async function lockDataFolder(folder: string): Promise<DataFolderLock> {
  const path = join(folder, LOCK_FILE);
  const token = randomUUID();
  const draft = `${path}.${token}`;
  const self: Holder = { pid: process.pid, host: hostname(), processStart: startOf(process.pid), token };
  heldHere.add(token);
  try {
    await mkdir(folder, { recursive: true });
    await writeFile(draft, JSON.stringify(self), { flag: 'wx' });
    try {
      await acquire(path, draft);
    } finally {
      await rm(draft, { force: true });
    }
  } catch (error) {
    heldHere.delete(token);
    throw storageError(error, `the data folder ${folder}`);
  }
  return hold(path, token);
}

async function acquire(path: string, draft: string): Promise<void> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    if (await linked(draft, path)) return;
    await removeIfDead(path, draft);
  }
  throw locked(path, 'another process');
}

function hold(path: string, token: string): DataFolderLock {
  const heartbeat = setInterval(() => {
    const now = new Date();
    // A folder that cannot be written to shows in every other write; a missed beat alone is harmless.
    utimes(path, now, now).catch(() => undefined);
  }, HEARTBEAT_MS);
  heartbeat.unref();
  return {
    async release() {
      clearInterval(heartbeat);
      const holder = await holderOf(path);
      if (typeof holder === 'object' && holder.token === token) await rm(path, { force: true });
      heldHere.delete(token);
    },
  };
}

/** A hard link appears whole or not at all, and never replaces a file that is there. */
async function linked(draft: string, path: string): Promise<boolean> {
  try {
    await link(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/**
 * Removes the lock of a dead holder. Only one process does so at a time, behind a lock of its own, and looks again
 * first: between looking and removing, another may have taken the lock over.
 */
async function removeIfDead(path: string, draft: string): Promise<void> {
  refuseIfAlive(await holderOf(path), path);
  const guard = `${path}.takeover`;
  if (!(await linked(draft, guard))) {
    const other = await holderOf(guard);
    if (other === 'unreadable' || (other !== 'nobody' && !isAlive(other, guard))) {
      await rm(guard, { force: true });
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    return;
  }
  try {
    const holder = await holderOf(path);
    refuseIfAlive(holder, path);
    if (holder !== 'nobody') await rm(path, { force: true });
  } finally {
    await rm(guard, { force: true });
  }
}

/** @throws `storage.locked`. */
function refuseIfAlive(holder: Holder | 'nobody' | 'unreadable', path: string): void {
  if (typeof holder === 'object' && isAlive(holder, path)) throw locked(path, describe(holder));
}

/** `unreadable`: it was not written by {@link linked}, which shows a lock whole or not at all. */
async function holderOf(path: string): Promise<Holder | 'nobody' | 'unreadable'> {
  try {
    const parsed = JSON.parse(await readFile(path, 'utf8')) as Partial<Holder> | null;
    const { pid, host, processStart, token } = parsed ?? {};
    if (!Number.isInteger(pid) || typeof host !== 'string' || typeof token !== 'string') return 'unreadable';
    return { pid: pid!, host, processStart: String(processStart), token };
  } catch (error) {
    if (error instanceof SyntaxError) return 'unreadable';
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'nobody';
    throw error;
  }
}

function isAlive(holder: Holder, path: string): boolean {
  if (holder.host !== hostname()) {
    const beatAtMs = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? -Infinity;
    return Date.now() - beatAtMs < SILENCE_MS;
  }
  if (holder.pid === process.pid) return heldHere.has(holder.token);
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    // EPERM: it lives, under another user.
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  return startOf(holder.pid) === holder.processStart;
}

/**
 * Field 22 of /proc/PID/stat (proc(5)): start time in clock ticks since boot. Empty where there is no /proc:
 * there a process id alone has to do.
 */
function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}

function describe({ pid, host }: Holder): string {
  return host === hostname() ? `process ${pid}` : `process ${pid} on ${host}`;
}

function locked(path: string, holder: string): MurmurationError {
  return new MurmurationError('storage.locked', 'Another server uses this data folder.', {
    expected: 'a data folder of its own',
    received: `${path}, held by ${holder}`,
    remedy: 'Stop that server, or set DATA_DIR to another folder.',
  });
}
