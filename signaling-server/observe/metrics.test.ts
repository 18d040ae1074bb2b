import { Hono } from 'hono';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Sample } from '../alerts/rules.ts';
import type { ServerEvent } from '../events.ts';
import type { Training } from '../jobs/training.ts';
import { httpMetrics, metricsHandler } from './http-metrics.ts';
import { createMetrics, type Metrics } from './metrics.ts';

let metrics: Metrics;
beforeEach(() => {
  metrics = createMetrics({ backlogThreshold: 7 });
});
afterEach(() => metrics.close());

const WELL: Sample = { atMs: 0, databaseUp: true, blobsUp: true, queueBacklog: 3, certificates: [] };

/** The lines of one metric, without its help. */
async function lines(name: string): Promise<string[]> {
  const all = (await metrics.text()).split('\n');
  return all.filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
}

const round = (changes: Partial<Extract<ServerEvent, { type: 'round-committed' }>> = {}): ServerEvent => ({
  type: 'round-committed',
  federation: 'f',
  run: 'run',
  training: undefined,
  round: 1,
  durationMs: 1500,
  invited: 10,
  survivors: 7,
  bytes: 400,
  hash: 'h',
  atMs: 0,
  ...changes,
});
const metric = (name: string, value: number, number: number): ServerEvent => ({
  type: 'metric',
  federation: 'f',
  run: 'run',
  training: undefined,
  round: number,
  name,
  value,
  heldOut: null,
  atMs: 0,
});
const training = (id: string, status: Training['status'], createdAtMs: number): ServerEvent => ({
  type: 'training',
  training: { id, status, createdAtMs, federation: 'f' } as Training,
});
const budget = (
  kind: 'participant' | 'user' | 'department' | 'federation',
  subject: string,
  share: number,
): ServerEvent => ({ type: 'budget', kind, subject, share, epsilon: 2 * share, limit: 2 });

describe('what happens is counted', () => {
  test('rounds, by how they ended', async () => {
    metrics.note(round());
    metrics.note(round({ round: 2, durationMs: 3000 }));
    metrics.note({
      type: 'round-abandoned',
      federation: 'f',
      run: 'run',
      round: 3,
      attempt: 0,
      code: 'round.deadline',
      atMs: 0,
    });
    expect(await lines('fl_rounds_total')).toEqual([
      'fl_rounds_total{federation="f",outcome="committed"} 2',
      'fl_rounds_total{federation="f",outcome="abandoned"} 1',
    ]);
    expect(await lines('fl_round_duration_seconds_sum')).toEqual([
      'fl_round_duration_seconds_sum{federation="f"} 4.5',
    ]);
    expect(await lines('fl_round_duration_seconds_bucket')).toContain(
      'fl_round_duration_seconds_bucket{le="2",federation="f"} 1',
    );
    expect(await lines('murmuration_update_bytes_total')).toEqual([
      'murmuration_update_bytes_total{federation="f"} 800',
    ]);
    // 20 invited, 14 left.
    expect(Number((await lines('fl_dropout_rate'))[0]!.split(' ')[1])).toBeCloseTo(0.3, 12);
  });

  test('accuracy, its best of late, and loss', async () => {
    for (const [number, value] of [0.5, 0.9, 0.7].entries()) metrics.note(metric('accuracy', value, number));
    metrics.note(metric('loss', 0.25, 3));
    expect(await lines('fl_global_accuracy')).toEqual(['fl_global_accuracy{federation="f"} 0.7']);
    expect(await lines('fl_global_accuracy_best')).toEqual(['fl_global_accuracy_best{federation="f"} 0.9']);
    expect(await lines('fl_global_loss')).toEqual(['fl_global_loss{federation="f"} 0.25']);
  });

  test('of a federation the newest training counts, whatever is told of older ones', async () => {
    metrics.note(training('a', 'FAILED', 1));
    expect(await lines('fl_training_failed')).toEqual(['fl_training_failed{federation="f"} 1']);
    metrics.note(training('b', 'RUNNING', 2));
    metrics.note(training('a', 'FAILED', 1));
    expect(await lines('fl_training_failed')).toEqual(['fl_training_failed{federation="f"} 0']);
    expect(await lines('fl_trainings')).toEqual(['fl_trainings{status="RUNNING"} 1']);
  });

  test('who is out, by cause; nobody by name', async () => {
    const standing = { type: 'participant-standing', federation: 'f' } as const;
    const ids = ['A', 'B', 'C'].map((letter) => letter.repeat(22)) as never[];
    metrics.note({ ...standing, participant: ids[0]!, state: 'quarantined', cause: 'anomalous' });
    metrics.note({ ...standing, participant: ids[1]!, state: 'quarantined', cause: 'unreliable' });
    metrics.note({ ...standing, participant: ids[2]!, state: 'quarantined', cause: 'unreliable' });
    metrics.note({ ...standing, participant: ids[2]!, state: 'clear', cause: '' });
    expect(await lines('fl_participants_out')).toEqual([
      'fl_participants_out{federation="f",cause="anomalous"} 1',
      'fl_participants_out{federation="f",cause="unreliable"} 1',
      'fl_participants_out{federation="f",cause="blocked"} 0',
    ]);
    expect(await metrics.text()).not.toMatch(/AAAA|BBBB|CCCC/);
  });

  test('what was before this process shows in gauges and is not counted', async () => {
    metrics.recall(round());
    metrics.recall(metric('accuracy', 0.5, 1));
    expect(await lines('fl_rounds_total')).toEqual([]);
    expect(await lines('fl_global_accuracy')).toHaveLength(1);
  });
});

describe('budgets', () => {
  test('of federations and departments by name; of persons only the highest share', async () => {
    metrics.note(budget('federation', 'f', 0.5));
    metrics.note(budget('department', 'ward', 1.5));
    metrics.note(budget('participant', 'alice-id', 0.2));
    metrics.note(budget('participant', 'bob-id', 0.25));
    metrics.note(budget('user', 'https://id#carol', 0.75));
    expect(await lines('privacy_budget_remaining')).toEqual([
      'privacy_budget_remaining{kind="federation",subject="f"} 0.5',
      'privacy_budget_remaining{kind="department",subject="ward"} 0',
      'privacy_budget_remaining{kind="participant",subject="*"} 0.75',
      'privacy_budget_remaining{kind="user",subject="*"} 0.25',
    ]);
    expect(await lines('privacy_budget_epsilon')).toContain(
      'privacy_budget_epsilon{kind="department",subject="ward"} 3',
    );
    expect(await metrics.text()).not.toMatch(/alice|bob|carol/);
    metrics.note(budget('participant', 'bob-id', 0.1));
    expect(await lines('privacy_budget_spent')).toContain(
      'privacy_budget_spent{kind="participant",subject="*"} 0.2',
    );
  });

  test('an epsilon without bound is shown as such', async () => {
    metrics.note(budget('federation', 'f', Infinity));
    metrics.note(budget('department', 'd', null as unknown as number));
    expect(await lines('privacy_budget_spent')).toEqual([
      'privacy_budget_spent{kind="federation",subject="f"} +Inf',
      'privacy_budget_spent{kind="department",subject="d"} +Inf',
    ]);
  });
});

test('what is measured', async () => {
  const certificates = [
    { name: 'server', expiresAtMs: 90_000 },
    { name: 'key:a', expiresAtMs: 50_000 },
    { name: 'key:b', expiresAtMs: 70_000 },
  ];
  metrics.noteSample({ ...WELL, blobsUp: false, certificates }, new Map([['siem', 4]]));
  metrics.read({
    connections: () => 5,
    bytes: () => ({ relay: 10, server: 20 }),
    alerts: () => [
      { kind: 'storage', severity: 'critical' },
      { kind: 'storage', severity: 'critical' },
    ],
  });
  const text = await metrics.text();
  for (const line of [
    'murmuration_database_up 1',
    'murmuration_blob_store_up 0',
    'federated_queue_backlog 3',
    'federated_queue_backlog_threshold 7',
    'murmuration_certificate_expiry_seconds{certificate="server"} 90',
    'murmuration_certificate_expiry_seconds{certificate="clients"} 50',
    'murmuration_audit_feed_lag_entries{feed="siem"} 4',
    'murmuration_hub_connections 5',
    'fl_bytes_total{path="relay"} 10',
    'fl_bytes_total{path="server"} 20',
    'murmuration_alerts_firing{kind="storage",severity="critical"} 2',
  ])
    expect(text.split('\n')).toContain(line);
  expect(text).toMatch(/^nodejs_eventloop_lag_p99_seconds /m);
});

describe('labels that others choose are bounded', () => {
  test('federations: the rest is counted as one, and has no gauges', async () => {
    for (let i = 0; i < 500; i++) {
      metrics.note(round({ federation: `f${i}` }));
      metrics.note({ type: 'participants', federation: `f${i}`, active: 1 });
    }
    const counted = await lines('fl_rounds_total');
    expect(counted).toHaveLength(201);
    expect(counted).toContain('fl_rounds_total{federation="other",outcome="committed"} 300');
    expect(await lines('fl_active_clients')).toHaveLength(200);
  });

  test('codes: what is no code of ours is other', async () => {
    for (let i = 0; i < 200; i++)
      metrics.note({
        type: 'refused',
        code: `made.up-${'abcdefghijklmnopqrstuvwxyz'[i % 26]}${'abcdefgh'[Math.floor(i / 26)]}`,
        federation: undefined,
      });
    metrics.note({ type: 'refused', code: 'x"} 1\nforged 1', federation: undefined });
    const counted = await lines('fl_refused_messages_total');
    expect(counted).toHaveLength(65);
    expect(counted).toContain('fl_refused_messages_total{code="other"} 137');
    expect(await metrics.text()).not.toContain('forged');
  });

  test('departments: those that spent most', async () => {
    for (let i = 0; i < 80; i++) metrics.note(budget('department', `d${i}`, i / 100));
    const shown = await lines('privacy_budget_spent');
    expect(shown).toHaveLength(50);
    expect(shown[0]).toBe('privacy_budget_spent{kind="department",subject="d79"} 0.79');
  });

  test('routes by their template, also of what is not there and of methods that are made up', async () => {
    const app = new Hono();
    app.use(httpMetrics(metrics));
    app.get('/api/federations/:id', (c) => c.text('yes'));
    app.get('/api/broken', (c) => c.text('broken', 500));
    app.get('/api/gone/:id', (c) => c.notFound());
    app.get('/metrics', metricsHandler(metrics));
    app.get('*', (c) => c.notFound());
    for (let i = 0; i < 20; i++) {
      await app.request(`/api/federations/${i}`);
      await app.request(`/made/up/${i}`);
      await app.request('/api/federations/1', { method: `X${i}` });
    }
    await app.request('/api/broken');
    await app.request('/api/gone/1');
    const answered = await app.request('/metrics');
    expect(answered.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    const counted = (await answered.text())
      .split('\n')
      .filter((line) => line.startsWith('http_requests_total'));
    expect(counted.sort()).toEqual([
      'http_requests_total{method="GET",route="/api/broken",status="500"} 1',
      'http_requests_total{method="GET",route="/api/federations/:id",status="200"} 20',
      'http_requests_total{method="GET",route="/api/gone/:id",status="404"} 1',
      'http_requests_total{method="GET",route="none",status="404"} 20',
      'http_requests_total{method="other",route="none",status="404"} 20',
    ]);
  });
});
