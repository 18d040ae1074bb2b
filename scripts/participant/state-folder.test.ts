import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { openStateFolder } from './state-folder.ts';

let folder = '';
afterEach(() => rmSync(folder, { recursive: true, force: true }));
const fresh = (): string => {
  folder = mkdtempSync(join(tmpdir(), 'state-'));
  return join(folder, 'state');
};

test('the key is made once, for its owner alone, and stays', async () => {
  const path = fresh();
  const first = await openStateFolder(path);
  expect(statSync(join(path, 'identity.key')).mode & 0o777).toBe(0o600);
  expect(statSync(path).mode & 0o777).toBe(0o700);
  await first.release();
  const second = await openStateFolder(path);
  expect(second.identity.id).toBe(first.identity.id);
  await second.release();
});

test('two do not share a folder', async () => {
  const path = fresh();
  const first = await openStateFolder(path);
  await expect(openStateFolder(path)).rejects.toMatchObject({
    code: 'storage.locked',
    facts: { received: expect.stringContaining(String(process.pid)) },
  });
  await first.release();
  await (await openStateFolder(path)).release();
});

test.each([
  ['that others may read', 'a'.repeat(64), 0o644],
  ['that is none', 'no key', 0o600],
])('a key %s is refused, and the folder is free again', async (_, content, mode) => {
  const path = fresh();
  await (await openStateFolder(path)).release();
  writeFileSync(join(path, 'identity.key'), content);
  chmodSync(join(path, 'identity.key'), mode);
  for (let attempt = 0; attempt < 2; attempt++)
    await expect(openStateFolder(path)).rejects.toMatchObject({ code: 'storage.corrupt' });
});

test('what a crash left half written is swept, and what was remembered is there', async () => {
  const path = fresh();
  const first = await openStateFolder(path);
  await first.remember('federation-a', { revision: 2 });
  await first.release();
  writeFileSync(join(path, 'federation-a.json.0.draft'), '{"rev');
  mkdirSync(join(path, 'runs', 'r'), { recursive: true });
  writeFileSync(join(path, 'runs', 'r', 'model.0.draft'), 'half a model');
  const second = await openStateFolder(path);
  expect(await second.recall('federation-a')).toEqual({ revision: 2 });
  expect(await second.recall('federation-b')).toBeUndefined();
  const names = readdirSync(path, { recursive: true }) as string[];
  expect(names.filter((name) => name.endsWith('.draft'))).toEqual([]);
  await second.release();
});
