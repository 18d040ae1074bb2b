import { createHash } from 'node:crypto';
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { parseFederation, sampleFederations } from '../../shared/federation/index.ts';
import { webCryptoRandom } from '../../shared/random/index.ts';
import { layoutOf, makeModel } from '../../shared/update/index.ts';
import { accessRepository } from '../access/access-repository.ts';
import { hashOf, parseKey } from '../access/secret.ts';
import { createAuditLog } from '../audit/create-audit-log.ts';
import { readConfig } from '../config.ts';
import { openBudgets } from '../privacy/open-budgets.ts';
import { execute } from '../rights/mentions.ts';
import { type Database, openDatabase } from '../storage/database.ts';
import { fileBlobStore } from '../storage/file-blob-store.ts';
import { repositoryOver } from '../storage/repository.ts';
import { emptyDatabases } from '../testing/empty-database.ts';
import { postgresBinaries, startPostgres, type TestPostgres } from '../testing/postgres.ts';
import { createDatabase } from '../testing/postgres-database.ts';
import { silentLog } from '../testing/silent-log.ts';
import { type Command, type CommandOptions, type Outcome, runCommand } from './commands.ts';
import { LOCAL_OPERATOR } from './local-operator.ts';
import { stateHash as hashOfState } from './manifest.ts';
import type { Check } from './report.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const NOW_MS = Date.UTC(2031, 4, 6);
const ALICE = 'AAAAAAAAAAAAAAAAAAAAAA';
const BOB = 'BBBBBBBBBBBBBBBBBBBBBB';
const weights = makeModel(1, layoutOf([{ name: 'w', shape: [2] }]), Float32Array.of(3, 4));

interface Place {
  readonly dataDir: string;
  readonly databaseUrl: string | undefined;
}

let root: string;
let emptyDatabase: (name: string) => Promise<string>;
/** A data folder with something of everything in it; never changed, only copied. */
let lived: Place;
let run: string;
let postgres: TestPostgres | undefined;
const binaries = postgresBinaries();
let places = 0;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'murmuration-'));
  emptyDatabase = emptyDatabases(root);
  lived = { dataDir: join(root, 'lived'), databaseUrl: undefined };
  run = await live(lived);
});
afterAll(async () => {
  await postgres?.dispose();
  await rm(root, { recursive: true, force: true });
});

async function copyOfLived(): Promise<Place> {
  const dataDir = join(root, `copy-${places++}`);
  await cp(lived.dataDir, dataDir, { recursive: true });
  return { dataDir, databaseUrl: undefined };
}
const emptyPlace = async (): Promise<Place> => ({
  dataDir: await emptyDatabase(`empty-${places++}`),
  databaseUrl: undefined,
});
async function postgresPlace(): Promise<Place> {
  postgres ??= await startPostgres(binaries!);
  const name = `admin_${places++}`;
  return { dataDir: join(root, name), databaseUrl: await createDatabase(postgres, name) };
}

const command = (name: Command, place: Place, options: CommandOptions = {}): Promise<Outcome> =>
  runCommand(name, options, {
    config: { ...readConfig({}), ...place },
    log: silentLog,
    nowMs: NOW_MS,
  });
const checkOf = ({ report }: Outcome, name: string): Check =>
  report.checks.find((check) => check.name === name)!;

async function withDatabase<T>(
  place: Place,
  work: (database: Awaited<ReturnType<typeof openDatabase>>) => Promise<T>,
): Promise<T> {
  const database = await openDatabase({ ...place, log: silentLog });
  try {
    return await work(database);
  } finally {
    await database.close();
  }
}

/** What a server that ran for a while leaves. @returns its run. */
async function live(place: Place): Promise<string> {
  return withDatabase(place, async (database) => {
    const repository = repositoryOver(database, fileBlobStore(join(place.dataDir, 'blobs')), {
      transcriptsKept: 3,
    });
    const identity = await repository.serverIdentity(webCryptoRandom(crypto));
    const audit = createAuditLog({ database, identity });
    const federation = parseFederation({
      ...sampleFederations[0]!,
      id: 'ward',
      name: 'Ward \u2028 7',
      privacy: { record: { noiseMultiplier: 2 }, budget: { epsilon: 8, delta: 1e-5 } },
    });
    await repository.putFederation(federation);
    const { id } = await repository.currentRun(federation);
    await repository.saveModel(id, weights);
    await repository.saveTranscript(id, 1, new TextEncoder().encode('a transcript'));
    for (const round of [1, 2, 3])
      await repository.noteReleases(
        'ward',
        `model ${round}`,
        new Map(
          [ALICE, BOB].map((participant) => [
            participant,
            {
              dataset: participant,
              federation: 'ward',
              run: id,
              round,
              atMs: round,
              event: {
                mechanism: 'sampled-gaussian' as const,
                released: 'update' as const,
                weight: 100,
                clipNorm: 1,
                noiseMultiplier: 2,
                sampling: 'poisson' as const,
                samplingRate: 0.1,
                steps: 5,
              },
            },
          ]),
        ),
      );
    const budgets = openBudgets(repository, silentLog);
    const department = { kind: 'department', id: 'emergency' } as const;
    await budgets.setLimit(department, { epsilon: 20, delta: 1e-5, epsilonPerQuery: 0.5 });
    await budgets.charge('query:1', [department], {
      mechanism: 'discrete-laplace',
      scale: 8,
      sensitivity: 2,
    });
    await audit.append(LOCAL_OPERATOR, { action: 'privacy.limit-set', subject: 'department:emergency' });
    await audit.append(LOCAL_OPERATOR, { action: 'training.start', subject: 'training:1' });
    await audit.checkpoint();
    await mkdir(join(place.dataDir, 'held-out'));
    await writeFile(join(place.dataDir, 'held-out', 'ward.json'), '[]');
    return id;
  });
}

describe('backup and restore', () => {
  let folder: string;
  let stateHash: unknown;
  beforeAll(async () => {
    folder = join(root, 'backup');
    const outcome = await command('backup', lived, { folder });
    expect(outcome.report.ok).toBe(true);
    stateHash = outcome.report.facts?.stateHash;
  });
  const copyOfBackup = async (): Promise<string> => {
    const copy = join(root, `backup-${places++}`);
    await cp(folder, copy, { recursive: true });
    return copy;
  };

  test('hold all that there is, each part by its hash, for nobody else to read', async () => {
    const manifest = JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8'));
    expect(manifest.tables).toContainEqual(expect.objectContaining({ name: 'releases', rows: 6 }));
    expect(manifest.blobs).toHaveLength(2);
    expect(manifest.files).toEqual([
      { name: 'ward.json', bytes: 2, sha256: createHash('sha256').update('[]').digest('hex') },
    ]);
    for (const { name, sha256 } of manifest.tables)
      expect(
        createHash('sha256')
          .update(await readFile(join(folder, 'tables', `${name}.jsonl`)))
          .digest('hex'),
      ).toBe(sha256);
    expect((await stat(folder)).mode & 0o077).toBe(0);
    // What an attempt left behind would begin with a dot.
    expect((await readdir(root)).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  test('the same state has the same hash, and a backup never replaces another', async () => {
    const again = await command('backup', lived, { folder: join(root, 'again') });
    expect(again.report.facts?.stateHash).toBe(stateHash);
    await expect(command('backup', lived, { folder })).rejects.toMatchObject({ code: 'argument.invalid' });
  });

  test('wiped and restored, the state is the same by hash, and the server finds its model', async () => {
    const place = await emptyPlace();
    const { report } = await command('restore', place, { folder });
    expect(report).toMatchObject({ ok: true, facts: { stateHash, backupStateHash: stateHash } });
    await withDatabase(place, async (database) => {
      const repository = repositoryOver(database, fileBlobStore(join(place.dataDir, 'blobs')), {
        transcriptsKept: 3,
      });
      const model = await repository.loadModel(run);
      expect(model?.weights).toEqual(weights.weights);
      expect((await repository.getFederation('ward')).name).toBe('Ward \u2028 7');
    });
    expect((await command('verify-audit', place)).report.ok).toBe(true);
  });

  test('what is there is replaced only when it is named, and then wholly', async () => {
    const place = await copyOfLived();
    const jobs = (database: Database) =>
      execute(database, sql`select to_regclass('jobs.job') is not null`).then(([row]) => row![0]);
    await withDatabase(place, async (database) => {
      await execute(database, sql`delete from releases`);
      await execute(database, sql`create schema if not exists jobs`);
      await execute(database, sql`create table if not exists jobs.job (data jsonb)`);
      expect(await jobs(database)).toBe(true);
    });
    await writeFile(join(place.dataDir, 'held-out', 'other.json'), '[]');
    for (const options of [{}, { force: true, confirm: 'x' }])
      await expect(command('restore', place, { folder, ...options })).rejects.toMatchObject({
        code: 'storage.conflict',
        facts: { expected: expect.stringContaining('--confirm copy-') },
      });
    const confirm = basename(place.dataDir);
    const { report } = await command('restore', place, { folder, force: true, confirm });
    expect(report.facts?.stateHash).toBe(stateHash);
    // Nor is work done that rows had ordered which are gone.
    await withDatabase(place, async (database) => expect(await jobs(database)).toBe(false));
  });

  test.each([
    [
      'a row',
      (at: string) =>
        edit(join(at, 'tables/releases.jsonl'), (text) => text.replace('"steps": 5', '"steps": 1')),
    ],
    ['a missing table', (at: string) => rm(join(at, 'tables/runs.jsonl'))],
    [
      'the manifest',
      (at: string) => edit(join(at, 'manifest.json'), (text) => text.replace('"rows": 6', '"rows": 5')),
    ],
    ['a held-out set', (at: string) => writeFile(join(at, 'held-out/ward.json'), '[1]')],
    [
      'a blob',
      async (at: string) => {
        const [name] = await readdir(join(at, 'blobs'));
        await writeFile(join(at, 'blobs', name!), 'another model');
      },
    ],
  ])('damage to %s is found before anything is changed', async (_, damage) => {
    const damaged = await copyOfBackup();
    await damage(damaged);
    const place = await emptyPlace();
    await expect(command('restore', place, { folder: damaged })).rejects.toMatchObject({
      code: 'storage.corrupt',
    });
    expect(await readdir(join(place.dataDir, 'blobs')).catch(() => [])).toEqual([]);
  });

  test('a manifest that was made to fit other rows does not help: hashes of the tables that came out decide', async () => {
    const forged = await copyOfBackup();
    const path = join(forged, 'tables/metrics.jsonl');
    // A row with a number that no double holds comes out as another row.
    const row = `{"run": "r", "name": "loss", "round": 1, "value": 0.1000000000000000000000000001}\n`;
    await writeFile(path, row);
    const manifest = JSON.parse(await readFile(join(forged, 'manifest.json'), 'utf8'));
    const table = manifest.tables.find(({ name }: { name: string }) => name === 'metrics');
    Object.assign(table, { rows: 1, sha256: createHash('sha256').update(row).digest('hex') });
    manifest.stateHash = hashOfState(manifest);
    const text = JSON.stringify(manifest);
    await writeFile(join(forged, 'manifest.json'), text);
    await writeFile(join(forged, 'manifest.sha256'), createHash('sha256').update(text).digest('hex'));
    const place = await emptyPlace();
    await expect(command('restore', place, { folder: forged })).rejects.toMatchObject({
      code: 'storage.corrupt',
      facts: { path: 'metrics' },
    });
    // Rolled back: the target has no schema at all.
    await expect(command('verify-audit', place)).rejects.toMatchObject({ code: 'storage.conflict' });
  });

  test('a damaged model stops a backup, which leaves nothing', async () => {
    const place = await copyOfLived();
    await rm(join(place.dataDir, 'blobs'), { recursive: true });
    const target = join(root, 'never');
    await expect(command('backup', place, { folder: target })).rejects.toMatchObject({
      code: 'storage.corrupt',
    });
    await expect(stat(target)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test.runIf(binaries !== undefined)(
    'from the embedded database to PostgreSQL and back, the state is the same by hash',
    async () => {
      const there = await postgresPlace();
      expect((await command('restore', there, { folder })).report.facts?.stateHash).toBe(stateHash);
      const folderThere = join(root, 'backup-of-postgres');
      expect((await command('backup', there, { folder: folderThere })).report.facts?.stateHash).toBe(
        stateHash,
      );
      const back = await command('restore', await emptyPlace(), { folder: folderThere });
      expect(back.report.facts?.stateHash).toBe(stateHash);
      // While a server is connected nothing is replaced.
      await withDatabase(there, async () => {
        const confirm = new URL(there.databaseUrl!).pathname.slice(1);
        await expect(command('restore', there, { folder, force: true, confirm })).rejects.toMatchObject({
          code: 'storage.locked',
        });
      });
    },
  );
});

async function edit(path: string, change: (text: string) => string): Promise<void> {
  const text = await readFile(path, 'utf8');
  const changed = change(text);
  expect(changed).not.toBe(text);
  await writeFile(path, changed);
}

describe('checks of what a server left', () => {
  test('privacy-validate finds budgets as reported, and each chain whole', async () => {
    const { report } = await command('privacy-validate', lived);
    expect(report.checks.filter(({ ok }) => !ok)).toEqual([]);
    const budgets = report.facts?.budgets as {
      subject: { kind: string };
      reported: number;
      rdp: number;
      pld: number;
    }[];
    expect(budgets.map(({ subject }) => subject.kind).sort()).toEqual([
      'department',
      'federation',
      'participant',
      'participant',
    ]);
    for (const { reported, rdp, pld } of budgets) expect(reported).toBeCloseTo(Math.min(rdp, pld), 6);
  });

  test('and finds what was tampered with', async () => {
    const place = await copyOfLived();
    await withDatabase(place, (database) =>
      database.run((db) =>
        db.execute(
          sql`update releases set entry = jsonb_set(entry, '{event,noiseMultiplier}', '1') where participant = ${BOB} and seq = 1`,
        ),
      ),
    );
    const outcome = await command('privacy-validate', place);
    expect(outcome.report.ok).toBe(false);
    expect(checkOf(outcome, 'chains')).toMatchObject({ ok: false, detail: expect.stringContaining(BOB) });
    expect(checkOf(outcome, 'policies')).toMatchObject({
      ok: false,
      detail: expect.stringContaining('ward: 1 release'),
    });
  });

  test('verify-audit finds an entry that was changed', async () => {
    expect((await command('verify-audit', lived)).report).toMatchObject({ ok: true });
    const place = await copyOfLived();
    await withDatabase(place, (database) =>
      database.run((db) => db.execute(sql`update audit_entries set actor = 'key:9' where seq = 2`)),
    );
    const outcome = await command('verify-audit', place);
    expect(outcome.report.ok).toBe(false);
    expect(checkOf(outcome, 'audit chain').detail).toContain('entry 2');
  });

  test('health-check reads the newest models, and names what is missing', async () => {
    expect((await command('health-check', lived)).report).toMatchObject({ ok: true });
    const place = await copyOfLived();
    await rm(join(place.dataDir, 'blobs'), { recursive: true });
    const outcome = await command('health-check', place);
    expect(outcome.report.ok).toBe(false);
    expect(checkOf(outcome, 'newest models').detail).toContain('storage.corrupt');
    expect(checkOf(outcome, 'blob store').ok).toBe(true);
    const locked = await withDatabase(place, () => command('health-check', place));
    expect(checkOf(locked, 'database').detail).toContain('storage.locked');
  });

  test('security-audit names a folder that all may open, and keys that never expire', async () => {
    const place = await copyOfLived();
    await chmod(place.dataDir, 0o755);
    await command('create-key', place, { key: { name: 'ci', role: 'operator' } });
    const outcome = await command('security-audit', place);
    expect(checkOf(outcome, 'data folder')).toMatchObject({ ok: false, severity: 'critical' });
    expect(checkOf(outcome, 'keys that never expire')).toMatchObject({ ok: false, severity: 'warning' });
    expect(checkOf(outcome, 'open federations').detail).toContain('ward');
    await chmod(place.dataDir, 0o700);
    expect((await command('security-audit', place)).report.ok).toBe(true);
    const insecure = await runCommand(
      'security-audit',
      {},
      {
        config: {
          ...readConfig({ PUBLIC_ORIGIN: 'http://learn.example', TRUST_PROXY: '1', METRICS_PUBLIC: '1' }),
          ...place,
        },
        log: silentLog,
        nowMs: NOW_MS,
      },
    );
    expect(checkOf(insecure, 'origin').severity).toBe('critical');
    expect(checkOf(insecure, 'metrics').ok).toBe(false);
  });

  test('compliance-check counts members without consent, and what is kept too long', async () => {
    const place = await copyOfLived();
    await withDatabase(place, async (database) => {
      await accessRepository(database).putMember(
        { federation: 'ward', participant: ALICE, via: 'open', user: null, department: null },
        NOW_MS,
      );
      await database.run((db) =>
        db.execute(sql`update transcripts set saved_at_ms = ${NOW_MS - 100 * 86_400_000}::bigint`),
      );
      await database.run((db) =>
        db.execute(
          sql`insert into erasures (id, pseudonym, requested_at_ms, effect) values ('e', 'p', ${NOW_MS - 40 * 86_400_000}::bigint, '{}')`,
        ),
      );
    });
    const outcome = await command('compliance-check', place);
    expect(outcome.report.ok).toBe(false);
    expect(checkOf(outcome, 'consent').detail).toContain('ward: 1 of 1');
    expect(checkOf(outcome, 'retention').detail).toContain('transcripts: 100 days old, kept for 90');
    expect(checkOf(outcome, 'deletions')).toMatchObject({ ok: false, severity: 'critical' });
    expect(outcome.report.facts?.processingRecord).toMatchObject({ activities: [{ federation: 'ward' }] });
  });
});

describe('orders', () => {
  test('create-key shows a secret once, of which the database has the hash', async () => {
    const place = await copyOfLived();
    const { report, secret } = await command('create-key', place, { key: { name: 'new', role: 'auditor' } });
    expect(JSON.stringify(report)).not.toContain(secret);
    const parsed = parseKey(secret!)!;
    const row = await withDatabase(place, (database) => accessRepository(database).keyById(parsed.id));
    expect(row).toMatchObject({
      hash: hashOf(parsed.secret),
      role: 'auditor',
      createdBy: 'operator:command-line',
    });
    expect((await command('verify-audit', place)).report.checks[0]!.detail).toContain('4 entries');
  });

  test('drain sets the switch that servers obey, and takes it back', async () => {
    const place = await copyOfLived();
    const isOn = () =>
      withDatabase(place, async (database) => {
        const rows = (await database.run((db) =>
          db.execute(sql`select is_on from switches where name = 'drain'`),
        )) as unknown as unknown[][];
        return rows[0]?.[0];
      });
    await command('drain', place);
    expect(await isOn()).toBe(true);
    await command('drain', place, { off: true });
    expect(await isOn()).toBe(false);
  });

  test('migrate brings a new folder to this version, and says so; nothing else works before', async () => {
    const place = await emptyPlace();
    await expect(command('verify-audit', place)).rejects.toMatchObject({ code: 'storage.conflict' });
    expect((await command('migrate', place)).report.facts).toMatchObject({ before: 'no schema' });
    expect((await command('migrate', place)).report.checks[0]!.detail).toContain('already');
  });

  test('a newer schema than this program knows is left alone', async () => {
    const place = await copyOfLived();
    await withDatabase(place, (database) =>
      database.run((db) =>
        db.execute(
          sql`insert into drizzle.__drizzle_migrations (hash, created_at) values ('x', 9000000000000)`,
        ),
      ),
    );
    for (const name of ['migrate', 'verify-audit'] as const)
      await expect(command(name, place)).rejects.toMatchObject({ code: 'storage.conflict' });
  });
});
