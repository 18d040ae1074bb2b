import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import manifest from '../package.json' with { type: 'json' };
import { type Federation, sampleFederations } from '../shared/federation/index.ts';
import { NODE_FLAGS } from './node-flags.ts';

// Five starts of a whole server, on a machine that may be busy with other things.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 120_000 });

interface LogLine {
  readonly msg: string;
  readonly url?: string;
  readonly err?: { readonly code: string; readonly message: string };
}

/** The server as its own process, the way `npm start` runs it. */
interface ServerProcess {
  readonly child: ChildProcess;
  readonly exited: Promise<unknown[]>;
  readonly lines: readonly LogLine[];
  /** What it has written to standard error. */
  readonly errors: () => string;
  /** @throws when the process ends before it says so. */
  says(message: string): Promise<LogLine>;
}

let folder: string;
const children: ChildProcess[] = [];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'murmuration-'));
});
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await rm(folder, { recursive: true });
});

function run(environment: Record<string, string> = {}): ServerProcess {
  const main = join(import.meta.dirname, 'main.ts');
  const child = spawn(process.execPath, [...NODE_FLAGS, main], {
    env: { ...process.env, PORT: '0', DATA_DIR: folder, WRITES_PER_MINUTE: '100000', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  const exited = once(child, 'exit');
  let errors = '';
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  const lines: LogLine[] = [];
  const listeners = new Set<() => void>();
  createInterface({ input: child.stdout! }).on('line', (line) => {
    lines.push(JSON.parse(line) as LogLine);
    for (const listener of listeners) listener();
  });
  const says = async (message: string): Promise<LogLine> => {
    const said = new Promise<LogLine>((resolve) => {
      const look = (): void => {
        const line = lines.find(({ msg }) => msg === message);
        if (line !== undefined) resolve(line);
      };
      listeners.add(look);
      look();
    });
    const ended = exited.then(([code]): never => {
      throw new Error(`the server ended with ${code}: ${JSON.stringify(lines.at(-1))} ${errors}`);
    });
    return Promise.race([said, ended]);
  };
  return { child, exited, lines, errors: () => errors, says };
}

async function post(url: string, id: string): Promise<boolean> {
  const response = await fetch(`${url}/api/federations`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...sampleFederations[0]!, id }),
  });
  return response.status === 201;
}

async function idsAt(url: string): Promise<Set<string>> {
  const response = await fetch(`${url}/api/federations?limit=500`);
  const { federations } = (await response.json()) as { federations: Federation[] };
  return new Set(federations.map(({ id }) => id));
}

test('npm start gives node what every other start of the server here does', () => {
  expect(manifest.scripts.start).toContain(` node ${NODE_FLAGS.join(' ')} signaling-server/main.ts`);
});

test('a setting that is wrong is named, and its value kept quiet', async () => {
  const server = run({ DATABASE_URL: 'mysql://user:password@db' });
  expect((await server.exited)[0]).toBe(1);
  expect(server.lines.at(-1)?.err).toMatchObject({ code: 'argument.invalid' });
  expect(JSON.stringify(server.lines)).not.toContain('password');
});

test('the first start shows a key of the operator, this once, and writes it nowhere', async () => {
  const DATA_DIR = join(folder, 'first-start');
  const first = run({ DATA_DIR });
  const { url } = await first.says('listening');
  const key = await vi.waitFor(() => /mk_\w{16}_[\w-]{43}/.exec(first.errors())![0], 60_000);
  const me = await fetch(`${url}/api/me`, { headers: { authorization: `Bearer ${key}` } });
  expect(await me.json()).toMatchObject({ kind: 'api-key', role: 'operator' });
  first.child.kill('SIGTERM');
  await first.exited;
  expect(JSON.stringify(first.lines)).not.toContain(key.slice(20));

  const second = run({ DATA_DIR });
  await second.says('listening');
  expect(second.errors()).not.toContain('mk_');
  second.child.kill('SIGTERM');
  await second.exited;
});

test('killed in the midst of writing, again and again, it loses nothing that it had acknowledged, keeps others out, and stops cleanly when asked', async () => {
  const WRITERS = 4;
  const acknowledged = new Set<string>();
  for (const acknowledgements of [7, 40, 23]) {
    const server = run();
    const url = (await server.says('listening')).url!;
    const target = acknowledged.size + acknowledgements;
    const writers = Array.from({ length: WRITERS }, async (_, writer) => {
      for (let i = 0; server.child.exitCode === null; i++) {
        const id = `f-${target}-${writer}-${i}`;
        if (await post(url, id)) acknowledged.add(id);
        if (acknowledged.size >= target) server.child.kill('SIGKILL');
      }
    });
    const ends = await Promise.allSettled(writers);
    expect(ends.filter(({ status }) => status === 'rejected')).toHaveLength(WRITERS);
    expect(await server.exited).toEqual([null, 'SIGKILL']);
  }

  const last = run();
  const kept = await idsAt((await last.says('listening')).url!);
  expect([...acknowledged].filter((id) => !kept.has(id))).toEqual([]);
  expect(acknowledged.size).toBeGreaterThanOrEqual(70);

  const second = run();
  expect((await second.exited)[0]).toBe(1);
  expect(second.lines.at(-1)?.err).toMatchObject({
    code: 'storage.locked',
    message: expect.stringContaining(`held by process ${last.child.pid}`),
  });

  last.child.kill('SIGTERM');
  expect(await last.exited).toEqual([0, null]);
  expect(last.lines.at(-1)?.msg).toBe('stopped');
});
