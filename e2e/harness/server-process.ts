import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { NODE_FLAGS } from '../../signaling-server/node-flags.ts';

/** The real server as a process of its own, on a data folder of its own; it can be killed and started again. */
export interface ServerProcess {
  readonly url: string;
  readonly dataDir: string;
  readonly running: boolean;
  start(): Promise<void>;
  /** As a crash: no goodbye. */
  kill(): Promise<void>;
  /** As an operator: SIGTERM. The data stay. */
  terminate(): Promise<void>;
  /** As {@link terminate}, and the data folder is removed. */
  stop(): Promise<void>;
  readonly log: readonly string[];
  /** What it said on standard error, over all its lives. */
  readonly standardError: string;
}

const ROOT = resolve(import.meta.dirname, '../..');
const START_TIMEOUT_MS = 60_000;

export async function startServerProcess(environment: Record<string, string> = {}): Promise<ServerProcess> {
  const dataDir = mkdtempSync(join(tmpdir(), 'murmuration-'));
  const port = await freePort();
  const log: string[] = [];
  let standardError = '';
  let child: ChildProcess | undefined;

  async function start(): Promise<void> {
    const env = { ...process.env, DATA_DIR: dataDir, PORT: String(port), HOST: '127.0.0.1', ...environment };
    const started = spawn(process.execPath, [...NODE_FLAGS, 'signaling-server/main.ts'], {
      cwd: ROOT,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child = started;
    await new Promise<void>((ready, fail) => {
      const timer = setTimeout(() => {
        started.kill('SIGKILL');
        fail(new Error(`The server did not start:\n${log.slice(-20).join('\n')}`));
      }, START_TIMEOUT_MS);
      const end = (action: () => void): void => {
        clearTimeout(timer);
        action();
      };
      started.once('exit', (code) =>
        end(() => fail(new Error(`The server ended with ${code}:\n${log.slice(-20).join('\n')}`))),
      );
      started.stderr!.on('data', (text: string) => {
        standardError += text;
      });
      for (const stream of [started.stdout!, started.stderr!]) {
        stream.setEncoding('utf8');
        stream.on('data', (text: string) => {
          for (const line of text.split('\n')) if (line !== '') log.push(line);
          if (text.includes('"listening"')) end(ready);
        });
      }
    });
  }

  async function end(signal: NodeJS.Signals): Promise<void> {
    const ending = child;
    child = undefined;
    if (ending === undefined || ending.exitCode !== null || ending.signalCode !== null) return;
    const exited = new Promise<void>((done) => ending.once('exit', () => done()));
    ending.kill(signal);
    await exited;
  }

  await start();
  return {
    url: `http://127.0.0.1:${port}`,
    dataDir,
    get running() {
      return child !== undefined;
    },
    start,
    kill: () => end('SIGKILL'),
    terminate: () => end('SIGTERM'),
    async stop() {
      await end('SIGTERM');
      rmSync(dataDir, { recursive: true, force: true });
    },
    log,
    get standardError() {
      return standardError;
    },
  };
}

function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const probe = createServer();
    probe.once('error', fail);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as { port: number };
      probe.close(() => done(port));
    });
  });
}
