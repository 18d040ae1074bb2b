import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from './redis.ts';

const run = promisify(execFile);
const CONFIGURATION = join(import.meta.dirname, '../../deploy/nginx');
const TEMPORARY = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];

/** @returns nginx; undefined where there is none. */
export function nginxBinary(): string | undefined {
  return [...(process.env.PATH ?? '').split(':'), '/usr/sbin']
    .map((folder) => join(folder, 'nginx'))
    .find(existsSync);
}

/** The configuration that we ship, with other addresses, in a folder of its own. */
export async function prepareNginx(replicas: readonly number[], listen?: string) {
  const folder = await mkdtemp(join(tmpdir(), 'murmuration-nginx-'));
  await cp(CONFIGURATION, folder, { recursive: true });
  const path = join(folder, 'nginx.conf');
  const port = await freePort();
  const shipped = await readFile(path, 'utf8');
  const servers = /( +server 127\.0\.0\.1:\d+ .*\n)+/;
  const temporary = TEMPORARY.map((name) => `${name}_temp_path ${join(folder, name)};`).join('\n');
  await writeFile(
    path,
    shipped
      .replace('http {', `http {\n${temporary}`)
      .replace(
        servers,
        replicas.map((each) => `server 127.0.0.1:${each} max_fails=1 fail_timeout=2s;\n`).join(''),
      )
      .replace(/listen 127\.0\.0\.1:8080;/, listen ?? `listen 127.0.0.1:${port};`),
  );
  const parameters = ['-c', path, '-g', `daemon off; pid ${join(folder, 'pid')};`, '-e', 'stderr'];
  return { folder, port, parameters, dispose: () => rm(folder, { recursive: true, force: true }) };
}

/** @throws what nginx finds wrong. */
export async function checkNginx(binary: string, parameters: readonly string[]): Promise<string> {
  return (await run(binary, ['-t', ...parameters])).stderr;
}

export async function startNginx(binary: string, replicas: readonly number[]) {
  const { port, parameters, dispose } = await prepareNginx(replicas);
  const child = spawn(binary, parameters, { stdio: ['ignore', 'ignore', 'ignore'] });
  const gone = once(child, 'exit');
  const isListening = (): Promise<boolean> =>
    new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1');
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
      socket.once('connect', () => socket.destroy());
    });
  while (child.exitCode === null && !(await isListening()))
    await new Promise((resolve) => setTimeout(resolve, 20));
  return {
    url: `http://127.0.0.1:${port}`,
    async close() {
      child.kill('SIGTERM');
      await gone;
      await dispose();
    },
  };
}
