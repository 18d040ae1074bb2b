import { Hono } from 'hono';
import { expect, test } from 'vitest';
import { mountPage } from './page-routes.ts';
import { problemResponse } from './problem.ts';

test('without a built page the server says how to build it', async () => {
  const app = new Hono();
  app.onError((error) => problemResponse(error));
  const guard = () =>
    Object.assign(async (_c: unknown, next: () => Promise<void>) => next(), {
      permission: 'public',
    } as const);
  mountPage(app, '/nowhere/dist/web', guard);
  const response = await app.request('/');
  expect(response.status).toBe(404);
  expect(await response.json()).toMatchObject({
    code: 'http.not-found',
    remedy: expect.stringContaining('npm run build'),
  });
});
