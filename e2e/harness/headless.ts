import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { ParticipantReport } from '../../scripts/participant/report.ts';

/** A line of a headless participant's log. */
export type LogLine = Readonly<Record<string, unknown>> & { readonly msg: string };

/** A participant without a browser, as a process of its own with a state folder that outlives it. */
export interface HeadlessParticipant {
  /** Of all its starts. */
  readonly log: readonly LogLine[];
  readonly stateFolder: string;
  /** @throws when it ends, or is silent, before a line fits. */
  until(condition: (line: LogLine) => boolean, timeoutMs: number): Promise<LogLine>;
  /** Resolves with the exit code, or null after a signal. */
  end(signal?: NodeJS.Signals): Promise<number | null>;
  /** Starts it anew on the same state. */
  start(): void;
  report(): ParticipantReport;
  /** Ends it and removes its folder. */
  remove(): Promise<void>;
}

const ROOT = resolve(import.meta.dirname, '../..');

/** @param data bytes of a file, and the end of its name. */
export function startHeadless(
  serverUrl: string,
  federation: string,
  data: { readonly bytes: Uint8Array | string; readonly end: string },
  args: readonly string[] = [],
): HeadlessParticipant {
  const folder = mkdtempSync(join(tmpdir(), 'headless-'));
  const dataPath = join(folder, `data${data.end}`);
  writeFileSync(dataPath, data.bytes);
  const stateFolder = join(folder, 'state');
  const reportPath = join(folder, 'report.json');
  const log: LogLine[] = [];
  const errors: string[] = [];
  const wake: (() => void)[] = [];
  let exited: Promise<number | null> = Promise.resolve(null);
  let isRunning = false;
  let kill: (signal: NodeJS.Signals) => void = () => undefined;

  const notify = (): void => {
    for (const each of wake.splice(0)) each();
  };

  const start = (): void => {
    const command = ['--import', 'tsx', 'scripts/participant.ts', '--server', serverUrl];
    command.push('--federation', federation, '--data', dataPath, '--state', stateFolder);
    command.push('--json', reportPath, '--log-level', 'debug', ...args);
    const child = spawn(process.execPath, command, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
    isRunning = true;
    kill = (signal) => child.kill(signal);
    let rest = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop()!;
      for (const line of lines) log.push(JSON.parse(line) as LogLine);
      notify();
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => errors.push(text));
    exited = new Promise((done) => {
      child.once('close', (code) => {
        isRunning = false;
        done(code);
        notify();
      });
    });
  };

  const end = async (signal?: NodeJS.Signals): Promise<number | null> => {
    if (isRunning && signal !== undefined) kill(signal);
    return exited;
  };

  start();
  return {
    log,
    stateFolder,
    end,
    start,
    async until(condition, timeoutMs) {
      const endMs = Date.now() + timeoutMs;
      for (let next = 0; ; next++) {
        while (next >= log.length) {
          const leftMs = endMs - Date.now();
          if (!isRunning || leftMs <= 0) {
            const tail = log.slice(-20).map((line) => JSON.stringify(line));
            throw new Error(
              `The headless participant did not get there:\n${[...tail, ...errors].join('\n')}`,
            );
          }
          await new Promise<void>((resolve) => {
            const timer = setTimeout(resolve, leftMs);
            wake.push(() => {
              clearTimeout(timer);
              resolve();
            });
          });
        }
        if (condition(log[next]!)) return log[next]!;
      }
    },
    report: () => JSON.parse(readFileSync(reportPath, 'utf8')) as ParticipantReport,
    async remove() {
      await end('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Sample digits as a file that a headless participant reads. */
export async function digitsFile(
  serverUrl: string,
  offset: number,
  count: number,
): Promise<{ readonly bytes: Uint8Array; readonly end: string }> {
  const response = await fetch(`${serverUrl}/api/sample/digits/train?offset=${offset}&count=${count}`);
  if (!response.ok) throw new Error(`The server answered ${response.status}.`);
  return { bytes: new Uint8Array(await response.arrayBuffer()), end: '.digits' };
}
