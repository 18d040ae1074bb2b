import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { access, statfs } from 'node:fs/promises';
import { toErrorRecord } from '../../shared/errors/index.ts';
import { readBlob } from '../storage/blob-store.ts';
import type { Storage } from './open-storage.ts';
import { type Check, failed, passed, type Report, reportOf, warned } from './report.ts';

const LITTLE_BYTES = 1024 ** 3;
const PROBE_BYTES = 1024;
const MAX_RUNS = 1_000;

/** Whether a server could run on this: disk, database, blob store, the newest model of every open run. */
export async function healthCheck(
  open: () => Promise<Storage>,
  dataDir: string,
  nowMs: number,
): Promise<Report> {
  const checks = [await diskCheck(dataDir)];
  let storage: Storage;
  try {
    storage = await open();
  } catch (thrown) {
    return reportOf('health-check', nowMs, [...checks, fault('database', thrown)]);
  }
  try {
    checks.push(passed('database', `${storage.database.kind} answers, and its schema is of this version.`));
    checks.push(await attempt('blob store', () => probeBlobs(storage)));
    checks.push(await attempt('newest models', () => newestModels(storage)));
  } finally {
    await storage.close();
  }
  return reportOf('health-check', nowMs, checks);
}

async function diskCheck(dataDir: string): Promise<Check> {
  return attempt('data folder', async () => {
    await access(dataDir, constants.R_OK | constants.W_OK);
    const { bavail, bsize } = await statfs(dataDir);
    const free = bavail * bsize;
    const said = `${(free / 1024 ** 3).toFixed(1)} GiB are free.`;
    return free < LITTLE_BYTES
      ? warned('data folder', `Only ${said}`)
      : passed('data folder', `It can be written to; ${said}`);
  });
}

/** Writes, reads and deletes an object that nothing else names. */
async function probeBlobs({ repository: { blobs } }: Storage): Promise<Check> {
  const probe = randomBytes(PROBE_BYTES);
  const key = await blobs.put(probe);
  const read = await readBlob(blobs, key);
  await blobs.delete(key);
  return Buffer.compare(read, probe) === 0
    ? passed('blob store', 'What is put there can be read and deleted again.')
    : failed('blob store', 'What was put there came back otherwise.');
}

async function newestModels({ repository, database }: Storage): Promise<Check> {
  const rows = await database.run((db) =>
    db.query.runs.findMany({
      columns: { id: true },
      where: (run, { eq }) => eq(run.status, 'open'),
      limit: MAX_RUNS,
    }),
  );
  let models = 0;
  for (const { id } of rows) {
    const { model } = await repository.getRun(id);
    if (model === null) continue;
    await repository.readModel(await repository.findVersion(id, 'latest'));
    models++;
  }
  return passed('newest models', `${models} models of ${rows.length} open runs are whole.`);
}

async function attempt(name: string, work: () => Promise<Check>): Promise<Check> {
  try {
    return await work();
  } catch (thrown) {
    return fault(name, thrown);
  }
}

export function fault(name: string, thrown: unknown): Check {
  const { code, message } = toErrorRecord(thrown);
  const system = (thrown as { code?: unknown }).code;
  return failed(name, code === 'internal' ? `It failed: ${String(system ?? code)}.` : `${code}: ${message}`);
}
