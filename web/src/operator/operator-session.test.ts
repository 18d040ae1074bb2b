import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { FetchPort } from '../../../shared/client/request.ts';
import type { SocketLike } from '../../../shared/transport/hub-client.ts';
import { OperatorSession } from './operator-session.ts';

const ME = {
  kind: 'api-key',
  name: 'key:1',
  role: 'auditor',
  scopes: ['training:read'],
  federation: null,
  participant: null,
  user: null,
  department: null,
  expiresAtMs: null as number | null,
};
const NOW = 1_000_000;

function world(answer: () => { readonly status: number; readonly body: unknown }) {
  const kept = new Map<string, string>();
  const shown: (string | undefined)[] = [];
  const reachable: boolean[] = [];
  const fetch: FetchPort = async (_url, { headers }) => {
    shown.push(headers.authorization);
    const { status, body } = answer();
    return { ok: status < 300, status, text: async () => JSON.stringify(body) };
  };
  const session = new OperatorSession({
    origin: 'https://s.example',
    fetch,
    WebSocket: class {} as unknown as new (url: string) => SocketLike,
    tab: {
      getItem: (key) => kept.get(key) ?? null,
      setItem: (key, value) => void kept.set(key, value),
      removeItem: (key) => void kept.delete(key),
    },
    onReachable: (is) => reachable.push(is),
    nowMs: () => Date.now(),
  });
  return { session, kept, shown, reachable };
}

const good = () => ({ status: 200, body: ME });
const refusal = (code: string, status = 401) => ({ status, body: { code, detail: 'No.', status } });

beforeEach(() => {
  vi.useFakeTimers({ now: NOW });
});
afterEach(() => {
  vi.useRealTimers();
});

it('keeps the credential in memory only, unless asked', async () => {
  const { session, kept, shown } = world(good);
  await session.signIn('mk_1_secret', false);
  expect([
    session.me?.name,
    session.reachesAll,
    session.may('training:read'),
    session.may('audit:read'),
  ]).toEqual(['key:1', true, true, false]);
  expect([shown, kept.size]).toEqual([['Bearer mk_1_secret'], 0]);
  await session.signIn('mk_1_secret', true);
  expect([...kept.values()]).toEqual(['mk_1_secret']);
  session.signOut();
  expect([session.state, kept.size]).toEqual([{ status: 'out', because: undefined }, 0]);
});

it('goes on with what the tab remembers, and forgets it only when the server refuses it', async () => {
  let answer: ReturnType<typeof refusal> | ReturnType<typeof good> = refusal('http.unavailable', 503);
  const { session, kept } = world(() => answer);
  kept.set('murmuration.operator', 'mk_1_secret');
  await session.restore();
  expect([session.state.status, kept.size]).toEqual(['out', 1]);
  answer = good();
  await session.restore();
  expect(session.state.status).toBe('in');
  answer = refusal('access.revoked');
  await expect(session.api.trainings.list()).rejects.toMatchObject({ code: 'access.revoked' });
  expect([session.state, kept.size]).toMatchObject([
    { status: 'out', because: { code: 'access.revoked' } },
    0,
  ]);
});

it('stays signed in when it is only not allowed', async () => {
  let answer: ReturnType<typeof refusal> | ReturnType<typeof good> = good();
  const { session } = world(() => answer);
  await session.signIn('mk_1_secret', false);
  answer = refusal('http.forbidden', 403);
  await expect(session.api.keys.list()).rejects.toMatchObject({ code: 'http.forbidden' });
  expect(session.state.status).toBe('in');
});

it('ends when its time is over', async () => {
  const { session } = world(() => ({ status: 200, body: { ...ME, expiresAtMs: NOW + 60_000 } }));
  await session.signIn('mk_1_secret', false);
  vi.advanceTimersByTime(59_999);
  expect(session.state.status).toBe('in');
  vi.advanceTimersByTime(1);
  expect(session.state).toMatchObject({ status: 'out', because: { code: 'access.expired' } });
});

it('says that the server is away when a proxy answers for it', async () => {
  const { session, reachable } = world(() => ({ status: 502, body: 'away' }));
  await session.signIn('mk_1_secret', false);
  expect([session.state, reachable]).toMatchObject([{ because: { code: 'http.unavailable' } }, [false]]);
});
