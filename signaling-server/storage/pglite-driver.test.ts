import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { silentLog } from '../testing/silent-log.ts';
import { pgliteDriver } from './pglite-driver.ts';

/** In place of the database: answers with the statement, fails at "fail", dies at "die". */
const STAND_IN = new URL(
  `data:text/javascript,${encodeURIComponent(`
    import { parentPort } from 'node:worker_threads';
    parentPort.on('message', ({ id, type, statement }) => {
      if (statement === 'die') process.exit(3);
      if (statement === 'fail') return parentPort.postMessage({ id, error: { code: '53100', message: 'no' } });
      parentPort.postMessage({ id, rows: [[type, statement]] });
    });
  `)}`,
);

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'murmuration-'));
});
afterEach(() => rm(folder, { recursive: true }));

test('answers find their questions, and errors keep their SQLSTATE', async () => {
  const driver = await pgliteDriver(folder, silentLog, STAND_IN);
  const answers = await Promise.allSettled(['a', 'fail', 'b'].map((text) => driver.query(text, [])));
  expect(answers).toMatchObject([
    { value: [['query', 'a']] },
    { reason: { code: '53100' } },
    { value: [['query', 'b']] },
  ]);
  await driver.close();
});

test('when the thread dies everything it was asked fails, and the next statement starts another', async () => {
  const driver = await pgliteDriver(folder, silentLog, STAND_IN);
  const answers = await Promise.allSettled([driver.query('die', []), driver.query('a', [])]);
  expect(answers).toMatchObject([
    { status: 'rejected', reason: { code: '08006' } },
    { status: 'rejected', reason: { code: '08006' } },
  ]);
  await expect(driver.query('b', [])).resolves.toEqual([['query', 'b']]);
  await driver.close();
});

test('it holds the folder until it is closed, and answers nothing afterwards', async () => {
  const driver = await pgliteDriver(folder, silentLog, STAND_IN);
  await expect(pgliteDriver(folder, silentLog, STAND_IN)).rejects.toMatchObject({ code: 'storage.locked' });
  await driver.close();
  await driver.close();
  await expect(driver.query('a', [])).rejects.toMatchObject({ code: '08006' });
  const next = await pgliteDriver(folder, silentLog, STAND_IN);
  await next.close();
});
