import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { NODE_FLAGS } from '../../signaling-server/node-flags.ts';

/** The core of whatever is measured; who measures has the other one. */
const MEASURED_CORE = '0';
const OTHER_CORE = '1';
const START_LIMIT_MS = 180_000;
const BETWEEN_TRIES_MS = 5;
const MAX_STDERR = 4000;

/** A server as a process of its own, on one core. */
export interface ProcessUnderTest {
  readonly url: string;
  /** From the start of the process to its first answer with 200. */
  readonly startMs: number;
  /** What it holds of the machine's memory, all of its threads together. */
  rssBytes(): number;
  /** Processor time that it has used, all of its threads together, in the kernel too. */
  processorMs(): number;
  stop(): Promise<void>;
}

export interface ProcessOptions {
  /** A TypeScript file and its arguments. */
  readonly program: readonly [string, ...string[]];
  readonly port: number;
  /** Answers with 200 once it serves. */
  readonly probe: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** For node itself, beside those that the server is run with. */
  readonly nodeOptions?: readonly string[];
}

/** @throws where a process cannot be bound to a core. */
export function bindThisProcess(): void {
  if (process.platform !== 'linux' || availableParallelism() < 2)
    throw new Error('This takes Linux and two cores: one for the server, one for who measures it.');
  execFileSync('taskset', ['--all-tasks', '--cpu-list', '--pid', OTHER_CORE, String(process.pid)], {
    stdio: 'ignore',
  });
}

/** Resolves once it serves. @throws with the end of its standard error when it ends before. */
export async function startProcess(options: ProcessOptions): Promise<ProcessUnderTest> {
  const { program, port, probe, environment = {}, nodeOptions = [] } = options;
  const [file, ...args] = program;
  const url = `http://127.0.0.1:${port}`;
  const startedMs = performance.now();
  const child = spawn(
    'taskset',
    [
      ...['--cpu-list', MEASURED_CORE, process.execPath, ...nodeOptions, ...NODE_FLAGS],
      ...[join(import.meta.dirname, '../..', file), ...args],
    ],
    { env: { ...process.env, ...environment }, stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-MAX_STDERR);
  });
  try {
    await untilServing(child, `${url}${probe}`, startedMs);
  } catch (thrown) {
    await end(child, 'SIGKILL');
    throw new Error(`${(thrown as Error).message}\n${said}`);
  }
  const pid = child.pid!; // taskset becomes the program that it starts
  return {
    url,
    startMs: performance.now() - startedMs,
    rssBytes: () => residentBytes(readFileSync(`/proc/${pid}/status`, 'utf8')),
    processorMs: () => processorMs(readFileSync(`/proc/${pid}/stat`, 'utf8')),
    stop: () => end(child, 'SIGTERM'),
  };
}

async function untilServing(child: ChildProcess, address: string, startedMs: number): Promise<void> {
  for (;;) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error('The server ended.');
    if (performance.now() - startedMs > START_LIMIT_MS) throw new Error('The server does not answer.');
    const answer = await fetch(address).catch(() => undefined); // nobody listens yet
    await answer?.arrayBuffer();
    if (answer?.status === 200) return;
    await new Promise((resolve) => setTimeout(resolve, BETWEEN_TRIES_MS));
  }
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill(signal);
  await exited;
}

/** @param status of /proc: proc(5). */
export function residentBytes(status: string): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
  if (kilobytes === undefined) throw new Error('There is no VmRSS.');
  return 1024 * Number(kilobytes);
}

/** @param stat of /proc: proc(5). The name of the program, in parentheses, may hold anything. */
export function processorMs(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [userTicks, systemTicks] = [fields[11], fields[12]]; // fields 14 and 15, counted from 1 with the name
  return 10 * (Number(userTicks) + Number(systemTicks)); // Linux counts in hundredths of a second
}
