import { execFile, execFileSync } from 'node:child_process';
import { chownSync, existsSync, readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const DEBIAN_ROOT = '/usr/lib/postgresql';
const TIMEOUT_MS = 60_000;

/** A throw-away PostgreSQL in a temporary folder, reached through a Unix socket: no port, no other tenant. */
export interface TestPostgres {
  readonly url: string;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Stops it and deletes its folder. */
  dispose(): Promise<void>;
}

/** The folder with initdb and pg_ctl of the newest PostgreSQL here; undefined where there is none. */
export function postgresBinaries(): string | undefined {
  const versions = existsSync(DEBIAN_ROOT) ? readdirSync(DEBIAN_ROOT) : [];
  const folders = versions
    .sort((a, b) => Number(b) - Number(a))
    .map((version) => join(DEBIAN_ROOT, version, 'bin'));
  const onPath = (process.env.PATH ?? '').split(':');
  return [...folders, ...onPath].find(
    (folder) => existsSync(join(folder, 'initdb')) && existsSync(join(folder, 'pg_ctl')),
  );
}

export async function startPostgres(binaries: string): Promise<TestPostgres> {
  const folder = await mkdtemp(join(tmpdir(), 'murmuration-pg-'));
  const data = join(folder, 'data');
  const user = unprivilegedUser();
  if (user !== undefined) chownSync(folder, user.uid, user.gid);
  const command = (name: string, parameters: string[]) =>
    run(join(binaries, name), parameters, { ...user, cwd: folder, timeout: TIMEOUT_MS });
  const settings = `-k ${folder} -c listen_addresses= -c fsync=off -c max_connections=50`;

  const postgres: TestPostgres = {
    url: `postgresql://postgres@localhost/postgres?host=${encodeURIComponent(folder)}`,
    async start() {
      const log = join(folder, 'log');
      await command('pg_ctl', ['start', '-w', '-D', data, '-l', log, '-o', settings]);
    },
    async stop() {
      await command('pg_ctl', ['stop', '-w', '-m', 'fast', '-D', data]);
    },
    async dispose() {
      if (existsSync(join(data, 'postmaster.pid'))) await postgres.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
  try {
    await command('initdb', ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--no-sync']);
    await postgres.start();
    return postgres;
  } catch (error) {
    await postgres.dispose();
    throw error;
  }
}

/** PostgreSQL refuses to run as root. */
function unprivilegedUser(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const idOf = (flag: string): number => Number(execFileSync('id', [flag, 'nobody'], { encoding: 'utf8' }));
  return { uid: idOf('-u'), gid: idOf('-g') };
}
