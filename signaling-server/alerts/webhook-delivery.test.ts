import { createHmac } from 'node:crypto';
import type { LookupAddress, lookup } from 'node:dns';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Alert } from './alert.ts';
import { deliver, deliveryOf, signatureOf } from './webhook-delivery.ts';

const ALERT: Alert = {
  id: 'a',
  kind: 'storage',
  severity: 'critical',
  fingerprint: 'storage/blobs',
  federation: null,
  training: null,
  summary: 'Models cannot be stored.',
  value: null,
  threshold: null,
  startedAtMs: 1,
  resolvedAtMs: null,
  acknowledgedAtMs: null,
  acknowledgedBy: null,
  silencedUntilMs: null,
};

let receiver: Server;
let url: string;
let answers: number[];
let got: { readonly headers: IncomingHttpHeaders; readonly body: string; readonly path: string }[];
beforeEach(async () => {
  answers = [];
  got = [];
  receiver = createServer(async (request, response) => {
    let body = '';
    for await (const piece of request) body += piece;
    got.push({ headers: request.headers, body, path: request.url ?? '' });
    const status = answers.shift() ?? 204;
    if (status === 0) return; // never answers
    response.writeHead(status, status === 302 ? { location: '/elsewhere' } : {}).end();
  }).listen(0, '127.0.0.1');
  await once(receiver, 'listening');
  url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/in`;
});
afterEach(async () => {
  receiver.closeAllConnections();
  receiver.close();
  await once(receiver, 'close');
});

/** A resolver to which every name is this machine. */
const LOOPBACK = ((_name: string, _options: unknown, done: (error: null, found: LookupAddress[]) => void) =>
  done(null, [{ address: '127.0.0.1', family: 4 }])) as unknown as typeof lookup;

const send = (
  alert = ALERT,
  { allowPrivate = true, target = url, timeoutMs = 5000, signal = new AbortController().signal } = {},
) =>
  deliver(
    deliveryOf('w', alert),
    {
      repository: {
        getWebhook: async (id) =>
          id === 'w' ? { id, url: target, kinds: [], secret: 'sesame', createdAtMs: 0 } : undefined,
      },
      allowPrivate,
      timeoutMs,
      resolveName: LOOPBACK,
    },
    signal,
  );

test("the signature is RFC 4231's of its second case", () => {
  expect(signatureOf('what do ya want for nothing?', 'Jefe')).toBe(
    'sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
  );
});

describe('a delivery', () => {
  test('is a signed JSON body', async () => {
    await send();
    const [{ headers, body, path }] = got as [(typeof got)[0]];
    expect(path).toBe('/in');
    expect(headers['content-type']).toBe('application/json');
    expect(headers['x-murmuration-signature']).toBe(
      `sha256=${createHmac('sha256', 'sesame').update(body).digest('hex')}`,
    );
    expect(JSON.parse(body)).toEqual({ id: 'w/a/firing', type: 'alert.firing', alert: ALERT });
    await send({ ...ALERT, resolvedAtMs: 2 });
    expect(JSON.parse(got[1]!.body)).toMatchObject({ id: 'w/a/resolved', type: 'alert.resolved' });
  });

  test.each([500, 404, 429])('that is answered %i fails by name, to be tried again', async (status) => {
    answers = [status];
    await expect(send()).rejects.toMatchObject({
      code: 'http.unavailable',
      facts: { received: String(status) },
    });
  });

  test('does not follow a redirect', async () => {
    answers = [302];
    await expect(send()).rejects.toMatchObject({ code: 'http.unavailable' });
    expect(got.map(({ path }) => path)).toEqual(['/in']);
  });

  test('that is never answered ends by itself', async () => {
    answers = [0];
    await expect(send(ALERT, { timeoutMs: 50 })).rejects.toMatchObject({ code: 'http.unavailable' });
  });

  test('ends when the server stops', async () => {
    answers = [0];
    const lifetime = new AbortController();
    const sending = send(ALERT, { signal: lifetime.signal });
    await once(receiver, 'request');
    lifetime.abort();
    await expect(sending).rejects.toMatchObject({ code: 'http.unavailable' });
  });

  test('to nobody is reached by no connection', async () => {
    await expect(send(ALERT, { target: 'http://127.0.0.1:1/' })).rejects.toMatchObject({
      code: 'http.unavailable',
      facts: { received: 'ECONNREFUSED' },
    });
  });

  test('to this network is not sent, neither by address nor by a name of it', async () => {
    const { port } = new URL(url);
    for (const target of [url, `http://localhost:${port}/`, `http://[::ffff:127.0.0.1]:${port}/`])
      await expect(send(ALERT, { allowPrivate: false, target })).rejects.toMatchObject({
        code: 'argument.invalid',
      });
    expect(got).toEqual([]);
  });

  test('to a name that turns out to be of this network is not sent; what is connected to is what was checked', async () => {
    const { port } = new URL(url);
    const target = `http://pager.example:${port}/in`;
    await expect(send(ALERT, { allowPrivate: false, target })).rejects.toMatchObject({
      code: 'argument.invalid',
    });
    expect(got).toEqual([]);
    await send(ALERT, { allowPrivate: true, target });
    expect(got).toHaveLength(1);
  });

  test('of a webhook that was removed is done', async () => {
    const repository = { getWebhook: async () => undefined };
    const { signal } = new AbortController();
    await deliver(deliveryOf('gone', ALERT), { repository, allowPrivate: true }, signal);
    expect(got).toEqual([]);
  });
});
