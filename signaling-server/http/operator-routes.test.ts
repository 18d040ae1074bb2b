import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { parseFederation } from '../../shared/federation/index.ts';
import type { ParticipantId } from '../../shared/identity/index.ts';
import { readConfig } from '../config.ts';
import type { Outcome } from '../reliability/attendance.ts';
import { type RunningServer, startServer } from '../server.ts';
import { silentLog } from '../testing/silent-log.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });

const KEY = 'the-key-of-the-operator';
const [ALICE, BOB, CAROL] = ['A', 'B', 'C'].map((letter) => letter.repeat(22) as ParticipantId) as [
  ParticipantId,
  ParticipantId,
  ParticipantId,
];

const table = parseFederation({
  format: 'murmuration/federation',
  formatVersion: 1,
  id: 'table',
  name: 'Table',
  data: {
    kind: 'tabular',
    columns: [{ name: 'x', type: 'number' }],
    target: { name: 'y', type: 'class', labels: ['no', 'yes'] },
  },
  model: { layers: [{ type: 'dense', units: 2 }], loss: 'softmaxCrossEntropy' },
  cohort: { groupSize: 4, maxParticipants: 8 },
});
/** Of one group. */
const pictures = parseFederation({
  ...table,
  id: 'pictures',
  cohort: {},
  data: { kind: 'image', width: 2, height: 1, channels: 1, labels: ['0', '1'] },
  model: { layers: [{ type: 'flatten' }, { type: 'dense', units: 2 }], loss: 'softmaxCrossEntropy' },
});

let folder: string;
let server: RunningServer;
let run: string;
const open = (operatorKey: string) =>
  startServer(
    readConfig({
      PORT: '0',
      DATA_DIR: join(folder, 'data'),
      WEB_ROOT: folder,
      OPERATOR_KEY: operatorKey,
      WRITES_PER_MINUTE: '10000',
    }),
    { log: silentLog },
  );
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'murmuration-'));
  server = await open(KEY);
  for (const federation of [table, pictures]) await server.repository.putFederation(federation);
  run = (await server.repository.currentRun(table)).id;
});
afterAll(async () => {
  await server?.close();
  await rm(folder, { recursive: true });
});

const authorization = `Bearer ${KEY}`;
const send = (method: string, path: string, init: RequestInit = {}) =>
  fetch(server.url + path, { method, ...init, headers: { authorization, ...init.headers } });
// biome-ignore lint/suspicious/noExplicitAny: what came is what the test is about
const bodyOf = async (response: Response): Promise<any> => response.json();
const putTable = (body: string, type = 'text/csv') =>
  send('PUT', '/api/federations/table/held-out', { body, headers: { 'content-type': type } });

/** An IDX file of unsigned bytes. */
function idx(shape: number[], ...data: number[]): File {
  const header = Buffer.alloc(4 + 4 * shape.length);
  header[2] = 8;
  header[3] = shape.length;
  shape.forEach((size, i) => void header.writeUInt32BE(size, 4 + 4 * i));
  return new File([Buffer.concat([header, Buffer.from(data)])], 'idx');
}
function formOf(parts: Readonly<Record<string, File | string>>): FormData {
  const form = new FormData();
  for (const [name, part] of Object.entries(parts)) form.set(name, part);
  return form;
}

describe('only the operator gives orders', () => {
  const orders = [
    ['GET', '/api/federations/table/held-out'],
    ['PUT', '/api/federations/table/held-out'],
    ['DELETE', '/api/federations/table/held-out'],
    ['POST', `/api/participants/${ALICE}/block`],
    ['POST', `/api/participants/${ALICE}/unblock`],
    ['POST', `/api/participants/${ALICE}/release`],
  ] as const;

  test.each(orders)('%s %s', async (method, path) => {
    for (const shown of ['', 'Bearer ', 'Bearer wrong', `Basic ${KEY}`, `Bearer ${KEY}x`]) {
      const response = await send(method, path, { headers: { authorization: shown } });
      expect(response.headers.get('content-type')).toBe('application/problem+json');
      expect(response.headers.get('www-authenticate')).toMatch(/^Bearer/);
      const body = await response.text();
      expect([response.status, JSON.parse(body).code]).toEqual([401, 'http.unauthorized']);
      expect(body).not.toContain(KEY);
    }
    expect(await server.gate.blockOf(ALICE)).toBeUndefined();
  });

  test('and without a key there is none', async () => {
    const folder2 = await mkdtemp(join(tmpdir(), 'murmuration-'));
    const closed = await startServer(readConfig({ PORT: '0', DATA_DIR: folder2, WEB_ROOT: folder2 }), {
      log: silentLog,
    });
    try {
      for (const [method, path] of orders)
        for (const shown of ['Bearer undefined', 'Bearer ', authorization]) {
          const response = await fetch(closed.url + path, { method, headers: { authorization: shown } });
          expect([response.status, (await bodyOf(response)).code]).toEqual([401, 'http.unauthorized']);
        }
    } finally {
      await closed.close();
      await rm(folder2, { recursive: true });
    }
  });
});

describe('a held-out set', () => {
  test('is supplied, replaced and taken away', async () => {
    expect(await bodyOf(await send('GET', '/api/federations/table/held-out'))).toEqual({
      source: 'none',
      format: null,
    });
    const first = await putTable('x,y\n1,yes\n2,no\n3,yes\n');
    expect([first.status, await bodyOf(first)]).toEqual([
      200,
      { federation: 'table', format: 'csv', examples: 3, classes: { no: 1, yes: 2 } },
    ]);
    expect((await bodyOf(await putTable('x;y\n1;yes\n'))).examples).toBe(1);
    expect(await bodyOf(await send('GET', '/api/federations/table/held-out'))).toEqual({
      source: 'file',
      format: 'csv',
    });
    expect((await send('DELETE', '/api/federations/table/held-out')).status).toBe(204);
    expect((await send('DELETE', '/api/federations/table/held-out')).status).toBe(404);
  });

  test('with bad rows is refused by row and column, and not repeated', async () => {
    const response = await putTable('x,y\n1,yes\nsecret,no\n3,perhaps\n');
    const body = await response.text();
    expect(response.status).toBe(400);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    expect(JSON.parse(body)).toMatchObject({
      code: 'data.invalid-value',
      path: 'row 2, column "x"',
      expected: 'a number',
      detail: expect.stringContaining('2 problems in 2 rows; the next in row 3'),
    });
    expect(body).not.toMatch(/secret|perhaps/);
  });

  test.each([
    ['x,y\n1,yes\n', 'application/json', 'http.bad-request', 'content-type'],
    ['x,y\n1,yes\n', 'image/png', 'http.bad-request', 'content-type'],
    ['', 'text/csv', 'data.empty', undefined],
    ['a,b\n1,yes\n', 'text/csv', 'data.missing-column', undefined],
  ])('%j as %s is refused', async (body, type, code, path) => {
    const response = await putTable(body, type);
    expect([response.status, await bodyOf(response)]).toMatchObject([
      400,
      { code, ...(path === undefined ? {} : { path }) },
    ]);
  });

  test('that is too large, or of an unknown federation', async () => {
    const large = await putTable(`x,y\n${'1,yes\n'.repeat(11_500_000)}`);
    expect([large.status, (await bodyOf(large)).code]).toEqual([413, 'http.too-large']);
    const nowhere = await send('PUT', '/api/federations/nowhere/held-out', { body: 'x' });
    expect([nowhere.status, (await bodyOf(nowhere)).code]).toEqual([404, 'federation.unknown']);
  });

  describe('of images', () => {
    const putImages = (parts: Readonly<Record<string, File | string>>) =>
      send('PUT', '/api/federations/pictures/held-out', { body: formOf(parts) });
    const images = idx([2, 1, 2], 0, 255, 255, 0);

    test('is a pair of IDX files', async () => {
      const response = await putImages({ images, labels: idx([2], 1, 0) });
      expect([response.status, await bodyOf(response)]).toEqual([
        200,
        { federation: 'pictures', format: 'images', examples: 2, classes: { 0: 1, 1: 1 } },
      ]);
    });

    test.each([
      ['without labels', { images }, 'http.bad-request', 'labels'],
      ['with text for labels', { images, labels: '1,0' }, 'http.bad-request', 'labels'],
      ['with too few labels', { images, labels: idx([1], 1) }, 'data.wrong-shape', 'labels'],
      ['of another shape', { images: idx([2], 1, 0), labels: idx([2], 1, 0) }, 'data.wrong-shape', 'images'],
      ['of another size', { images: idx([1, 1, 1], 0), labels: idx([1], 0) }, 'data.wrong-shape', undefined],
      ['cut short', { images: idx([9, 1, 2], 0), labels: idx([2], 1, 0) }, 'data.unreadable', undefined],
      ['with an unknown label', { images, labels: idx([2], 1, 7) }, 'data.unknown-label', 'image 2'],
    ])('%s is refused', async (_, parts, code, path) => {
      const response = await putImages(parts);
      expect([response.status, await bodyOf(response)]).toMatchObject([
        400,
        { code, ...(path === undefined ? {} : { path }) },
      ]);
    });
  });
});

describe('reliability', () => {
  let round = 0;
  const note = (outcomes: Readonly<Record<string, Outcome>>) =>
    server.repository.noteAttempt('table', run, {
      attempt: { term: 1, round: ++round, attempt: 0 },
      participants: Object.entries(outcomes).map(([id, outcome]) => ({
        participant: id as ParticipantId,
        outcome,
        code: outcome === 'refused' ? 'privacy.budget-exceeded' : undefined,
        trained: outcome === 'survived',
        uploaded: outcome === 'survived',
        trainMs: outcome === 'survived' ? 200 : undefined,
      })),
    });
  const board = async () => bodyOf(await fetch(`${server.url}/api/runs/${run}/reliability`));

  test('is public by the ids that history shows, most contribution first', async () => {
    await note({ [ALICE]: 'survived', [BOB]: 'survived', [CAROL]: 'refused' });
    await note({ [ALICE]: 'missed-deadline', [BOB]: 'survived' });
    const told = new Map([[CAROL, { contribution: 0.5, suspicion: 0.25, rounds: 1 }]]);
    await server.repository.saveReputations('table', run, { term: 1, round: 1, attempt: 0 }, told);
    const { federation, participants } = await board();
    expect(federation).toBe('table');
    expect(participants.map(({ participant }: { participant: string }) => participant)).toEqual([
      CAROL,
      BOB,
      ALICE,
    ]);
    expect(participants[0]).toEqual({
      participant: CAROL,
      invitations: 1,
      trained: 0,
      uploaded: 0,
      survived: 0,
      missedDeadlines: 0,
      dropOuts: 0,
      rejections: 0,
      refusals: { 'privacy.budget-exceeded': 1 },
      meanTrainMs: null,
      reputation: 0.5,
      contribution: 0.5,
      anomaly: 0.25,
      standing: null,
    });
    expect(participants[1]).toMatchObject({ survived: 2, meanTrainMs: 200, contribution: null });
    // s = f = 1, but for what was forgotten: (0.98 + 1) / (0.98 + 1 + 2).
    expect(participants[2].reputation).toBeCloseTo(1.98 / 3.98, 12);
  });

  test('Q-08: scores of single updates are not public', async () => {
    const { id } = await server.repository.currentRun(pictures);
    const attempt = { term: 1, round: 1, attempt: 0 };
    const survived = { code: undefined, trained: true, uploaded: true, trainMs: 1 };
    await server.repository.noteAttempt('pictures', id, {
      attempt,
      participants: [{ participant: CAROL, outcome: 'survived', ...survived }],
    });
    const told = new Map([[CAROL, { contribution: 0.5, suspicion: 0.25, rounds: 1 }]]);
    await server.repository.saveReputations('pictures', id, attempt, told);
    const { participants } = await bodyOf(await fetch(`${server.url}/api/runs/${id}/reliability`));
    expect(participants).toMatchObject([
      { participant: CAROL, survived: 1, contribution: null, anomaly: null },
    ]);
  });

  test('a block is an order with a reason that the public does not read, until it is lifted', async () => {
    const changed: ParticipantId[] = [];
    const unsubscribe = server.gate.subscribe((participant) => changed.push(participant));
    const blocked = await send('POST', `/api/participants/${BOB}/block`, {
      body: JSON.stringify({ reason: 'Sends nonsense.' }),
      headers: { 'content-type': 'application/json' },
    });
    expect(await bodyOf(blocked)).toMatchObject({ participant: BOB, state: 'blocked' });
    expect(await server.gate.blockOf(BOB)).toMatchObject({ reason: 'Sends nonsense.' });
    const shown = await board();
    expect(shown.participants[1]).toMatchObject({
      participant: BOB,
      standing: { state: 'blocked', untilMs: null, cause: null },
    });
    expect(JSON.stringify(shown)).not.toContain('nonsense');
    expect((await send('POST', `/api/participants/${BOB}/unblock`)).status).toBe(200);
    expect((await send('POST', `/api/participants/${BOB}/unblock`)).status).toBe(404);
    expect(changed).toEqual([BOB, BOB, BOB]);
    unsubscribe();
    expect((await board()).participants[1].standing).toBeNull();
  });

  test('a quarantine shows its cause, and is ended by release', async () => {
    const standing = async () =>
      (await board()).participants.find(({ participant }: { participant: string }) => participant === CAROL)
        .standing;
    await server.repository.quarantine('table', CAROL, 'unreliable', () => 60_000);
    expect(await standing()).toMatchObject({
      state: 'quarantined',
      cause: 'unreliable',
    });
    expect((await send('POST', `/api/participants/${CAROL}/unblock`)).status).toBe(404);
    expect((await send('POST', `/api/participants/${CAROL}/release`)).status).toBe(200);
    expect(await standing()).toBeNull();
  });

  test.each([
    ['POST', `/api/participants/nobody/block`, undefined, 400, 'id'],
    ['POST', `/api/participants/${BOB}/block`, '{"reason": 7}', 400, 'reason'],
    ['POST', `/api/participants/${BOB}/block`, '{"why": "x"}', 400, 'why'],
    ['POST', `/api/participants/${BOB}/block`, '{"reason": "a\\u0000b"}', 400, 'reason'],
    ['POST', `/api/participants/${BOB}/block`, '{', 400, 'body'],
    ['GET', '/api/runs/nowhere/reliability', undefined, 404, undefined],
    ['GET', '/api/runs/a%20b/reliability', undefined, 400, 'run'],
  ])('%s %s %s is refused with %i', async (method, path, body, status, field) => {
    const response = await send(method, path, {
      ...(body === undefined ? {} : { body, headers: { 'content-type': 'application/json' } }),
    });
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    expect([response.status, (await bodyOf(response)).path]).toEqual([status, field]);
    expect(await server.gate.blockOf(BOB)).toBeUndefined();
  });
});

test('a restart keeps all of it', async () => {
  await putTable('x,y\n1,yes\n2,no\n');
  await server.gate.block(BOB, 'Still.');
  const path = `/api/runs/${run}/reliability`;
  const before = await bodyOf(await fetch(server.url + path));
  await server.close();
  server = await open(KEY);
  expect(await bodyOf(await fetch(server.url + path))).toEqual(before);
  expect(await server.gate.blockOf(BOB)).toMatchObject({ state: 'blocked', reason: 'Still.' });
  expect(await bodyOf(await send('GET', '/api/federations/table/held-out'))).toEqual({
    source: 'file',
    format: 'csv',
  });
});
