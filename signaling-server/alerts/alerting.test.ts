import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { MurmurationError } from '../../shared/errors/index.ts';
import { type Caller, SYSTEM } from '../access/principal.ts';
import type { AuditEntry, AuditEvent } from '../audit/audit-log.ts';
import { recordChange } from '../audit/record-change.ts';
import { createEvents, type ServerEvent } from '../events.ts';
import { type Database, openDatabase } from '../storage/database.ts';
import { alerts, silences, webhooks } from '../storage/operator-schema.ts';
import { silentLog } from '../testing/silent-log.ts';
import { ALERT_KINDS, type Alert } from './alert.ts';
import { type AlertRepository, alertRepository } from './alert-repository.ts';
import { alertService } from './alert-service.ts';
import { startAlerting } from './alerting.ts';
import type { Sample } from './rules.ts';
import type { Delivery } from './webhook-delivery.ts';

let folder: string;
let database: Database;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'murmuration-'));
  database = await openDatabase({ dataDir: folder, databaseUrl: undefined, log: silentLog });
}, 120_000);
afterAll(async () => {
  await database?.close();
  await rm(folder, { recursive: true });
});
beforeEach(async () => {
  for (const table of [alerts, silences, webhooks]) await database.run((db) => db.delete(table));
});

const WELL: Sample = { atMs: 0, databaseUp: true, blobsUp: true, queueBacklog: 0, certificates: [] };
const ALICE = 'A'.repeat(22);

/** One replica's alerts over the shared database, which can be taken away from it. */
async function replica(events = createEvents(silentLog)) {
  let isAway = false;
  let isRefusing = false;
  let now = Date.now();
  const real = alertRepository(database);
  const repository = new Proxy(real, {
    get(target, name: keyof AlertRepository) {
      const method = target[name] as (...parameters: unknown[]) => Promise<unknown>;
      return async (...parameters: unknown[]) => {
        if (isAway) throw new MurmurationError('storage.unavailable', 'There is no access to the database.');
        return method.apply(target, parameters);
      };
    },
  });
  const heard: Alert[] = [];
  events.subscribe((event) => event.type === 'alert' && heard.push(event.alert));
  const deliveries: Delivery[] = [];
  const entries: AuditEvent[] = [];
  const pseudonyms: string[] = [];
  const audit = {
    async pseudonymOf(participant: string) {
      if (isAway) throw new MurmurationError('storage.unavailable', 'There is no access to the database.');
      pseudonyms.push(participant);
      return 'somebody';
    },
    async append(_caller: Caller, event: AuditEvent) {
      if (isRefusing)
        throw new MurmurationError('argument.invalid', 'This does not belong into the audit log.');
      if (event.outcome !== 'begun') entries.push(event);
      return event as AuditEntry;
    },
  };
  const record = recordChange(audit.append, audit.append);
  const nowMs = () => ++now;
  const alerting = await startAlerting({
    repository,
    events,
    audit,
    deliveries: { send: async (delivery) => void deliveries.push(delivery) },
    log: silentLog,
    nowMs,
  });
  const service = alertService({ repository, alerting, audit: { record }, allowPrivateWebhooks: false });
  return {
    events,
    heard,
    deliveries,
    entries,
    pseudonyms,
    service,
    alerting,
    refuseEntries: () => {
      isRefusing = true;
    },
    leave: (away: boolean) => {
      isAway = away;
    },
    async see(...seen: ServerEvent[]) {
      for (const event of seen) events.emit(event);
      await alerting.settled();
    },
    async tick(changes: Partial<Sample> = {}) {
      alerting.tick({ ...WELL, ...changes });
      await alerting.settled();
    },
    firing: async () =>
      (await service.list(SYSTEM, { state: 'firing' })).items.map(({ fingerprint }) => fingerprint),
  };
}

const round = (number: number, survivors: number): ServerEvent => ({
  type: 'round-committed',
  federation: 'f',
  run: 'run',
  training: undefined,
  round: number,
  durationMs: 1000,
  invited: 10,
  survivors,
  bytes: 1,
  hash: 'h',
  atMs: 0,
});
const budgetOf = (kind: 'participant' | 'department' | 'user', subject: string): ServerEvent => ({
  type: 'budget',
  kind,
  subject,
  share: 0.9,
  epsilon: 9,
  limit: 10,
});

describe('alerts of one server', () => {
  test('one while it lasts, told once; the same again after it was over', async () => {
    const { see, heard, firing } = await replica();
    await see(round(1, 5), round(2, 5));
    expect(await firing()).toEqual(['drop-out/f']);
    await see(round(3, 10), round(4, 10), round(5, 10));
    expect(await firing()).toEqual([]);
    await see(round(6, 0));
    expect(heard.map(({ resolvedAtMs }) => resolvedAtMs === null)).toEqual([true, false, true]);
    expect(new Set(heard.map(({ id }) => id)).size).toBe(2);
  });

  test('a restart neither repeats nor loses it', async () => {
    const before = await replica();
    await before.see(round(1, 5));
    await before.alerting.close();
    const after = await replica();
    await after.see(round(2, 5));
    expect([await after.firing(), after.heard]).toEqual([['drop-out/f'], []]);
    await after.see(...[3, 4, 5, 6].map((number) => round(number, 10)));
    expect(await after.firing()).toEqual([]);
    expect(after.heard).toHaveLength(1);
  });

  test('participants are named as the audit names them, departments by name', async () => {
    const { see, firing, pseudonyms } = await replica();
    await see(budgetOf('participant', ALICE), budgetOf('department', 'ward'));
    // As whoever asks a model by its token of the hub is charged: the same person, whose key is found when it is deleted.
    await see(budgetOf('user', `participant:${ALICE}`));
    expect((await firing()).sort()).toEqual([
      'budget-near/department/ward',
      'budget-near/participant/somebody',
      'budget-near/user/somebody',
    ]);
    expect(pseudonyms).toEqual([ALICE, ALICE]);
  });

  test('while the database is away it is told from memory, and written once it is back, in order', async () => {
    const { leave, see, tick, service, firing, heard } = await replica();
    leave(true);
    await see(round(1, 5), budgetOf('participant', ALICE));
    await tick({ databaseUp: false });
    expect(await firing()).toEqual(['storage/database', 'drop-out/f']);
    await expect(service.list(SYSTEM, { state: 'resolved' })).rejects.toMatchObject({
      code: 'storage.unavailable',
    });
    leave(false);
    await tick();
    await tick();
    expect((await firing()).sort()).toEqual(['budget-near/participant/somebody', 'drop-out/f']);
    const over = (await service.list(SYSTEM, { state: 'resolved' })).items;
    expect(over.map(({ fingerprint }) => fingerprint)).toEqual(['storage/database']);
    expect(heard.filter(({ fingerprint }) => fingerprint === 'storage/database')).toHaveLength(2);
  });
});

test('two replicas that hear the same do not double it, and either may find that it is over', async () => {
  const bus = createEvents(silentLog);
  const [one, two] = [await replica(bus), await replica(bus)];
  bus.emit(round(1, 5));
  await Promise.all([one.alerting.settled(), two.alerting.settled()]);
  expect(await two.firing()).toEqual(['drop-out/f']);
  expect(one.heard).toHaveLength(1);
  await one.alerting.close();
  for (const number of [2, 3, 4, 5]) bus.emit(round(number, 10));
  await two.alerting.settled();
  expect(await two.firing()).toEqual([]);
  expect(two.heard).toHaveLength(2);
});

describe('what callers may do', () => {
  const bound: Caller = { ...SYSTEM, principal: { ...SYSTEM.principal, name: 'key:g', federation: 'g' } };
  const key: Caller = { ...SYSTEM, principal: { ...SYSTEM.principal, name: 'key:1' } };

  test('acknowledging is kept, shown and audited', async () => {
    const { see, service, entries } = await replica();
    await see(round(1, 5));
    const [alert] = (await service.list(key, {})).items;
    expect(await service.acknowledge(key, alert!.id)).toMatchObject({ acknowledgedBy: 'key:1' });
    expect(entries).toMatchObject([{ action: 'alert.acknowledge', subject: `alert:${alert!.id}` }]);
    await expect(service.acknowledge(key, 'none')).rejects.toMatchObject({ code: 'http.not-found' });
  });

  test('a silence covers what it names: no webhook hears of it, the list says until when', async () => {
    const { see, service, deliveries, entries } = await replica();
    await service.addWebhook(key, { url: 'https://pager.example/in', kinds: [] });
    const untilMs = Date.now() + 3600_000;
    const silence = await service.silence(key, {
      kind: 'drop-out',
      federation: 'f',
      untilMs,
      reason: 'upgrade',
    });
    await see(round(1, 5), budgetOf('department', 'ward'));
    expect(deliveries.map(({ alert }) => alert.kind)).toEqual(['budget-near']);
    expect((await service.list(key, { kind: 'drop-out' })).items[0]).toMatchObject({
      silencedUntilMs: untilMs,
    });
    await service.endSilence(key, silence.id);
    expect((await service.list(key, { kind: 'drop-out' })).items[0]).toMatchObject({ silencedUntilMs: null });
    expect(entries.map(({ action }) => action)).toEqual([
      'alert.webhook-added',
      'alert.silence',
      'alert.silence-ended',
    ]);
    await expect(service.endSilence(key, silence.id)).rejects.toMatchObject({ code: 'http.not-found' });
  });

  test('webhooks hear of the kinds they name, each change once; their secret is told once, and never audited', async () => {
    const { see, service, deliveries, entries } = await replica();
    const added = await service.addWebhook(key, {
      url: 'https://pager.example/in/s3cr3t',
      kinds: ['drop-out'],
    });
    await see(
      round(1, 5),
      budgetOf('department', 'ward'),
      ...[2, 3, 4, 5].map((number) => round(number, 10)),
    );
    expect(deliveries.map(({ webhook, state }) => [webhook, state])).toEqual([
      [added.id, 'firing'],
      [added.id, 'resolved'],
    ]);
    expect(new Set(deliveries.map(({ id }) => id)).size).toBe(2);
    expect(await service.listWebhooks(key)).toEqual([
      { id: added.id, url: added.url, kinds: added.kinds, createdAtMs: added.createdAtMs },
    ]);
    expect(JSON.stringify(entries)).not.toMatch(new RegExp(`${added.secret}|s3cr3t`));
    await service.removeWebhook(key, added.id);
    await expect(service.removeWebhook(key, added.id)).rejects.toMatchObject({ code: 'http.not-found' });
  });

  test('one that is bound to a federation meets no other', async () => {
    const { see, tick, service } = await replica();
    await see(round(1, 5));
    await tick({ blobsUp: false });
    const [ofF] = (await service.list(key, { federation: 'f' })).items;
    expect((await service.list(bound, {})).items).toEqual([]);
    await expect(service.list(bound, { federation: 'f' })).rejects.toMatchObject({ code: 'http.forbidden' });
    await expect(service.acknowledge(bound, ofF!.id)).rejects.toMatchObject({ code: 'http.not-found' });
    const silence = { kind: null, untilMs: Date.now() + 1000_000, reason: '' };
    await expect(service.silence(bound, { ...silence, federation: null })).rejects.toMatchObject({
      code: 'http.forbidden',
    });
    const everywhere = await service.silence(key, { ...silence, federation: null });
    await expect(service.endSilence(bound, everywhere.id)).rejects.toMatchObject({ code: 'http.not-found' });
    await expect(service.listWebhooks(bound)).rejects.toMatchObject({ code: 'http.forbidden' });
  });

  test('a scope without a role that reaches all acknowledges nothing', async () => {
    const { see, service, entries } = await replica();
    await see(round(1, 5));
    const [alert] = (await service.list(key, {})).items;
    const token: Caller = {
      ...SYSTEM,
      principal: { ...SYSTEM.principal, kind: 'token', role: undefined, scopes: new Set(['alert:write']) },
    };
    await expect(service.acknowledge(token, alert!.id)).rejects.toMatchObject({ code: 'http.not-found' });
    expect(entries).toEqual([]);
  });

  test('an address that the audit does not take is not sent to', async () => {
    const { service, refuseEntries } = await replica();
    refuseEntries();
    await expect(
      service.addWebhook(key, { url: 'https://pager.example/in', kinds: [] }),
    ).rejects.toMatchObject({ code: 'argument.invalid' });
    expect(await service.listWebhooks(key)).toEqual([]);
  });

  test('pages', async () => {
    const { see, service } = await replica();
    await see(...['a', 'b', 'c'].map((subject) => budgetOf('department', subject)));
    const first = await service.list(key, { limit: 2 });
    const second = await service.list(key, { limit: 2, after: first.next! });
    expect([...first.items, ...second.items].map(({ fingerprint }) => fingerprint.at(-1)).sort()).toEqual([
      'a',
      'b',
      'c',
    ]);
    expect(second.next).toBeNull();
  });

  test.each<[string, (service: Awaited<ReturnType<typeof replica>>['service']) => Promise<unknown>]>([
    ['a limit', (service) => service.list(key, { limit: 0 })],
    ['a limit too large', (service) => service.list(key, { limit: 201 })],
    ['a place', (service) => service.list(key, { after: "1'; drop table alerts" })],
    ['an end that is past', (service) => service.silence(key, { ...WRONG, untilMs: 1 })],
    [
      'an end that never comes',
      (service) => service.silence(key, { ...WRONG, untilMs: Number.MAX_SAFE_INTEGER }),
    ],
    ['a long reason', (service) => service.silence(key, { ...WRONG, reason: 'x'.repeat(501) })],
    ['a kind', (service) => service.silence(key, { ...WRONG, kind: 'weather' as 'anomaly' })],
    [
      'an address of this network',
      (service) => service.addWebhook(key, { url: 'http://10.0.0.1/', kinds: [] }),
    ],
    [
      'a kind of a webhook',
      (service) => service.addWebhook(key, { url: 'https://a.example', kinds: ['x' as 'anomaly'] }),
    ],
  ])('%s that is wrong is refused by name', async (_, call) => {
    const { service } = await replica();
    await expect(call(service)).rejects.toMatchObject({ code: 'argument.invalid' });
  });
});

const WRONG = { kind: ALERT_KINDS[0], federation: null, untilMs: Date.now() + 3600_000, reason: '' };
