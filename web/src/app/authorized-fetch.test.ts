import { afterEach, expect, it, vi } from 'vitest';
import { authorizedFetch } from './authorized-fetch.ts';

afterEach(() => {
  vi.unstubAllGlobals();
});

/** Takes these bearers; `open`: also nobody in particular. */
function serve(taken: readonly string[], open: boolean) {
  const asked: (string | null)[] = [];
  vi.stubGlobal('fetch', async (_path: string, { headers }: RequestInit) => {
    const bearer = new Headers(headers).get('authorization');
    asked.push(bearer);
    const isGood = bearer === null ? open : taken.includes(bearer.slice('Bearer '.length));
    return new Response(bearer ?? 'nobody', { status: isGood ? 200 : 401 });
  });
  return asked;
}

it('shows the best bearer first, and none beyond the one that is taken', async () => {
  const asked = serve(['b'], true);
  const response = await authorizedFetch(['a', 'b', 'c'], '/x', {});
  expect([response.status, asked]).toEqual([200, ['Bearer a', 'Bearer b']]);
});

it('an expired credential keeps nobody from what is open', async () => {
  serve([], true);
  expect(await (await authorizedFetch(['old'], '/x', {})).text()).toBe('nobody');
});

it('where nothing is open, the refusal of the credential is what is told', async () => {
  serve([], false);
  const response = await authorizedFetch(['old', 'older'], '/x', {});
  expect([response.status, await response.text()]).toEqual([401, 'Bearer old']);
});
