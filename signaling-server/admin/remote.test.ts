import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { type RemoteServer, remoteDrain, remoteHealth, remoteKey } from './remote.ts';

const KEY = 'mk_0000000000000001_a-secret';
let close: (() => Promise<void>) | undefined;
afterEach(() => close?.());

/** Answers in turn; hears what was asked. */
async function serve(answers: readonly (readonly [number, unknown])[]) {
  const heard: string[] = [];
  let at = 0;
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (piece) => {
      body += piece;
    });
    request.on('end', () => {
      heard.push(`${request.method} ${request.url} ${request.headers.authorization} ${body}`.trim());
      const [status, answer] = answers[Math.min(at++, answers.length - 1)]!;
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(typeof answer === 'string' ? answer : JSON.stringify(answer));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  close = () =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  const remote: RemoteServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    key: KEY,
  };
  return { remote, heard };
}
const state = (roundsUnderWay: number) => ({
  draining: true,
  empty: roundsUnderWay === 0,
  roundsUnderWay,
  halted: false,
});

test('drain asks, and waits until the server is empty', async () => {
  const { remote, heard } = await serve([
    [200, state(2)],
    [200, state(1)],
    [200, state(0)],
  ]);
  const report = await remoteDrain(remote, { on: true, waitMs: 60_000, nowMs: 0 });
  expect(report).toMatchObject({ ok: true, checks: [{ detail: 'Empty: no round is under way.' }] });
  expect(heard).toEqual([
    `POST /api/system/drain Bearer ${KEY}`,
    `GET /api/system/drain Bearer ${KEY}`,
    `GET /api/system/drain Bearer ${KEY}`,
  ]);
});

test('drain that takes too long is no success, and can be taken back', async () => {
  const { remote, heard } = await serve([[200, state(2)]]);
  expect(await remoteDrain(remote, { on: true, waitMs: 0, nowMs: 0 })).toMatchObject({ ok: false });
  expect(await remoteDrain(remote, { on: false, waitMs: 0, nowMs: 0 })).toMatchObject({ ok: true });
  expect(heard.at(-1)).toMatch(/^DELETE/);
});

test('a key is made there; its secret is in no report', async () => {
  const { remote, heard } = await serve([
    [201, { key: { id: '7', role: 'auditor', expiresAtMs: null, scopes: [] }, secret: 'mk_7_s' }],
  ]);
  const made = await remoteKey(remote, { name: 'n', role: 'auditor' }, 0);
  expect(made.secret).toBe('mk_7_s');
  expect(JSON.stringify(made.report)).not.toContain('mk_7_s');
  expect(heard).toEqual([`POST /api/keys Bearer ${KEY} {"name":"n","role":"auditor"}`]);
});

test('health is what the server says', async () => {
  const { remote } = await serve([
    [200, { status: 'healthy' }],
    [503, { status: 'unhealthy' }],
  ]);
  expect(await remoteHealth(remote, 0)).toMatchObject({ ok: true });
  expect(await remoteHealth(remote, 0)).toMatchObject({ ok: false });
});

test('refusals are named by the code, without the key', async () => {
  const { remote } = await serve([
    [403, { code: 'http.forbidden' }],
    [200, '<html>'],
    [200, { status: 7 }],
  ]);
  const failure = remoteHealth(remote, 0);
  await expect(failure).rejects.toMatchObject({
    code: 'http.unavailable',
    facts: { received: 'status 403, http.forbidden' },
  });
  await expect(failure).rejects.not.toThrow(KEY);
  for (let i = 0; i < 2; i++)
    await expect(remoteHealth(remote, 0)).rejects.toMatchObject({ code: 'http.unavailable' });
  await close?.();
  close = undefined;
  await expect(remoteHealth(remote, 0)).rejects.toMatchObject({ code: 'http.unavailable' });
});
