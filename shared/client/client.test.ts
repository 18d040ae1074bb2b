import { expect, test } from 'vitest';
import { createSteppedClock } from '../testing/stepped-clock.ts';
import { createClient, everything } from './create-client.ts';
import type { FetchPort } from './request.ts';

interface Asked {
  readonly url: string;
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body: unknown;
}

/** A server that answers each request with the next of these. */
function serverOf(...answers: { readonly status?: number; readonly text: string }[]) {
  const asked: Asked[] = [];
  const fetch: FetchPort = async (url, { method, headers, body }) => {
    asked.push({ url, method, headers, body: body === undefined ? undefined : JSON.parse(body) });
    const { status = 200, text } = answers[asked.length - 1]!;
    return { ok: status < 300, status, text: async () => text };
  };
  return { asked, fetch };
}

const json = (value: unknown, status = 200) => ({ status, text: JSON.stringify(value) });

test('an order goes out with its credential, its key and its body, and comes back typed', async () => {
  const { asked, fetch } = serverOf(json({ id: 't1', status: 'RUNNING' }, 201));
  const client = createClient({ baseUrl: 'https://s.example', token: 'mk_1_s', fetch });
  const started = await client.trainings.start(
    { federation: 'f', config: { maxRounds: 3 } },
    { idempotencyKey: 'k' },
  );
  expect(started.status).toBe('RUNNING');
  expect(asked).toEqual([
    {
      url: 'https://s.example/api/training/start',
      method: 'POST',
      headers: {
        accept: 'application/json',
        authorization: 'Bearer mk_1_s',
        'content-type': 'application/json',
        'idempotency-key': 'k',
      },
      body: { federation: 'f', config: { maxRounds: 3 } },
    },
  ]);
});

test('without a token nothing is shown; ids and queries are escaped', async () => {
  const { asked, fetch } = serverOf(json({ trainings: [], next: null }), json({}));
  const client = createClient({ baseUrl: '', fetch });
  await client.trainings.list({ federation: 'a&b', limit: 5 });
  await client.trainings.get('../keys');
  expect(asked.map(({ url }) => url)).toEqual([
    '/api/trainings?federation=a%26b&limit=5',
    '/api/training/..%2Fkeys/status',
  ]);
  expect(asked[0]!.headers).toEqual({ accept: 'application/json' });
});

test('a token is asked for anew each time', async () => {
  const { asked, fetch } = serverOf(json({}), json({}));
  let count = 0;
  const client = createClient({ baseUrl: '', fetch, token: async () => `t${++count}` });
  await client.system.drainState();
  await client.system.drainState();
  expect(asked.map(({ headers }) => headers.authorization)).toEqual(['Bearer t1', 'Bearer t2']);
});

test('pages are followed to their end', async () => {
  const { asked, fetch } = serverOf(
    json({ keys: [{ id: 'a' }, { id: 'b' }], next: 'b' }),
    json({ keys: [{ id: 'c' }], next: null }),
  );
  const client = createClient({ baseUrl: '', fetch });
  const ids: string[] = [];
  for await (const { id } of everything(client.keys.list, 2)) ids.push(id);
  expect(ids).toEqual(['a', 'b', 'c']);
  expect(asked.map(({ url }) => url)).toEqual(['/api/keys?limit=2', '/api/keys?after=b&limit=2']);
});

test('an answer without content is nothing', async () => {
  const { fetch } = serverOf({ status: 204, text: '' });
  expect(await createClient({ baseUrl: '', fetch }).system.undrain()).toBeUndefined();
});

test.each([
  [
    json(
      {
        code: 'http.conflict',
        detail: 'It is over.',
        expected: 'a training under way',
        path: 'id',
        status: 409,
      },
      409,
    ),
    {
      code: 'http.conflict',
      message: 'It is over.',
      facts: { expected: 'a training under way', path: 'id' },
    },
  ],
  [
    { status: 502, text: '<html>Bad gateway</html>' },
    { code: 'http.unavailable', facts: { received: 'status 502' } },
  ],
  [{ status: 200, text: '<html>A portal</html>' }, { code: 'http.unavailable' }],
])('the refusal %j is thrown by name', async (answer, expected) => {
  const { fetch } = serverOf(answer);
  await expect(createClient({ baseUrl: '', fetch }).trainings.get('t1')).rejects.toMatchObject(expected);
});

/** Answers when it is given up, and not before. */
const silent: FetchPort = (_, { signal }) =>
  new Promise((_resolve, reject) => {
    const fail = () => reject(new Error('aborted'));
    if (signal.aborted) fail();
    else signal.addEventListener('abort', fail);
  });

test('a server that is silent is given up after a while, and a request when its signal says so', async () => {
  const clock = createSteppedClock();
  const client = createClient({ baseUrl: '', fetch: silent, clock, timeoutMs: 1000 });
  const late = client.trainings.get('t1');
  const caught = expect(late).rejects.toMatchObject({
    code: 'http.unavailable',
    facts: { expected: 'an answer within 1000 ms' },
  });
  await Promise.resolve();
  await clock.advance(1000);
  await caught;

  const controller = new AbortController();
  const given = client.trainings.get('t1', { signal: controller.signal });
  controller.abort();
  await expect(given).rejects.toMatchObject({ code: 'aborted' });
});

test('a client without sockets says what live takes', () => {
  const client = createClient({ baseUrl: '', fetch: silent });
  expect(() => client.live).toThrow(expect.objectContaining({ code: 'argument.invalid' }));
});
