import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A throw-away Redis on a port of its own, which stays the same when it is stopped and started again. */
export interface TestRedis {
  readonly url: string;
  start(): Promise<void>;
  /** Kills it: nothing is said to those connected. */
  stop(): Promise<void>;
  dispose(): Promise<void>;
}

/** @returns redis-server; undefined where there is none. */
export function redisBinary(): string | undefined {
  return (process.env.PATH ?? '')
    .split(':')
    .map((folder) => join(folder, 'redis-server'))
    .find(existsSync);
}

export async function startRedis(binary: string): Promise<TestRedis> {
  const folder = await mkdtemp(join(tmpdir(), 'murmuration-redis-'));
  const port = await freePort();
  let child: ChildProcess | undefined;
  const redis: TestRedis = {
    url: `redis://127.0.0.1:${port}`,
    async start() {
      const started = spawn(
        binary,
        ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder],
        { stdio: ['ignore', 'pipe', 'inherit'] },
      );
      child = started;
      await new Promise<void>((resolve, reject) => {
        let said = '';
        started.stdout.on('data', (chunk: Buffer) => {
          said += String(chunk);
          if (said.includes('Ready to accept connections')) resolve();
        });
        started.once('exit', () => reject(new Error(`redis-server ended: ${said}`)));
      });
    },
    async stop() {
      const stopped = child;
      child = undefined;
      if (stopped === undefined || stopped.exitCode !== null) return;
      const gone = once(stopped, 'exit');
      stopped.kill('SIGKILL');
      await gone;
    },
    async dispose() {
      await redis.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
  try {
    await redis.start();
    return redis;
  } catch (error) {
    await redis.dispose();
    throw error;
  }
}

/** A port that nobody uses now. */
export async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}
