import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';

vi.setConfig({ testTimeout: 120_000 });

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'murmuration-'));
});
afterAll(() => rm(folder, { recursive: true }));

interface Ended {
  readonly code: number;
  readonly output: string;
}

/** With no variable of this machine but where programs are. */
function admin(parameters: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      ['--import', 'tsx', 'scripts/admin.ts', ...parameters],
      { env: { PATH: process.env.PATH, DATA_DIR: join(folder, 'data'), ...env }, timeout: 100_000 },
      (error, stdout, stderr) =>
        resolve({ code: error === null ? 0 : Number(error.code), output: stdout + stderr }),
    );
  });
}

test('bad usage is 2, and says what there is', async () => {
  const cases = [
    [],
    ['explode'],
    ['backup'],
    ['verify-audit', 'folder'],
    ['create-key', '--name', 'n', '--role', 'king'],
    ['backup', 'folder', '--server', 'http://127.0.0.1:1'],
    ['drain', '--wait', 'soon'],
    ['--nonsense'],
  ];
  for (const ended of await Promise.all(cases.map((each) => admin(each)))) {
    expect(ended.code).toBe(2);
    expect(ended.output).toContain('Usage: npm run admin -- COMMAND');
  }
});

test('what cannot be done is 1, by name, and in the JSON too', async () => {
  const json = join(folder, 'result.json');
  const { code, output } = await admin(['verify-audit', '--json', json], {
    DATABASE_URL: 'postgres://user:pass-word@127.0.0.1:1/none',
  });
  expect(code).toBe(1);
  expect(output).toContain('storage.unavailable');
  expect(output).not.toContain('pass-word');
  expect(JSON.parse(await readFile(json, 'utf8'))).toMatchObject({
    command: 'verify-audit',
    ok: false,
    error: { code: 'storage.unavailable' },
  });
});

test('a wrong setting is 2', async () => {
  const { code, output } = await admin(['migrate'], { BLOB_URL: 'nonsense' });
  expect(code).toBe(2);
  expect(output).toContain('BLOB_URL');
});

test('done is 0, with a table and a report', async () => {
  const json = join(folder, 'report.json');
  const { code, output } = await admin(['migrate', '--report', json]);
  expect(output).toContain('nothing critical is wrong');
  expect(code).toBe(0);
  expect(JSON.parse(await readFile(json, 'utf8'))).toMatchObject({ command: 'migrate', ok: true });
});
