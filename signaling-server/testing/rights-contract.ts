import { getTableName, is, sql } from 'drizzle-orm';
import { getTableConfig, PgTable } from 'drizzle-orm/pg-core';
import { beforeEach, describe, expect, test } from 'vitest';
import { createNobleIdentity, type Identity, type ParticipantId } from '../../shared/identity/index.ts';
import { verifyChain } from '../../shared/ledger/index.ts';
import { webCryptoRandom } from '../../shared/random/index.ts';
import { SYSTEM } from '../access/principal.ts';
import { createAuditLog, type ServerAuditLog } from '../audit/create-audit-log.ts';
import { subjectIdOf } from '../privacy/subject.ts';
import { createAccounts } from '../rights/accounts.ts';
import { createConsents } from '../rights/consent.ts';
import { createDeletion, type Deletion, type ErasurePorts } from '../rights/deletion.ts';
import { type ErasedRegister, erasedRegister } from '../rights/erased.ts';
import { exportParticipant } from '../rights/export.ts';
import { guardErased } from '../rights/guard-erased.ts';
import { execute } from '../rights/mentions.ts';
import { PERSONAL_DATA } from '../rights/personal-data.ts';
import { verifyReceipt } from '../rights/receipt.ts';
import { createRightsService, type RightsService } from '../rights/rights-service.ts';
import type { BlobStore } from '../storage/blob-store.ts';
import type { Database } from '../storage/database.ts';
import { type Repository, repositoryOver } from '../storage/repository.ts';
import * as schema from '../storage/schema.ts';
import { ALICE, BOB, callerAs, type History, writeHistory } from './rights-history.ts';

const random = webCryptoRandom(globalThis.crypto);
export const TABLES = Object.values<unknown>(schema).filter((each): each is PgTable => is(each, PgTable));

interface Exported {
  readonly schema: string;
  readonly participant: string;
  readonly models: readonly { readonly run: string; readonly rounds: number }[];
  readonly tables: readonly { readonly table: string; readonly rows: readonly Record<string, unknown>[] }[];
}

/** Articles 17 and 20 on a participant with history, the same for every database. */
export function rightsContract(
  name: string,
  opened: () => { readonly database: Database; readonly blobs: BlobStore },
): void {
  describe(`rights on ${name}`, () => {
    let identity: Identity;
    let audit: ServerAuditLog;
    let erased: ErasedRegister;
    let repository: Repository;
    let history: History;
    let forgotten: string[];
    let rolledBack: string[];
    let reloaded: string[];
    const ports: ErasurePorts = {
      forgetParticipant: async (participant) => {
        forgotten.push(participant);
      },
      tellErased: (_, federations) => {
        reloaded.push(...federations);
      },
      rollBack: async (run, version) => {
        rolledBack.push(`${run} ${version}`);
      },
    };
    const deletionOver = (database: Database): Deletion =>
      createDeletion({
        database,
        blobs: opened().blobs,
        audit: createAuditLog({ database, identity, random, isErased: erased.isErased }),
        erased,
        identity,
        random,
        ports,
        nowMs: () => 5000,
      });
    const serviceOver = (deletion: Deletion): RightsService =>
      createRightsService({
        database: opened().database,
        audit,
        deletion,
        accounts: createAccounts({ database: opened().database, audit, identity, random, nowMs: () => 6000 }),
        consents: createConsents({
          database: opened().database,
          getFederation: repository.getFederation,
          audit,
          bar: () => Promise.resolve(),
        }),
        record: () => Promise.reject(new Error('not asked for here')),
      });

    async function begin(): Promise<void> {
      const { database, blobs } = opened();
      const names = sql.join(
        TABLES.map((table) => sql.identifier(getTableName(table))),
        sql`, `,
      );
      await database.run((db) => db.execute(sql`truncate ${names}`));
      identity = createNobleIdentity(random);
      erased = await erasedRegister({ database, identity });
      audit = createAuditLog({ database, identity, random, isErased: erased.isErased });
      repository = guardErased(repositoryOver(database, blobs, { transcriptsKept: 3 }), erased, random);
      forgotten = [];
      rolledBack = [];
      reloaded = [];
      history = await writeHistory(database, repository, audit);
    }
    beforeEach(begin, 60_000);

    /** Every column of every table in which this text stands, as `table.column`. */
    async function placesOf(text: string): Promise<string[]> {
      const found: string[] = [];
      for (const table of TABLES) {
        for (const column of getTableConfig(table).columns) {
          if (!['PgText', 'PgJsonb'].includes(column.columnType)) continue;
          const [row] = await execute(
            opened().database,
            sql`select count(*) from ${table} where position(${text}::text in ${sql.identifier(column.name)}::text) > 0`,
          );
          if (Number(row![0]) > 0) found.push(`${getTableName(table)}.${column.name}`);
        }
      }
      return found.sort();
    }

    async function exported(participant: ParticipantId): Promise<Exported> {
      let text = '';
      for await (const piece of exportParticipant(
        { database: opened().database, audit, nowMs: () => 1 },
        participant,
      ))
        text += piece;
      return JSON.parse(text) as Exported;
    }

    test('V-08: the history names Alice in every place that is declared, and in no other', async () => {
      const declared = PERSONAL_DATA.flatMap((table) =>
        typeof table.places === 'string'
          ? []
          : table.places.map(({ column }) => `${getTableName(table.table)}.${column.name}`),
      );
      // A deletion that is under way names whom it is for; none is.
      expect(await placesOf(ALICE)).toEqual(declared.filter((place) => place !== 'erasures.effect').sort());
    });

    test('V-08: an export has every table that names the participant, and nobody else', async () => {
      const pseudonym = await audit.pseudonymOf(ALICE);
      const all = await exported(ALICE);
      const withRows = all.tables.filter(({ rows }) => rows.length > 0).map(({ table }) => table);
      for (const text of [ALICE, pseudonym])
        for (const place of await placesOf(text)) expect(withRows).toContain(place.split('.')[0]);
      expect(withRows).toContain('transcripts');
      expect(JSON.stringify(all)).not.toContain(BOB);
      expect(all.models).toEqual([expect.objectContaining({ run: history.run, rounds: 1, firstRound: 2 })]);
      const rows = (name: string) => all.tables.find(({ table }) => table === name)!.rows;
      expect(rows('rounds').map(({ round }) => round)).toEqual([2, 3]);
      expect(rows('rounds')[0]).toMatchObject({
        record: { updateIsInTheModel: true, droppedOut: false, coordinated: true, participants: 2 },
      });
      expect(rows('pseudonym_keys')).toEqual([{ participant: ALICE, pseudonym }]);
      expect(rows('transcripts')).toEqual([expect.objectContaining({ round: 2 })]);
    });

    test('an export of whoever is not known is empty, and gives nobody a name', async () => {
      const nobody = 'CCCCCCCCCCCCCCCCCCCCCA' as ParticipantId;
      const { tables, models } = await exported(nobody);
      expect(tables.flatMap(({ rows }) => rows)).toEqual([]);
      expect(models).toEqual([]);
      expect(await placesOf(nobody)).toEqual([]);
    });

    const erasureRows = () => opened().database.run((db) => db.select().from(schema.erasures));

    /** What must hold after a deletion, however often it was cut short. */
    async function expectErased(pseudonym: string): Promise<void> {
      expect(await placesOf(ALICE)).toEqual([]);
      // The audit keeps what was done, under a name that nobody can turn back.
      for (const place of await placesOf(pseudonym)) expect(place).toMatch(/^audit_entries\./);
      expect((await audit.list({ subject: `participant:${ALICE}` })).items).toEqual([]);
      expect(await audit.verify()).toMatchObject({ ok: true });
      expect(await erased.isErased(ALICE)).toBe(true);
      const [row] = await erasureRows();
      expect(row).toMatchObject({ completedAtMs: 5000 });
      // The budget of the federation counts what it counted, in chains that verify.
      const counts = await repository.countReleases({ federation: history.federation });
      expect(counts.map(({ count }) => count).sort()).toEqual([1, 3]);
      verifyChain(await repository.readReleases(history.federation, row!.pseudonym));
      const records = await repository.listRecords(history.run, 1, 10);
      expect(records.map(({ survivors }) => survivors.length)).toEqual([1, 2, 1]);
      expect(records[1]!.survivors).toEqual([row!.pseudonym, BOB]);
      const { blobs } = opened();
      expect(await blobs.has(history.sharedTranscript)).toBe(false);
      expect(await blobs.has(history.otherTranscript)).toBe(true);
    }

    test('V-09: after a deletion the id is nowhere, others are untouched, and the receipt says what was done', async () => {
      const pseudonym = await audit.pseudonymOf(ALICE);
      const bob = await exported(BOB);
      const service = serviceOver(deletionOver(opened().database));
      // Others trained the model too: a participant alone cannot take it back.
      await expect(service.erase(callerAs(ALICE), ALICE, { rollBack: true })).rejects.toMatchObject({
        code: 'http.forbidden',
      });
      const operator = {
        ...SYSTEM,
        principal: { ...SYSTEM.principal, name: 'key:op', scopes: new Set(['rights:write'] as const) },
      };
      const signed = await service.erase(operator, ALICE, { rollBack: true });
      await expectErased(pseudonym);
      expect(forgotten).toEqual([ALICE]);
      expect(reloaded).toEqual([history.federation]);
      expect(rolledBack).toEqual([`${history.run} 1`]);
      expect(verifyReceipt(signed, identity.publicKey)).toBe(true);
      expect(
        verifyReceipt({ ...signed, receipt: { ...signed.receipt, excluded: false } }, identity.publicKey),
      ).toBe(false);
      expect(JSON.stringify(signed)).not.toContain(ALICE);
      const rowsIn = new Map(signed.receipt.tables.map(({ table, rows }) => [table, rows]));
      expect(rowsIn.get('rounds')).toBe(2);
      expect(rowsIn.get('releases')).toBe(1);
      expect(rowsIn.get('transcripts')).toBe(1);
      expect(signed.receipt.contributions).toEqual([
        expect.objectContaining({ run: history.run, versions: { from: 2, to: 3 } }),
      ]);
      expect(signed.receipt.rollbacks).toEqual({ [history.run]: 'version 1' });
      // Of Bob only the file of their common round is gone.
      const after = await exported(BOB);
      const bare = ({ tables }: Exported) =>
        tables
          .filter(({ table }) => table !== 'transcripts')
          .map(({ table, rows }) => [table, rows.map((row) => JSON.stringify(row)).sort()]);
      expect(bare(after)).toEqual(bare(bob));
      expect(after.tables.find(({ table }) => table === 'transcripts')!.rows).toHaveLength(1);
    });

    test('V-09: killed between any two statements it goes on, and ends the same', async () => {
      const { database } = opened();
      const pseudonym = await audit.pseudonymOf(ALICE);
      let kills = 0;
      let steps = 0;
      // From each step that was reached it dies after one statement, then after two, and so on until it gets to the next step.
      for (let statements = 1; ; statements++) {
        const life = deletionOver(mortal(database, statements));
        const isUnderWay = (await erasureRows()).length > 0;
        const work = isUnderWay ? life.resume() : life.erase(callerAs(ALICE), { participant: ALICE });
        const died = await work.then(
          () => false,
          () => true,
        );
        if (!died) break;
        kills++;
        const [row] = await erasureRows();
        const done = (row?.effect.done as readonly string[] | undefined)?.length ?? 0;
        if (done > steps) statements = 0;
        steps = done;
      }
      expect(kills).toBeGreaterThan(20);
      await expectErased(pseudonym);
    }, 120_000);

    test('V-10: what others still say of it is not written again', async () => {
      await deletionOver(opened().database).erase(SYSTEM, { participant: ALICE });
      const [old] = await repository.listRecords(history.run, 1, 10);
      await repository.saveRecord(history.run, {
        ...old!,
        round: 4,
        hash: '4'.repeat(64),
        survivors: [ALICE, BOB],
        coordinator: ALICE,
      });
      await repository.noteReleases(
        history.federation,
        '4',
        new Map([
          [
            ALICE as string,
            {
              dataset: ALICE,
              run: history.run,
              round: 4,
              atMs: 1,
              event: { mechanism: 'none', released: 'local-metrics' } as const,
            },
          ],
        ]),
      );
      const attended = {
        participant: ALICE,
        outcome: 'survived' as const,
        code: undefined,
        trained: true,
        uploaded: true,
        trainMs: 1,
      };
      await repository.noteAttempt(history.federation, history.run, {
        attempt: { term: 1, round: 4, attempt: 0 },
        participants: [attended],
      });
      await repository.seeParticipant(ALICE, new Uint8Array(32));
      await expect(repository.block(ALICE, 'again')).rejects.toMatchObject({ code: 'http.not-found' });
      await repository.quarantine(history.federation, ALICE, 'unreliable', () => 1);
      await audit.append(callerAs(ALICE), { action: 'access.refused', subject: `participant:${ALICE}` });
      expect(await placesOf(ALICE)).toEqual([]);
      const records = await repository.listRecords(history.run, 4, 1);
      expect(records[0]!.survivors).toHaveLength(2);
      await expect(
        deletionOver(opened().database).erase(SYSTEM, { participant: ALICE }),
      ).rejects.toMatchObject({ code: 'http.not-found' });
    });

    test('V-17: an account has its export and its deletion, and nobody whose name is alike', async () => {
      const { database } = opened();
      const [account, alike] = ['https://id.example#ann', 'https://id.example#anna'];
      // A row of each table that can name an account, which names this one.
      const declared = PERSONAL_DATA.filter(({ accounts }) => accounts !== undefined);
      for (const { table, accounts } of declared) {
        // Rows of a chain are as they were written: what is refused below is in it.
        if (table === schema.auditEntries) continue;
        const { principals = [], users = [] } = accounts!;
        for (const [columns, name] of [
          [principals, `user:${account}`],
          [users, table === schema.budgetEntries ? subjectIdOf(account) : account],
        ] as const)
          for (const column of columns)
            await execute(
              database,
              sql`update ${table} set ${sql.identifier(column.name)} = ${name}
                where ctid = (select ctid from ${table} where ${accounts!.only ?? sql`true`} order by ctid limit 1)`,
            );
      }
      const spare = { id: 'spare', reason: 'none', untilMs: 1, kind: null, federation: null } as const;
      await database.run((db) => db.insert(schema.silences).values({ ...spare, createdBy: `user:${alike}` }));
      const service = serviceOver(deletionOver(database));
      const as = (kind: 'token' | 'api-key', user: string, scopes: readonly 'rights:write'[] = []) => ({
        ...SYSTEM,
        principal: { ...SYSTEM.principal, kind, name: `user:${user}`, user, scopes: new Set(scopes) },
      });
      for (const caller of [as('token', alike), as('api-key', account), callerAs(ALICE)]) {
        await expect(service.exportAccount(caller, account)).rejects.toMatchObject({
          code: 'http.forbidden',
        });
        await expect(service.eraseAccount(caller, account)).rejects.toMatchObject({ code: 'http.forbidden' });
      }
      const operator = as('token', 'op', ['rights:write']);
      for (const other of [ALICE, `participant:${ALICE}`, '', 'a\nb'])
        await expect(service.eraseAccount(operator, other)).rejects.toMatchObject({
          code: 'argument.invalid',
        });

      let text = '';
      for await (const piece of await service.exportAccount(as('token', account), account)) text += piece;
      const { tables } = JSON.parse(text) as Exported;
      const filled = tables.filter(({ rows }) => rows.length > 0).map(({ table }) => table);
      expect(filled.sort()).toEqual(declared.map(({ table }) => getTableName(table)).sort());
      expect(text).not.toContain(alike);

      const { receipt } = await service.eraseAccount(operator, account);
      expect(
        verifyReceipt(await service.eraseAccount(as('token', account), account), identity.publicKey),
      ).toBe(true);
      expect(receipt.tables.map(({ table }) => table).sort()).toEqual(filled.sort());
      const left = new Set([...(await placesOf(account)), ...(await placesOf(subjectIdOf(account)))]);
      // The audit names who answers for what was done; another name begins alike.
      expect([...left].filter((place) => !place.startsWith('audit_entries.'))).toEqual([
        'silences.created_by',
      ]);
      expect(
        (await database.run((db) => db.select().from(schema.silences))).map(({ createdBy }) => createdBy),
      ).toContain(`user:${alike}`);
      const keys = await database.run((db) => db.select().from(schema.apiKeys));
      expect(keys.filter(({ revokedAtMs }) => revokedAtMs === 6000)).toHaveLength(1);
      expect(await audit.verify()).toMatchObject({ ok: true });
    });

    test('asked for twice at once it is done once', async () => {
      const deletion = deletionOver(opened().database);
      const [one, two] = await Promise.all([
        deletion.erase(SYSTEM, { participant: ALICE }),
        deletion.erase(SYSTEM, { participant: ALICE }),
      ]);
      expect(one).toEqual(two);
    });

    test('a model that cannot be taken back is said so, and holds nothing up', async () => {
      const stubborn = createDeletion({
        database: opened().database,
        blobs: opened().blobs,
        audit,
        erased,
        identity,
        random,
        ports: {
          ...ports,
          rollBack: () => Promise.reject(Object.assign(new Error('over'), { code: 'http.conflict' })),
        },
      });
      const { receipt } = await stubborn.erase(SYSTEM, { participant: ALICE, rollBack: true });
      expect(Object.keys(receipt.rollbacks)).toEqual([history.run]);
      expect(await placesOf(ALICE)).toEqual([]);
    });

    test('V-11: nobody exercises the rights of another, but whoever holds the authority for it', async () => {
      const service = serviceOver(deletionOver(opened().database));
      const operator = {
        ...SYSTEM,
        principal: { ...SYSTEM.principal, name: 'key:op', scopes: new Set(['rights:write'] as const) },
      };
      const bound = { ...operator, principal: { ...operator.principal, federation: history.federation } };
      for (const caller of [callerAs(BOB), SYSTEM, bound]) {
        for (const call of [
          () => service.erase(caller, ALICE),
          () => service.exportData(caller, ALICE),
          () => service.consents(caller, ALICE),
          () => service.withdrawConsent(caller, history.federation, ALICE),
          () => service.giveConsent(caller, history.federation, ALICE, 'd'.repeat(64)),
        ])
          await expect(call()).rejects.toMatchObject({ code: 'http.forbidden' });
      }
      const refused = await audit.list({ action: 'rights.deletion-started' });
      expect(refused.items[0]).toMatchObject({ outcome: 'refused', code: 'http.forbidden' });
      // Nobody agrees for another.
      await expect(
        service.giveConsent(operator, history.federation, ALICE, 'd'.repeat(64)),
      ).rejects.toMatchObject({ code: 'http.forbidden' });
      await service.exportData(operator, ALICE);
      await expect(service.erase(operator, 'no id')).rejects.toMatchObject({ code: 'argument.invalid' });
      await service.erase(operator, ALICE);
      const [erasure] = await service.erasures(operator);
      expect(erasure).toMatchObject({ completedAtMs: 5000 });
      expect(await placesOf(ALICE)).toEqual([]);
    });
  });
}

/** Dies after so many statements. */
function mortal(database: Database, statements: number): Database {
  let left = statements;
  return {
    ...database,
    run: (statement) => (left-- > 0 ? database.run(statement) : Promise.reject(new Error('killed'))),
  };
}
