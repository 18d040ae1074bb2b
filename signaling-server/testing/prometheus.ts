import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const DEPLOY = resolve(import.meta.dirname, '../../deploy/prometheus');
const INTERVAL = '500ms';
const POLL_MS = 200;

export interface FiringRule {
  readonly labels: Readonly<Record<string, string>> & { readonly alertname: string };
  readonly annotations: Readonly<Record<string, string>>;
  readonly state: 'pending' | 'firing';
}

/** A Prometheus of its own with the rules that are delivered, asking one server twice a second. */
export interface TestPrometheus {
  /** Names of the alerts that fire now, each once. */
  firing(): Promise<Set<string>>;
  rules(): Promise<readonly FiringRule[]>;
  /** Asks until it holds. @throws after the time, with what fired then. */
  until(holds: (firing: ReadonlySet<string>) => boolean, timeoutMs: number): Promise<void>;
  stop(): Promise<void>;
}

/** Where a program is; undefined where it is not installed. */
export function findProgram(name: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(':'), '/usr/bin', '/usr/sbin'];
  return folders.map((folder) => join(folder, name)).find(existsSync);
}

/**
 * The delivered rules for a test: conditions, labels and names as they are, and no waiting, since `for: 2m` would take two minutes
 * each. That rules do wait is in alerts.test.yml, which promtool runs on a clock of its own.
 */
export function withoutWaiting(rules: string): string {
  return rules.replace(/^(\s+)for: \d+[smh]$/gm, '$1for: 0s');
}

/** @param target `host:port` of the server. */
export async function startPrometheus(program: string, target: string): Promise<TestPrometheus> {
  const folder = await mkdtemp(join(tmpdir(), 'murmuration-prometheus-'));
  const rules = await readFile(join(DEPLOY, 'alerts.yml'), 'utf8');
  await writeFile(join(folder, 'alerts.yml'), withoutWaiting(rules));
  await writeFile(
    join(folder, 'prometheus.yml'),
    JSON.stringify({
      global: { scrape_interval: INTERVAL, evaluation_interval: INTERVAL, scrape_timeout: INTERVAL },
      rule_files: ['alerts.yml'],
      scrape_configs: [{ job_name: 'murmuration', static_configs: [{ targets: [target] }] }],
    }),
  );
  const address = `127.0.0.1:${await freePort()}`;
  const child = spawn(
    program,
    [
      '--config.file=prometheus.yml',
      '--storage.tsdb.path=data',
      `--web.listen-address=${address}`,
      '--log.level=error',
    ],
    { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let complaints = '';
  child.stderr.on('data', (text) => {
    complaints += text;
  });

  const ask = async (path: string): Promise<Response | undefined> => {
    if (hasEnded(child)) throw new Error(`Prometheus ended: ${complaints}`);
    return fetch(`http://${address}${path}`).catch(() => undefined);
  };
  const alerts = async (): Promise<readonly FiringRule[]> => {
    const response = await ask('/api/v1/alerts');
    if (response?.status !== 200) return [];
    return ((await response.json()) as { data: { alerts: FiringRule[] } }).data.alerts;
  };
  const firing = async (): Promise<Set<string>> => {
    const found = (await alerts()).filter(({ state }) => state === 'firing');
    return new Set(found.map(({ labels }) => labels.alertname));
  };
  const stop = async (): Promise<void> => {
    if (!hasEnded(child)) {
      child.kill();
      await once(child, 'exit');
    }
    await rm(folder, { recursive: true, force: true });
  };
  return {
    firing,
    rules: alerts,
    async until(holds, timeoutMs) {
      const endMs = performance.now() + timeoutMs;
      for (;;) {
        const now = await firing();
        if (holds(now)) return;
        if (performance.now() > endMs) throw new Error(`Prometheus says: ${[...now].sort().join(', ')}`);
        await new Promise((settle) => setTimeout(settle, POLL_MS));
      }
    },
    stop,
  };
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

/** Prometheus does not tell which port it took, when it may choose. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
