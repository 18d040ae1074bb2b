import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { NODE_FLAGS } from '../node-flags.ts';

export interface LogLine {
  readonly msg: string;
  readonly [field: string]: unknown;
}

/** The real server as a process of its own, which can be killed and started again. */
export interface KillableServer {
  /** Everything that it logged, over all its lives. */
  readonly lines: readonly LogLine[];
  readonly running: boolean;
  /** Resolves once it accepts connections. @throws when it ends before, with the last that it said. */
  start(): Promise<void>;
  /** kill -9. */
  kill(): Promise<void>;
  /** As an operator does. */
  stop(): Promise<void>;
  /** The first line from the given one on that matches. */
  logged(matches: (line: LogLine) => boolean, from?: number): Promise<LogLine>;
}

const MAIN = join(import.meta.dirname, '../main.ts');

export function killableServer(environment: Readonly<Record<string, string>>): KillableServer {
  const lines: LogLine[] = [];
  const waiting = new Set<() => void>();
  let child: ChildProcess | undefined;

  const logged = (matches: (line: LogLine) => boolean, from = 0): Promise<LogLine> =>
    new Promise((resolve) => {
      const look = (): void => {
        const found = lines.slice(from).find(matches);
        if (found === undefined) return;
        waiting.delete(look);
        resolve(found);
      };
      waiting.add(look);
      look();
    });

  const end = async (signal: NodeJS.Signals): Promise<void> => {
    const ending = child;
    child = undefined;
    if (ending === undefined || ending.exitCode !== null || ending.signalCode !== null) return;
    const exited = once(ending, 'exit');
    ending.kill(signal);
    await exited;
  };

  return {
    lines,
    get running() {
      return child !== undefined;
    },
    async start() {
      const from = lines.length;
      const started = spawn(process.execPath, [...NODE_FLAGS, MAIN], {
        env: { ...process.env, ...environment },
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      child = started;
      createInterface({ input: started.stdout }).on('line', (line) => {
        if (!line.startsWith('{')) return;
        lines.push(JSON.parse(line) as LogLine);
        for (const look of [...waiting]) look();
      });
      const ended = once(started, 'exit').then(([code]): never => {
        throw new Error(`the server ended with ${String(code)}: ${JSON.stringify(lines.at(-1))}`);
      });
      ended.catch(() => undefined); // it ends in the end
      await Promise.race([logged(({ msg }) => msg === 'listening', from), ended]);
    },
    kill: () => end('SIGKILL'),
    stop: () => end('SIGTERM'),
    logged,
  };
}
