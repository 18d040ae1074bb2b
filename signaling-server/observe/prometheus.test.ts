import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eq } from 'drizzle-orm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ParticipantId } from '../../shared/identity/index.ts';
import { SYSTEM } from '../access/principal.ts';
import type { Alert, AlertKind } from '../alerts/alert.ts';
import { attachFederations } from '../attachments.ts';
import { readConfig } from '../config.ts';
import type { Training } from '../jobs/training.ts';
import { type RunningServer, type ServerContext, startServer } from '../server.ts';
import { type Database, openDatabase } from '../storage/database.ts';
import { apiKeys, feedCursors } from '../storage/operator-schema.ts';
import { postgresBinaries, startPostgres, type TestPostgres } from '../testing/postgres.ts';
import { findProgram, freePort, startPrometheus, type TestPrometheus } from '../testing/prometheus.ts';
import { silentLog } from '../testing/silent-log.ts';

const OPERATOR_KEY = 'an-operator-of-this-test';
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * 3600_000;
const WAIT_MS = 60_000;
const program = findProgram('prometheus');
const binaries = postgresBinaries();

if (program === undefined || binaries === undefined) {
  test('Prometheus or PostgreSQL is not installed here: nothing of this file was checked', () => {
    console.warn(
      'No prometheus or initdb found: alert rules were NOT tried. Install prometheus and postgresql.',
    );
    expect(findProgram('prometheus') === undefined || postgresBinaries() === undefined).toBe(true);
  });
} else {
  let folder: string;
  let postgres: TestPostgres;
  let database: Database;
  let server: RunningServer;
  let context: ServerContext;
  let prometheus: TestPrometheus;
  let port: number;

  const start = () =>
    startServer(
      readConfig({
        PORT: String(port),
        DATA_DIR: join(folder, 'data'),
        DATABASE_URL: postgres.url,
        WEB_ROOT: folder,
        OPERATOR_KEY,
        FEDERATED_QUEUE_BACKLOG_THRESHOLD: '2',
      }),
      {
        log: silentLog,
        sampleEveryMs: 300,
        attach: [
          attachFederations,
          async (given) => {
            context = given;
            return { close: async () => undefined };
          },
        ],
      },
    );

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'murmuration-'));
    await writeFile(join(folder, 'index.html'), '<!doctype html><title>page</title>');
    postgres = await startPostgres(binaries);
    port = await freePort();
    server = await start();
    database = await openDatabase({ dataDir: folder, databaseUrl: postgres.url, log: silentLog });
    prometheus = await startPrometheus(program, `127.0.0.1:${port}`);
  }, 120_000);
  afterAll(async () => {
    await prometheus?.stop();
    await server?.close();
    await database?.close();
    await postgres?.dispose();
    await rm(folder, { recursive: true, force: true });
  });

  /** What fires by the app's own door. */
  async function firingInApp(): Promise<Set<AlertKind>> {
    const response = await fetch(`${server.url}/api/alerts?state=firing&limit=200`, {
      headers: { authorization: `Bearer ${OPERATOR_KEY}` },
    });
    const { alerts } = (await response.json()) as { readonly alerts: readonly Alert[] };
    return new Set(alerts.map(({ kind }) => kind));
  }
  const untilInApp = (holds: (kinds: ReadonlySet<AlertKind>) => boolean) =>
    expect.poll(async () => holds(await firingInApp()), { timeout: WAIT_MS, interval: 200 }).toBe(true);
  const all = (set: ReadonlySet<string>, names: readonly string[]) => names.every((name) => set.has(name));
  const none = (set: ReadonlySet<string>, names: readonly string[]) => !names.some((name) => set.has(name));

  /** A session as the coordinator tells of one, in a federation of its own. */
  const about = { federation: 'session', run: 'run-of-session', training: undefined, atMs: 0 };
  const round = (number: number, survivors: number) =>
    context.events.emit({
      type: 'round-committed',
      ...about,
      round: number,
      durationMs: 800,
      invited: 10,
      survivors,
      bytes: 1000,
      hash: 'h',
    });
  const accuracy = (number: number, value: number) =>
    context.events.emit({ type: 'metric', ...about, round: number, name: 'accuracy', value, heldOut: null });
  const standing = (letter: string, state: 'quarantined' | 'clear', cause: string) =>
    context.events.emit({
      type: 'participant-standing',
      federation: 'session',
      participant: letter.repeat(22) as ParticipantId,
      state,
      cause,
    });

  /** Another federation's, of which nobody has heard for three hours. */
  const waiting = (failing: Training, status: Training['status']) =>
    context.events.emit({
      type: 'training',
      training: {
        ...failing,
        ...{ id: 'waiting', federation: 'waiting', status, reason: null },
        updatedAtMs: Date.now() - 3 * HOUR_MS,
      },
    });

  const department = (id: string) => ({ kind: 'department', id }) as const;
  /** Charges a department once, then gives it a limit of which that is this share. */
  async function spend(id: string, share: number): Promise<void> {
    const subjects = [department(id)];
    const event = { mechanism: 'gaussian', noiseMultiplier: 4 } as const;
    const [budget] = await server.budgets.charge(`once-${id}`, subjects, event);
    await server.budgets.setLimit(subjects[0]!, { epsilon: budget!.epsilon! / share, delta: 1e-5 });
  }

  const blobs = () => join(folder, 'data', 'blobs');

  const RULES = [
    'TrainingFailed',
    'TrainingStalled',
    'HighPrivacyBudgetUsage',
    'PrivacyBudgetExceeded',
    'HighDropOutRate',
    'AccuracyDrop',
    'UpdateAnomaly',
    'ParticipantUnhealthy',
    'QueueBacklog',
    'CertificateNearExpiry',
    'BlobStoreUnavailable',
    'AuditFeedBehind',
  ];
  const KINDS: readonly AlertKind[] = [
    'run-failed',
    'run-stalled',
    'budget-near',
    'budget-exceeded',
    'drop-out',
    'accuracy-drop',
    'anomaly',
    'participant-unhealthy',
    'queue-backlog',
    'certificate-expiry',
    'storage',
  ];

  test('every condition fires, in Prometheus and in the app, and is over once its cause is gone', async () => {
    expect(await prometheus.firing()).toEqual(new Set());
    expect(await firingInApp()).toEqual(new Set());

    // A training that nobody takes part in is given up at its deadline.
    const failing = await context.trainings.service.start(SYSTEM, {
      federation: 'digits',
      config: { deadlineAtMs: Date.now() + 1500 },
    });
    waiting(failing, 'RUNNING');
    await spend('near', 0.9);
    await spend('over', 2);
    round(1, 5);
    accuracy(1, 0.9);
    accuracy(2, 0.6);
    standing('A', 'quarantined', 'anomalous');
    standing('B', 'quarantined', 'unreliable');
    for (let i = 0; i < 4; i++) await context.queue.send('nobody-works', { i });
    await database.run((db) =>
      db.insert(apiKeys).values({
        id: 'node',
        name: 'a node',
        hash: 'ab'.repeat(32),
        kind: 'certificate',
        role: 'participant',
        scopes: [],
        createdBy: 'system',
        createdAtMs: Date.now(),
        expiresAtMs: Date.now() + 5 * DAY_MS,
      }),
    );
    await database.run((db) => db.insert(feedCursors).values({ feed: 'siem', seq: -2000, updatedAtMs: 0 }));
    await rename(blobs(), `${blobs()}-away`);
    await writeFile(blobs(), 'a file where the folder was');

    await prometheus.until((firing) => all(firing, RULES), WAIT_MS);
    await untilInApp((kinds) => all(kinds, KINDS));
    // By the same door, what concerns the training names it.
    const ofTraining = await context.observability.alerts.list(SYSTEM, { training: failing.id });
    expect(ofTraining.items).toMatchObject([{ kind: 'run-failed', severity: 'critical' }]);
    const labels = (await prometheus.rules()).find((rule) => rule.labels.alertname === 'TrainingFailed');
    expect(labels).toMatchObject({ labels: { federation: 'digits', kind: 'run-failed' } });

    waiting(failing, 'STOPPED');
    const next = await context.trainings.service.start(SYSTEM, { federation: 'digits' });
    for (const id of ['near', 'over'])
      await server.budgets.setLimit(department(id), { epsilon: 1000, delta: 1e-5 });
    for (const number of [2, 3, 4, 5]) round(number, 10);
    accuracy(3, 0.88);
    standing('A', 'clear', 'anomalous');
    standing('B', 'clear', 'unreliable');
    await context.queue.work('nobody-works', async () => undefined);
    await database.run((db) =>
      db.update(apiKeys).set({ revokedAtMs: Date.now() }).where(eq(apiKeys.id, 'node')),
    );
    await database.run((db) => db.delete(feedCursors));
    await rm(blobs());
    await rename(`${blobs()}-away`, blobs());

    await prometheus.until((firing) => none(firing, RULES), WAIT_MS);
    await untilInApp((kinds) => none(kinds, KINDS));
    const ended: Training = await context.trainings.service.stop(SYSTEM, next.id);
    expect(['STOPPING', 'STOPPED']).toContain(ended.status);
  }, 180_000);

  test('a database that is away is told from memory while it is, and a server that is away by Prometheus', async () => {
    await postgres.stop();
    await prometheus.until((firing) => firing.has('DatabaseUnavailable'), WAIT_MS);
    const { items } = await context.observability.alerts.list(SYSTEM, { state: 'firing' });
    expect(items).toMatchObject([{ kind: 'storage', fingerprint: 'storage/database' }]);
    await postgres.start();
    await prometheus.until((firing) => !firing.has('DatabaseUnavailable'), WAIT_MS);
    await untilInApp((kinds) => kinds.size === 0);

    await server.close();
    await prometheus.until((firing) => firing.has('NodeUnhealthy'), WAIT_MS);
    server = await start();
    await prometheus.until((firing) => firing.size === 0, WAIT_MS);
  }, 180_000);
}
