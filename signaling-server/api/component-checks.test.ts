import { expect, test } from 'vitest';
import { componentChecks } from './component-checks.ts';

const stateOf = (parts: Partial<Parameters<typeof componentChecks>[0]>) =>
  Promise.all(
    componentChecks({
      blobs: { has: async () => false },
      queue: { backlog: async () => 3 },
      bus: { up: true },
      checkClock: async () => undefined,
      ...parts,
    }).map(async ({ name, check }) => [
      name,
      await check().then(
        () => 'ok',
        (thrown) => thrown.code ?? thrown.message,
      ),
    ]),
  );

test('parts that answer are well, whatever they answer', async () => {
  expect(await stateOf({})).toEqual([
    ['models', 'ok'],
    ['queue', 'ok'],
    ['bus', 'ok'],
    ['clock', 'ok'],
  ]);
});

test('each says by name what is wrong with it', async () => {
  const gone = () => Promise.reject(new Error('gone'));
  const parts = { blobs: { has: gone }, queue: { backlog: gone }, bus: { up: false }, checkClock: gone };
  expect(await stateOf(parts)).toEqual([
    ['models', 'gone'],
    ['queue', 'gone'],
    ['bus', 'storage.unavailable'],
    ['clock', 'gone'],
  ]);
});
