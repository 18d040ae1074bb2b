import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { LOCK_FILE, lockDataFolder } from './data-folder-lock.ts';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'murmuration-'));
  path = join(folder, LOCK_FILE);
});
afterEach(() => rm(folder, { recursive: true }));

const leave = (holder: object) => writeFile(path, JSON.stringify(holder));
const isTakenOver = async () => {
  const lock = await lockDataFolder(folder);
  await lock.release();
  return (await readdir(folder)).length === 0;
};

test('S-03: one holder at a time; a released folder is free and clean', async () => {
  const lock = await lockDataFolder(folder);
  await expect(lockDataFolder(folder)).rejects.toMatchObject({
    code: 'storage.locked',
    facts: { received: `${path}, held by process ${process.pid}` },
  });
  await lock.release();
  expect(await isTakenOver()).toBe(true);
});

test('of many that come at once, one gets it', async () => {
  const results = await Promise.allSettled(Array.from({ length: 10 }, () => lockDataFolder(folder)));
  const locks = results.filter((result) => result.status === 'fulfilled');
  expect(locks).toHaveLength(1);
  await locks[0]!.value.release();
});

test('of many that find a dead lock at once, one gets it, every time', async () => {
  const pid = await deadProcessId();
  for (let attempt = 0; attempt < 20; attempt++) {
    await leave({ pid, host: hostname(), processStart: '1', token: `dead ${attempt}` });
    const results = await Promise.allSettled(Array.from({ length: 10 }, () => lockDataFolder(folder)));
    const locks = results.filter((result) => result.status === 'fulfilled');
    expect(locks).toHaveLength(1);
    await locks[0]!.value.release();
    expect(await readdir(folder)).toEqual([]);
  }
});

test('a process that died while it took a dead lock over is no obstacle', async () => {
  const dead = { pid: await deadProcessId(), host: hostname(), processStart: '1' };
  await leave({ ...dead, token: 'a' });
  await writeFile(`${path}.takeover`, JSON.stringify({ ...dead, token: 'b' }));
  expect(await isTakenOver()).toBe(true);
});

test('the lock of a living process holds, and names the process', async () => {
  const { pid, start, end } = await livingProcess();
  try {
    await leave({ pid, host: hostname(), processStart: start, token: 't' });
    await expect(lockDataFolder(folder)).rejects.toMatchObject({
      code: 'storage.locked',
      facts: { received: `${path}, held by process ${pid}` },
    });
  } finally {
    await end();
  }
  expect(await isTakenOver()).toBe(true);
});

test('a process that got the number of the dead holder does not hold its lock', async () => {
  await leave({ pid: process.ppid, host: hostname(), processStart: 'another time', token: 't' });
  expect(await isTakenOver()).toBe(true);
});

test('a restarted container has the same process id as before: its own old lock is dead', async () => {
  const own = await lockDataFolder(folder);
  const text = await readFile(path, 'utf8');
  await own.release();
  await writeFile(path, text);
  expect(await isTakenOver()).toBe(true);
});

test('a holder on another host is alive as long as it beats', async () => {
  await leave({ pid: 1, host: 'elsewhere', processStart: '1', token: 't' });
  await expect(lockDataFolder(folder)).rejects.toMatchObject({
    facts: { received: `${path}, held by process 1 on elsewhere` },
  });
  const longAgo = new Date(Date.now() - 60_000);
  await utimes(path, longAgo, longAgo);
  expect(await isTakenOver()).toBe(true);
});

test('a lock file that makes no sense holds nothing', async () => {
  for (const text of ['', 'null', '{', '{"pid":"x"}']) {
    await writeFile(path, text);
    expect(await isTakenOver()).toBe(true);
  }
});

test('a folder that cannot be made is named', async () => {
  await writeFile(join(folder, 'file'), '');
  await expect(lockDataFolder(join(folder, 'file', 'data'))).rejects.toMatchObject({
    code: 'storage.unavailable',
  });
  await rm(join(folder, 'file'));
});

async function livingProcess(): Promise<{ pid: number; start: string; end: () => Promise<unknown> }> {
  const child = spawn(process.execPath, ['-e', 'process.stdout.write("up"); process.stdin.resume()']);
  const exited = once(child, 'exit');
  await once(child.stdout, 'data');
  const stat = await readFile(`/proc/${child.pid}/stat`, 'utf8').catch(() => '');
  const start = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  const end = (): Promise<unknown> => {
    child.kill('SIGKILL');
    return exited;
  };
  return { pid: child.pid!, start, end };
}

async function deadProcessId(): Promise<number> {
  const { pid, end } = await livingProcess();
  await end();
  return pid;
}
