import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { getTableName, is, sql } from 'drizzle-orm';
import { getTableConfig, PgTable } from 'drizzle-orm/pg-core';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { parseFederation, sampleFederations } from '../../shared/federation/index.ts';
import type { ParticipantId } from '../../shared/identity/index.ts';
import { webCryptoRandom } from '../../shared/random/index.ts';
import { createAuditLog } from '../audit/create-audit-log.ts';
import { readConfig } from '../config.ts';
import { createDeletion } from '../rights/deletion.ts';
import { erasedRegister } from '../rights/erased.ts';
import { execute } from '../rights/mentions.ts';
import { type Database, openDatabase } from '../storage/database.ts';
import { fileBlobStore } from '../storage/file-blob-store.ts';
import { type Repository, repositoryOver } from '../storage/repository.ts';
import * as schema from '../storage/schema.ts';
import { emptyDatabases } from '../testing/empty-database.ts';
import { postgresBinaries, startPostgres, type TestPostgres } from '../testing/postgres.ts';
import { createDatabase } from '../testing/postgres-database.ts';
import { silentLog } from '../testing/silent-log.ts';
import { type Command, type CommandOptions, type Outcome, runCommand } from './commands.ts';
import { LOCAL_OPERATOR } from './local-operator.ts';

// Each command starts an embedded database anew: seconds on a machine that does much else.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

const NOW_MS = Date.UTC(2031, 4, 6);
const ALICE = 'AAAAAAAAAAAAAAAAAAAAAA' as ParticipantId;
const BOB = 'BBBBBBBBBBBBBBBBBBBBBA' as ParticipantId;
const random = webCryptoRandom(globalThis.crypto);
const binaries = postgresBinaries();

interface Place {
  readonly dataDir: string;
  readonly databaseUrl: string | undefined;
}

let root: string;
let emptyDatabase: (name: string) => Promise<string>;
let postgres: TestPostgres | undefined;
let places = 0;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'murmuration-'));
  emptyDatabase = emptyDatabases(root);
});
afterAll(async () => {
  await postgres?.dispose();
  await rm(root, { recursive: true, force: true });
});

const newPlaceOn = {
  PGlite: async (): Promise<Place> => ({
    dataDir: await emptyDatabase(`place-${places++}`),
    databaseUrl: undefined,
  }),
  async PostgreSQL(): Promise<Place> {
    postgres ??= await startPostgres(binaries!);
    const name = `erased_${places++}`;
    return { dataDir: join(root, name), databaseUrl: await createDatabase(postgres, name) };
  },
};

const command = (name: Command, place: Place, options: CommandOptions = {}): Promise<Outcome> =>
  runCommand(name, options, {
    config: { ...readConfig({}), ...place },
    log: silentLog,
    nowMs: NOW_MS,
  });
const over = ({ dataDir, databaseUrl }: Place): CommandOptions => ({
  force: true,
  confirm: databaseUrl === undefined ? basename(dataDir) : new URL(databaseUrl).pathname.slice(1),
});

async function on<T>(
  place: Place,
  work: (database: Database, repository: Repository) => Promise<T>,
): Promise<T> {
  const database = await openDatabase({ ...place, log: silentLog });
  const blobs = fileBlobStore(join(place.dataDir, 'blobs'));
  try {
    return await work(database, repositoryOver(database, blobs, { transcriptsKept: 3 }));
  } finally {
    await database.close();
  }
}

/** Alice and Bob have taken part. */
const live = (place: Place): Promise<void> =>
  on(place, async (database, repository) => {
    const identity = await repository.serverIdentity(random);
    const audit = createAuditLog({ database, identity });
    const federation = parseFederation({ ...sampleFederations[0]!, id: 'ward' });
    await repository.putFederation(federation);
    const { id } = await repository.currentRun(federation);
    for (const participant of [ALICE, BOB]) {
      await repository.seeParticipant(participant, new Uint8Array(32));
      await audit.append(LOCAL_OPERATOR, {
        action: 'access.admitted',
        subject: `participant:${participant}`,
      });
    }
    await repository.saveRecord(id, {
      term: 1,
      round: 1,
      attempt: 0,
      coordinator: ALICE,
      federationRevision: 1,
      baseHash: '0'.repeat(64),
      hash: '1'.repeat(64),
      survivors: [ALICE, BOB],
      dropped: [],
      startedAtMs: 1,
      trainMs: 1,
      exchangeMs: 1,
      applyMs: 1,
      evaluation: null,
      secure: null,
    });
  });

/** As a server does it. @param dies before it is done. */
const erase = (place: Place, participant: ParticipantId, dies = false): Promise<unknown> =>
  on(place, async (database, repository) => {
    const identity = await repository.serverIdentity(random);
    const erased = await erasedRegister({ database, identity });
    const audit = createAuditLog({ database, identity, isErased: erased.isErased });
    const forgetParticipant = () => (dies ? Promise.reject(new Error('killed')) : Promise.resolve());
    const ports = { forgetParticipant };
    const { blobs } = repository;
    return createDeletion({ database, blobs, audit, erased, identity, random, ports })
      .erase(LOCAL_OPERATOR, { participant })
      .catch((thrown: unknown) => {
        if (!dies) throw thrown;
      });
  });

interface Trace {
  /** Columns in which its id stands. */
  readonly places: readonly string[];
  readonly isErased: boolean;
}

const traceOf = (place: Place, participant: ParticipantId): Promise<Trace> =>
  on(place, async (database, repository) => {
    const places: string[] = [];
    for (const table of Object.values<unknown>(schema).filter((each): each is PgTable => is(each, PgTable)))
      for (const column of getTableConfig(table).columns) {
        const [row] = await execute(
          database,
          sql`select count(*) from ${table} where position(${participant}::text in ${sql.identifier(column.name)}::text) > 0`,
        );
        if (Number(row![0]) > 0) places.push(`${getTableName(table)}.${column.name}`);
      }
    const identity = await repository.serverIdentity(random);
    const register = await erasedRegister({ database, identity });
    return { places, isErased: await register.isErased(participant) };
  });
const NONE: Trace = { places: [], isErased: true };
const erasuresOf = ({ report }: Outcome) => report.checks.find(({ name }) => name === 'erasures')!;

for (const kind of ['PGlite', 'PostgreSQL'] as const) {
  describe.skipIf(kind === 'PostgreSQL' && binaries === undefined)(`erasures and restores on ${kind}`, () => {
    const newPlace = newPlaceOn[kind];
    let place: Place;
    /** From before anybody was erased, and after. */
    let before: string;
    let after: string;
    let beforeHash: unknown;
    beforeAll(async () => {
      place = await newPlace();
      await live(place);
      before = join(root, `before-${kind}`);
      after = join(root, `after-${kind}`);
      beforeHash = (await command('backup', place, { folder: before })).report.facts?.stateHash;
      // Nobody was erased since: the state is the same by hash.
      const same = await command('restore', place, { folder: before, ...over(place) });
      expect(same.report).toMatchObject({
        ok: true,
        facts: { stateHash: beforeHash, erasures: { registered: 0, ordered: 0 } },
      });
      await erase(place, ALICE);
      await command('backup', place, { folder: after });
    });

    async function expectAliceErased(at: Place): Promise<void> {
      expect(await traceOf(at, ALICE)).toEqual(NONE);
      const bob = await traceOf(at, BOB);
      expect([bob.isErased, bob.places.includes('participants.id')]).toEqual([false, true]);
      expect((await command('verify-audit', at)).report.ok).toBe(true);
    }

    test('V-15: a restore from before a deletion keeps the deleted deleted, and says how many', async () => {
      const restored = await command('restore', place, { folder: before, ...over(place) });
      expect(restored.report).toMatchObject({ ok: true, facts: { erasures: { registered: 1, ordered: 1 } } });
      expect(erasuresOf(restored).detail).toBe(
        '1 deletions since the backup stay known; 1 participants that it brought back were deleted again.',
      );
      // The hash in the report is of what is there now.
      const now = await command('backup', place, { folder: join(root, `now-${kind}`) });
      expect(restored.report.facts?.stateHash).toBe(now.report.facts?.stateHash);
      await expectAliceErased(place);
    });

    test('V-15: where the database is gone, the register of a newer backup does it', async () => {
      const fresh = await newPlace();
      const erasures = join(after, 'erasures.json');
      const restored = await command('restore', fresh, { folder: before, erasures });
      expect(restored.report).toMatchObject({ ok: true, facts: { erasures: { registered: 1, ordered: 1 } } });
      await expectAliceErased(fresh);
      expect(await readFile(erasures, 'utf8')).not.toContain(ALICE);
    });

    test('with neither, it is said that nobody knows', async () => {
      const fresh = await newPlace();
      const restored = await command('restore', fresh, { folder: before });
      expect(restored.report).toMatchObject({ ok: true, facts: { stateHash: beforeHash } });
      expect(erasuresOf(restored)).toMatchObject({ ok: false, severity: 'warning' });
    });

    test('V-15: a deletion that was under way goes on after the restore', async () => {
      const fresh = await newPlace();
      await command('restore', fresh, { folder: before });
      await erase(fresh, BOB, true);
      const restored = await command('restore', fresh, { folder: before, ...over(fresh) });
      expect(restored.report.facts).toMatchObject({ erasures: { registered: 1, ordered: 1 } });
      expect(await traceOf(fresh, BOB)).toEqual(NONE);
    });

    test('a register that was changed, or is of another server, changes nothing', async () => {
      const fresh = await newPlace();
      const other = await newPlace();
      await live(other);
      const folder = join(root, `other-${kind}`);
      await command('backup', other, { folder });
      const damaged = join(root, `damaged-${kind}.json`);
      await cp(join(after, 'erasures.json'), damaged);
      const text = await readFile(damaged, 'utf8');
      await writeFile(damaged, text.replace(/"hash": "[0-9a-f]{4}/, '"hash": "0000'));
      for (const [erasures, code] of [
        [join(folder, 'erasures.json'), 'argument.invalid'],
        [join(root, 'nothing.json'), 'argument.invalid'],
        [join(folder, 'manifest.json'), 'argument.invalid'],
        [damaged, 'storage.corrupt'],
      ] as const)
        await expect(command('restore', fresh, { folder: before, erasures })).rejects.toMatchObject({ code });
      await expect(command('verify-audit', fresh)).rejects.toMatchObject({ code: 'storage.conflict' });
    });
  });
}
