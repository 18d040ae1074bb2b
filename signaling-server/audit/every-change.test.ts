import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Hono } from 'hono';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { parseFederation, policyHash } from '../../shared/federation/index.ts';
import { nobleIdentity, type ParticipantId, toBase64Url } from '../../shared/identity/index.ts';
import { compileModel } from '../../shared/training/index.ts';
import { makeModel } from '../../shared/update/index.ts';
import { SYSTEM } from '../access/principal.ts';
import { attachFederations } from '../attachments.ts';
import { readConfig } from '../config.ts';
import { createSchema } from '../graphql/create-schema.ts';
import { requestStatement } from '../rights/signed-request.ts';
import { type RunningServer, type ServerContext, startServer } from '../server.ts';
import { openDatabase } from '../storage/database.ts';
import { alerts } from '../storage/schema.ts';
import { silentLog } from '../testing/silent-log.ts';
import type { AuditEntry } from './audit-log.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

/**
 * Every route of the running server that changes something, with an audit log that fails once: before the effect, and after it. A route that
 * is added fails here until it is named in {@link CALLS}.
 */
const OPERATOR_KEY = 'operator-key-of-every-change';
const HUB_TOKEN = 'hub-token';
const ALICE = 'A'.repeat(22) as ParticipantId;
const UNTIL_MS = Date.now() + 86_400_000;
const JSON_TYPE = 'application/json';

/**
 * In the database itself. Under a request id `lost-1-…` no entry can be written; under `lost-2-…` the second cannot, once: a sequence goes on where
 * a transaction does not.
 */
const FAULTS = `
  create sequence faults;
  create function fail_once() returns trigger language plpgsql as $$
  begin
    if new.request_id like 'lost-1-%' or (new.request_id like 'lost-2-%'
        and (select count(*) from audit_entries where request_id = new.request_id) = 1 and nextval('faults') % 2 = 1)
    then raise exception 'no room' using errcode = '53100';
    end if;
    return new;
  end $$;
  create trigger fail_once before insert on audit_entries for each row execute function fail_once();`;

interface Call {
  readonly path: string;
  readonly body?: unknown;
  readonly text?: string;
  readonly bearer?: string;
  /** What was signed once is not taken again. */
  readonly renewed?: () => Promise<Call>;
}

let folder: string;
let server: RunningServer;
let context: ServerContext;
let made = 0;
const fresh = (): string => `made-${made++}`;
const device = nobleIdentity(new Uint8Array(32).fill(3));

/** Those that take a 1 are of numbers: one weight and one bias. */
async function federationOf() {
  const federation = parseFederation({
    format: 'murmuration/federation',
    formatVersion: 1,
    id: fresh(),
    name: 'Sign',
    data: { kind: 'records', features: 1, target: { name: 'y', type: 'class', labels: ['0', '1'] } },
    model: { loss: 'sigmoidCrossEntropy', layers: [{ type: 'dense', units: 1 }] },
    evaluation: 'server',
  });
  await context.repository.putFederation(federation);
  const { id: run } = await context.repository.currentRun(federation);
  const model = makeModel(1, compileModel(federation).layout, Float32Array.of(1, 0));
  await context.repository.saveModel(run, model);
  await context.repository.saveRecord(run, {
    round: 1,
    term: 1,
    attempt: 0,
    coordinator: 'server',
    federationRevision: 1,
    baseHash: '0'.repeat(64),
    hash: model.hash,
    survivors: [],
    dropped: [],
    startedAtMs: 1,
    trainMs: 1,
    exchangeMs: 1,
    applyMs: 1,
    evaluation: null,
    secure: null,
  });
  return { federation, id: federation.id, run, hash: model.hash };
}

async function trainingOf(): Promise<string> {
  await context.trainings.service.resumeAll(SYSTEM);
  await context.trainings.service.undrain(SYSTEM);
  const { id } = await federationOf();
  const started = await context.trainings.service.start(SYSTEM, { federation: id });
  expect(started.status).toBe('RUNNING');
  return started.id;
}

const silence = () =>
  context.services.alerts.silence(SYSTEM, { kind: null, federation: null, untilMs: UNTIL_MS, reason: '' });
const webhook = { url: 'https://pager.example/in', kinds: [] };
const invitation = { label: 'a', maxUses: 3, expiresAtMs: UNTIL_MS };
const examples = '[{"features":[1],"label":"1"},{"features":[-1],"label":"0"}]';
const digits = () => made++ % 10;

/** A call that does something, made ready each time anew. */
const CALLS: Readonly<Record<string, () => Promise<Call>>> = {
  'POST /api/alerts/:id/acknowledge': async () => ({ path: `/api/alerts/alert-${digits()}/acknowledge` }),
  'POST /api/alerts/silences': async () => ({
    path: '/api/alerts/silences',
    body: { untilMs: UNTIL_MS, reason: 'upgrade' },
  }),
  'DELETE /api/alerts/silences/:id': async () => ({ path: `/api/alerts/silences/${(await silence()).id}` }),
  'POST /api/alerts/webhooks': async () => ({ path: '/api/alerts/webhooks', body: webhook }),
  'DELETE /api/alerts/webhooks/:id': async () => ({
    path: `/api/alerts/webhooks/${(await context.services.alerts.addWebhook(SYSTEM, webhook)).id}`,
  }),
  'POST /api/certificates': async () => ({
    path: '/api/certificates',
    body: { name: 'node', role: 'auditor', fingerprint: String(digits()).repeat(64) },
  }),
  'PUT /api/federations/:id/held-out': async () => ({
    path: `/api/federations/${(await federationOf()).id}/held-out`,
    text: examples,
  }),
  'DELETE /api/federations/:id/held-out': async () => {
    const path = `/api/federations/${(await federationOf()).id}/held-out`;
    expect((await send('PUT', { path, text: examples }, `before-${fresh()}`)).status).toBe(200);
    return { path };
  },
  'POST /api/federations/:id/invitations': async () => ({
    path: `/api/federations/${(await federationOf()).id}/invitations`,
    body: invitation,
  }),
  'DELETE /api/federations/:id/invitations/:invitation': async () => {
    const { id } = await federationOf();
    const { invitation: row } = await context.access.service.createInvitation(operator, id, invitation);
    return { path: `/api/federations/${id}/invitations/${row.id}` };
  },
  'DELETE /api/federations/:id/members/:participant': async () => {
    const { id } = await federationOf();
    const member = { federation: id, participant: ALICE, via: 'open', user: null, department: null };
    await context.access.repository.putMember(member, 1);
    return { path: `/api/federations/${id}/members/${ALICE}` };
  },
  'PATCH /api/federations/:id/settings': async () => ({
    path: `/api/federations/${(await federationOf()).id}/settings`,
    body: { control: 'managed' },
  }),
  'PUT /api/federations/:id/settings': async () => ({
    path: `/api/federations/${(await federationOf()).id}/settings`,
    body: { admission: 'members', control: 'open' },
  }),
  'POST /api/federations': async () => ({
    path: '/api/federations',
    body: { ...(await federationOf()).federation, id: fresh() },
  }),
  'POST /api/keys': async () => ({ path: '/api/keys', body: { name: 'a', role: 'auditor' } }),
  'DELETE /api/keys/:id': async () => {
    const { key } = await context.access.service.createKey(operator, { name: 'a', role: 'auditor' });
    return { path: `/api/keys/${key.id}` };
  },
  'POST /api/models/:id/query': async () => ({
    path: `/api/models/${(await federationOf()).id}/query`,
    body: { id: fresh(), mode: 'labels', rows: [[1], [-1]] },
  }),
  'POST /api/participants/:id/block': async () => ({ path: `/api/participants/${ALICE}/block` }),
  'POST /api/participants/:id/unblock': async () => {
    await context.gate.block(ALICE, '');
    return { path: `/api/participants/${ALICE}/unblock` };
  },
  'POST /api/participants/:id/release': async () => {
    await context.gate.unblock(ALICE);
    await context.repository.quarantine((await federationOf()).id, ALICE, 'unreliable', () => 86_400_000);
    return { path: `/api/participants/${ALICE}/release` };
  },
  'PUT /api/participants/:id/consents/:federation': async () => {
    const { federation } = await federationOf();
    const path = `/api/participants/${ALICE}/consents/${federation.id}`;
    return { path, body: { policy: policyHash(federation) }, bearer: HUB_TOKEN };
  },
  'DELETE /api/participants/:id/consents/:federation': async () => {
    const { federation, id } = await federationOf();
    await context.rights.consents.onConsent({
      federation: id,
      participant: ALICE,
      policy: policyHash(federation),
    });
    return { path: `/api/participants/${ALICE}/consents/${id}`, bearer: HUB_TOKEN };
  },
  'POST /api/rights/requests': async () => {
    const { federation, id } = await federationOf();
    const signed = async (atMs: number): Promise<Call> => {
      const policy = policyHash(federation);
      const request = { action: 'consent', participant: device.id, federation: id, policy, atMs } as const;
      const signature = toBase64Url(await device.sign(requestStatement(request)));
      return {
        path: '/api/rights/requests',
        body: { ...request, publicKey: toBase64Url(device.publicKey), signature },
      };
    };
    const nowMs = Date.now();
    return { ...(await signed(nowMs)), renewed: () => signed(nowMs + 1) };
  },
  'PUT /api/privacy/budgets/:kind/:id': async () => ({
    path: '/api/privacy/budgets/user/zoe',
    body: { epsilon: 2, delta: 1e-6 },
  }),
  'POST /api/runs/:run/versions/:version/promote': async () => {
    const { run, hash } = await federationOf();
    return { path: `/api/runs/${run}/versions/1/promote`, body: { hash } };
  },
  'POST /api/system/drain': async () => ({ path: '/api/system/drain' }),
  'DELETE /api/system/drain': async () => ({ path: '/api/system/drain' }),
  'POST /api/system/stop-all': async () => ({
    path: '/api/system/stop-all',
    body: { reason: 'a leak', confirm: 'stop all rounds' },
  }),
  'POST /api/system/resume': async () => ({ path: '/api/system/resume' }),
  'POST /api/training/start': async () => {
    await trainingOf();
    return { path: '/api/training/start', body: { federation: (await federationOf()).id } };
  },
  'POST /api/training/:id/pause': async () => ({ path: `/api/training/${await trainingOf()}/pause` }),
  'POST /api/training/:id/resume': async () => {
    const id = await trainingOf();
    await context.trainings.service.pause(SYSTEM, id);
    return { path: `/api/training/${id}/resume` };
  },
  'POST /api/training/:id/stop': async () => ({ path: `/api/training/${await trainingOf()}/stop` }),
  'PATCH /api/training/:id': async () => ({
    path: `/api/training/${await trainingOf()}`,
    body: { maxRounds: 7 },
  }),
};
/** Tested below, and why not above. */
const OTHERS: Readonly<Record<string, string>> = {
  'POST /api/runs/:run/rollback': 'takes a coordinator: without one it fails, and says so',
  'DELETE /api/participants/:id': 'goes on by itself: its entries are of its own',
  'DELETE /api/accounts/:account': 'as that of a participant',
  'POST /graphql': 'calls the same services: a mutation is one of the operations above',
};
const MUTATIONS: Readonly<Record<string, string>> = {
  acknowledgeAlert: 'POST /api/alerts/:id/acknowledge',
  configureTraining: 'PATCH /api/training/:id',
  pauseTraining: 'POST /api/training/:id/pause',
  promote: 'POST /api/runs/:run/versions/:version/promote',
  resumeTraining: 'POST /api/training/:id/resume',
  rollBack: 'POST /api/runs/:run/rollback',
  startFederatedTrainingJob: 'POST /api/training/start',
  stopTraining: 'POST /api/training/:id/stop',
};

const operator = {
  ...SYSTEM,
  principal: { ...SYSTEM.principal, name: 'operator-key', role: 'operator' },
} as typeof SYSTEM;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'murmuration-'));
  const config = readConfig({
    PORT: '0',
    DATA_DIR: join(folder, 'data'),
    WEB_ROOT: folder,
    OPERATOR_KEY,
    TRUST_PROXY: '1',
    WRITES_PER_MINUTE: '100000',
  });
  const database = await openDatabase({ dataDir: config.dataDir, databaseUrl: undefined, log: silentLog });
  await database.script(FAULTS, []);
  const alert = {
    kind: 'run-failed',
    severity: 'critical',
    federation: null,
    run: null,
    training: null,
  } as const;
  await database.run((db) =>
    db.insert(alerts).values(
      Array.from({ length: 10 }, (_, i) => ({
        ...alert,
        id: `alert-${i}`,
        fingerprint: `f${i}`,
        summary: 's',
        startedAtMs: 1,
        resolvedAtMs: Date.now(),
      })),
    ),
  );
  await database.close();
  server = await startServer(config, {
    log: silentLog,
    attach: [
      attachFederations,
      async (served) => {
        context = served;
        return { close: async () => undefined };
      },
    ],
  });
  context.access.useHub({
    authorize: (token) => (token === HUB_TOKEN ? { federation: 'made-0', participant: ALICE } : undefined),
    peers: () => [],
    expel: () => undefined,
  });
}, 120_000);
afterAll(async () => {
  await server?.close();
  await rm(folder, { recursive: true });
});

async function send(method: string, { path, body, text, bearer = OPERATOR_KEY }: Call, requestId: string) {
  const hasBody = method !== 'GET' && method !== 'DELETE';
  const response = await fetch(server.url + path, {
    method,
    headers: {
      authorization: `Bearer ${bearer}`,
      'x-request-id': requestId,
      ...(hasBody ? { 'content-type': JSON_TYPE } : {}),
    },
    ...(hasBody ? { body: text ?? JSON.stringify(body ?? {}) } : {}),
  });
  return { status: response.status, answer: await response.text() };
}

/** What stands in the log of one request, oldest first. */
async function entriesOf(requestId: string): Promise<AuditEntry[]> {
  const { items } = await context.services.audit.list({ limit: 1000 });
  return items.filter((entry) => entry.requestId === requestId).toReversed();
}
const outcomes = (entries: readonly AuditEntry[]) => entries.map(({ outcome }) => outcome);

function changingRoutes(): string[] {
  const found = (context.app as Hono).routes
    .filter(({ method, handler }) => 'permission' in handler && !['GET', 'ALL'].includes(method))
    .map(({ method, path }) => `${method} ${path}`);
  return [...new Set(found)].toSorted();
}

test('V-13: every route that can change something is named here, and every mutation', () => {
  expect(changingRoutes().length).toBeGreaterThan(30);
  expect([...Object.keys(CALLS), ...Object.keys(OTHERS)].toSorted()).toEqual(changingRoutes());
  expect(Object.keys(MUTATIONS).toSorted()).toEqual(
    Object.keys(createSchema().getMutationType()!.getFields()).toSorted(),
  );
  for (const route of Object.values(MUTATIONS)) expect(changingRoutes()).toContain(route);
});

test.each(Object.keys(CALLS))(
  'V-13: what cannot be written down is not done; asked again, it is there once: %s',
  async (route) => {
    const method = route.split(' ')[0]!;
    const call = await CALLS[route]!();
    const lost = `lost-1-${fresh()}`;
    const refused = await send(method, call, lost);
    expect([refused.status, JSON.parse(refused.answer).code]).toEqual([507, 'storage.full']);
    expect(await entriesOf(lost)).toEqual([]);

    const again = `again-1-${fresh()}`;
    const { status, answer } = await send(method, (await call.renewed?.()) ?? call, again);
    expect(status, answer).toBeLessThan(300);
    const [begun, done, ...more] = await entriesOf(again);
    expect(more).toEqual([]);
    // It had not been done: this is who did it.
    expect(outcomes([begun!, done!])).toEqual(['begun', 'done']);
    expect(done).toMatchObject({
      action: begun!.action,
      subject: begun!.subject,
      actor: begun!.actor,
      after: { intent: begun!.seq },
    });
  },
);

test.each(Object.keys(CALLS))(
  'V-13: what came of it is written down once that can be, and nobody is told that it failed: %s',
  async (route) => {
    const lost = `lost-2-${fresh()}`;
    const { status, answer } = await send(route.split(' ')[0]!, await CALLS[route]!(), lost);
    expect(status, answer).toBeLessThan(300);
    // Whatever is written next brings it along.
    await context.services.audit.checkpoint();
    const entries = await entriesOf(lost);
    expect(outcomes(entries)).toEqual(['begun', 'done']);
    expect(entries[1]!.after!.intent).toBe(entries[0]!.seq);
  },
);

test('V-13: what fails says so', async () => {
  const { run, hash } = await federationOf();
  const request = `fails-${fresh()}`;
  const { status } = await send(
    'POST',
    { path: `/api/runs/${run}/rollback`, body: { to: 1, hash } },
    request,
  );
  expect(status).toBe(409);
  const entries = await entriesOf(request);
  expect(entries).toMatchObject([
    { action: 'model.roll-back', outcome: 'begun', after: { version: 1 } },
    { action: 'model.roll-back', outcome: 'failed', code: 'http.conflict' },
  ]);
  expect(entries[1]!.after).toEqual({ intent: entries[0]!.seq });
});

test.each([
  [`participants/${device.id}`, 'rights.deletion-started', 'rights.deleted'],
  ['accounts/zoe', 'rights.account-deletion-started', 'rights.account-deleted'],
])(
  'V-13: a deletion that cannot be written down is not begun; asked again, it is there once: %s',
  async (what, begun, done) => {
    await context.repository.seeParticipant(device.id, device.publicKey);
    const call = { path: `/api/${what}` };
    expect((await send('DELETE', call, `lost-1-${fresh()}`)).status).toBe(507);
    expect((await send('DELETE', call, `again-1-${fresh()}`)).status).toBe(200);
    for (const action of [begun, done])
      expect((await context.services.audit.list({ action })).items).toHaveLength(1);
  },
);

test('V-13: with all that the log verifies, and leaves nothing open', async () => {
  expect(await context.services.audit.verify()).toMatchObject({ ok: true, unfinished: [] });
});
