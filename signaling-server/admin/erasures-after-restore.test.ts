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

    test('V-18: what was revoked, withdrawn or blocked since the backup stays so', async () => {
      const at = await newPlace();
      await live(at);
      const key = {
        name: 'node',
        hash: 'h',
        kind: 'key',
        role: 'owner',
        scopes: [],
        createdBy: 'test',
      } as const;
      const consent = { federation: 'ward', policy: 'p', givenAtMs: 1 } as const;
      await on(at, async (database) => {
        await database.run((db) =>
          db.insert(schema.apiKeys).values(['kept', 'lost'].map((id) => ({ ...key, id, createdAtMs: 1 }))),
        );
        const invitation = {
          federation: 'ward',
          label: 'all',
          maxUses: 9,
          createdBy: 'test',
          expiresAtMs: 9,
        };
        await database.run((db) =>
          db.insert(schema.invitations).values({ ...invitation, id: 'link', createdAtMs: 1 }),
        );
        await database.run((db) =>
          db.insert(schema.consents).values([ALICE, BOB].map((participant) => ({ ...consent, participant }))),
        );
        const clear = {
          federation: 'ward',
          participant: BOB,
          state: 'clear',
          reason: '',
          sinceMs: 1,
          times: 2,
        } as const;
        await database.run((db) => db.insert(schema.standings).values(clear));
      });
      const folder = join(root, `allowed-${kind}`);
      await command('backup', at, { folder });
      await on(at, async (database) => {
        for (const statement of [
          sql`update api_keys set revoked_at_ms = 5 where id = 'lost'`,
          sql`update invitations set revoked_at_ms = 6`,
          sql`update consents set withdrawn_at_ms = 7 where participant = ${ALICE}`,
          sql`update standings set state = 'blocked', reason = 'because', since_ms = 8, times = 1`,
          sql`insert into standings values ('', ${ALICE}, 'blocked', 'everywhere', 9, 10, 0)`,
        ])
          await execute(database, statement);
      });
      const restored = await command('restore', at, { folder, ...over(at) });
      expect(restored.report).toMatchObject({
        ok: true,
        facts: { refusals: { api_keys: 1, invitations: 1, consents: 1, standings: 2 } },
      });
      await on(at, async (database) => {
        const rows = async (statement: string) => execute(database, sql.raw(statement));
        expect(await rows('select id, revoked_at_ms::int from api_keys order by id')).toEqual([
          ['kept', null],
          ['lost', 5],
        ]);
        expect(await rows('select revoked_at_ms::int from invitations')).toEqual([[6]]);
        expect(await rows('select participant, withdrawn_at_ms::int from consents order by 1')).toEqual([
          [ALICE, 7],
          [BOB, null],
        ]);
        const standings =
          'select federation, state, reason, since_ms::int, until_ms::int, times from standings order by 1';
        expect(await rows(standings)).toEqual([
          ['', 'blocked', 'everywhere', 9, 10, 0],
          ['ward', 'blocked', 'because', 8, null, 2],
        ]);
      });
      // Another server's database has no say in it.
      const other = await newPlace();
      await live(other);
      await on(other, (database) =>
        execute(database, sql`insert into standings values ('', ${BOB}, 'blocked', '', 9, null, 0)`),
      );
      expect((await command('restore', other, { folder, ...over(other) })).report.facts).toMatchObject({
        refusals: {},
      });
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
