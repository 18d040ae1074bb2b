import { sql } from 'drizzle-orm';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { MurmurationError } from '../../shared/errors/index.ts';
import { createNobleIdentity, type Identity, type ParticipantId } from '../../shared/identity/index.ts';
import { webCryptoRandom } from '../../shared/random/index.ts';
import type { Caller } from '../access/principal.ts';
import { SYSTEM } from '../access/principal.ts';
import { createAuditLog, type ServerAuditLog } from '../audit/create-audit-log.ts';
import { GENESIS_HASH } from '../audit/entry-hash.ts';
import { type AuditLine, verifyChain } from '../audit/verify-chain.ts';
import type { Database } from '../storage/database.ts';
import { pseudonymKeys } from '../storage/schema.ts';

const ALICE = 'AAAAAAAAAAAAAAAAAAAAAA' as ParticipantId;
const random = webCryptoRandom(globalThis.crypto);

/** The audit log, the same for every database. */
export function auditContract(name: string, opened: () => Database): void {
  describe(`the audit log on ${name}`, () => {
    let identity: Identity;
    let audit: ServerAuditLog;
    let now: number;
    const open = (): ServerAuditLog =>
      createAuditLog({ database: opened(), identity, nowMs: () => now, random });
    const change = (statement: string) => opened().run((db) => db.execute(sql.raw(statement)));

    beforeEach(async () => {
      await change('truncate audit_entries, audit_checkpoints, pseudonym_keys, feed_cursors');
      identity = createNobleIdentity(random);
      now = 1000;
      audit = open();
    });
    const write = async (count: number, log = audit): Promise<void> => {
      for (let n = 1; n <= count; n++)
        await log.append(SYSTEM, { action: 'training.start', subject: `training:${n}`, after: { round: n } });
    };

    test('V-01: entries follow each other from 1, each with the hash of the one before', async () => {
      await write(3);
      const [third, second, first] = (await audit.list({})).items;
      expect([first!.seq, second!.seq, third!.seq]).toEqual([1, 2, 3]);
      expect(first!.previousHash).toBe(GENESIS_HASH);
      expect(second!.previousHash).toBe(first!.hash);
      expect(third).toMatchObject({ previousHash: second!.hash, actor: 'system', outcome: 'done' });
      expect(await audit.verify()).toEqual({
        ok: true,
        entries: 3,
        checkpoints: 0,
        broken: null,
        unfinished: [],
      });
    });

    test('V-13: whoever changes something is named before it, and what came of it after', async () => {
      let end: (count: number) => void = () => undefined;
      const work = audit.record(SYSTEM, {
        action: 'participant.block',
        subject: `participant:${ALICE}`,
        before: { count: 1 },
        after: { count: 2 },
        effect: () => new Promise<number>((resolve) => (end = resolve)),
        found: (count) => ({ after: { count } }),
      });
      await expect.poll(() => audit.newestSeq()).toBe(1);
      // It is under way, or the server died over it: there is no telling.
      expect(await open().verify()).toMatchObject({ ok: true, unfinished: [1] });
      await audit.forget(ALICE);
      end(3);
      expect(await work).toBe(3);
      const [done, begun] = (await audit.list({})).items;
      expect(begun).toMatchObject({ outcome: 'begun', before: { count: 1 }, after: { count: 2 } });
      expect(done).toMatchObject({ outcome: 'done', before: { count: 1 }, after: { count: 3, intent: 1 } });
      expect(done!.subject).toBe(begun!.subject);
      expect(await audit.verify()).toMatchObject({ ok: true, unfinished: [] });
    });

    test('V-13: an effect that fails is told as that, and not as done', async () => {
      const effect = () => Promise.reject(new MurmurationError('http.conflict', 'No.'));
      const change = {
        action: 'training.pause',
        subject: 'training:1',
        before: { n: 1 },
        after: { n: 2 },
        effect,
      };
      await expect(audit.record(SYSTEM, change)).rejects.toMatchObject({ code: 'http.conflict' });
      const [failed] = (await audit.list({})).items;
      expect(failed).toMatchObject({
        seq: 2,
        outcome: 'failed',
        code: 'http.conflict',
        after: { intent: 1 },
      });
      expect(failed).not.toHaveProperty('before');
      expect(await audit.verify()).toMatchObject({ ok: true, unfinished: [] });
    });

    test('V-13: while the log cannot be written nothing begins; what began is told of when it can', async () => {
      let isAway = true;
      const away: Database['run'] = async (statement) => {
        if (isAway) throw new MurmurationError('storage.unavailable', 'There is no access to the database.');
        return opened().run(statement);
      };
      const flaky = createAuditLog({ database: { ...opened(), run: away }, identity, random });
      const effect = vi.fn(async () => {
        isAway = true;
        return 'paused';
      });
      const pause = () => flaky.record(SYSTEM, { action: 'training.pause', subject: 'training:1', effect });
      await expect(pause()).rejects.toMatchObject({ code: 'storage.unavailable' });
      expect(effect).not.toHaveBeenCalled();
      isAway = false;
      // It was: whoever asks again because it was told otherwise would do it twice.
      expect(await pause()).toBe('paused');
      expect((await audit.verify()).unfinished).toEqual([1]);
      isAway = false;
      await flaky.checkpoint();
      expect((await audit.list({})).items.map(({ outcome }) => outcome)).toEqual(['done', 'begun']);
      expect(await audit.verify()).toMatchObject({ ok: true, entries: 2, unfinished: [] });
    });

    test('an entry is in the database when append resolves, in the order of calls', async () => {
      const entries = await Promise.all(
        Array.from({ length: 40 }, (_, n) =>
          audit.append(SYSTEM, {
            action: 'training.start',
            // Some have to be named first, which takes longer.
            subject: n % 3 === 0 ? `participant:${ALICE}` : `training:${n}`,
            after: { n },
          }),
        ),
      );
      expect(entries.map(({ after }) => after!.n)).toEqual(entries.map((_, n) => n));
      expect(entries.map(({ seq }) => seq)).toEqual(entries.map((_, n) => n + 1));
      expect((await open().verify()).entries).toBe(40);
    });

    test('of replicas that write at once each entry gets a place, and the chain does not fork', async () => {
      const replicas = [open(), open(), open()];
      await Promise.all(replicas.map((replica) => write(15, replica)));
      expect(await audit.verify()).toMatchObject({ ok: true, entries: 45 });
    });

    test('V-02: a checkpoint signs the newest entry, once', async () => {
      await audit.checkpoint();
      await write(2);
      await audit.checkpoint();
      await audit.checkpoint();
      expect(await audit.verify()).toMatchObject({ ok: true, checkpoints: 1 });
      const other = createNobleIdentity(random);
      expect(await verifyChain(audit.lines(), other.publicKey)).toMatchObject({
        ok: false,
        broken: { seq: 2, why: expect.stringContaining('signature') },
      });
    });

    describe('finds what was done to it', () => {
      const broken = async (statement: string) => {
        await write(6);
        await audit.checkpoint();
        await change(statement);
        const verdict = await open().verify();
        expect(verdict.ok).toBe(false);
        return verdict.broken;
      };

      test('an entry that was changed', async () => {
        expect(await broken("update audit_entries set actor = 'key:other' where seq = 4")).toEqual({
          seq: 4,
          why: expect.stringContaining('changed'),
        });
      });
      test('settings in it that were changed', async () => {
        expect(await broken(`update audit_entries set after = '{"round":5}' where seq = 4`)).toMatchObject({
          seq: 4,
        });
      });
      test('an entry that is gone', async () => {
        expect(await broken('delete from audit_entries where seq = 3')).toEqual({
          seq: 3,
          why: expect.stringContaining('missing'),
        });
      });
      test('entries that changed places', async () => {
        expect(
          await broken(
            'update audit_entries set seq = case seq when 2 then 90 else 2 end where seq in (2, 3)',
          ),
        ).toMatchObject({ seq: 2 });
      });
      test('an entry with another hash made to fit, at the one after it', async () => {
        await write(6);
        const forged = createAuditLog({ database: opened(), identity, nowMs: () => 7, random });
        const lines: AuditLine[] = [];
        for await (const line of audit.lines()) lines.push(line);
        await change('delete from audit_entries where seq >= 4');
        await forged.append(SYSTEM, { action: 'training.start', subject: 'training:forged' });
        const mixed: AuditLine[] = [];
        for await (const line of forged.lines()) mixed.push(line);
        expect(await verifyChain([...mixed, ...lines.slice(4)], identity.publicKey)).toMatchObject({
          broken: { seq: 5, why: expect.stringContaining('does not follow') },
        });
      });
      test('an entry that is there twice', async () => {
        await write(3);
        const lines: AuditLine[] = [];
        for await (const line of audit.lines()) lines.push(line);
        lines.splice(2, 0, lines[1]!);
        expect(await verifyChain(lines, identity.publicKey)).toMatchObject({
          broken: { seq: 2, why: expect.stringContaining('twice') },
        });
      });
      test('an end that is missing, as far as a checkpoint reaches', async () => {
        expect(await broken('delete from audit_entries where seq > 4')).toEqual({
          seq: 5,
          why: expect.stringContaining('missing'),
        });
      });
      test('a whole log that is missing', async () => {
        expect(await broken('delete from audit_entries')).not.toBeNull();
      });
      test('a beginning that is missing without a cut, though it ends at a checkpoint', async () => {
        await write(3);
        await audit.checkpoint();
        await write(3);
        await change('delete from audit_entries where seq <= 3');
        expect((await audit.verify()).broken).toEqual({
          seq: 3,
          why: expect.stringContaining('no entry that was signed says'),
        });
      });
      test('a cut that somebody without the key wrote into the rows', async () => {
        await write(3);
        await audit.checkpoint();
        const signed = (await audit.list({ limit: 1 })).items[0]!;
        await write(3);
        await audit.append(SYSTEM, {
          action: 'audit.cut',
          subject: 'audit',
          after: { from: 1, upTo: signed.seq, hash: signed.hash },
        });
        await change('delete from audit_entries where seq <= 3');
        expect((await audit.verify()).broken).toMatchObject({ seq: 3 });
      });
      test('a checkpoint that was changed, and one that signs another entry', async () => {
        expect(await broken("update audit_checkpoints set hash = repeat('a', 64)")).toMatchObject({ seq: 6 });
      });
    });

    test('V-05: cut for its age, it still verifies, and shows where', async () => {
      await write(3);
      await audit.checkpoint();
      now = 5000;
      await write(2);
      await audit.checkpoint();
      now = 9000;
      expect(await audit.cut(SYSTEM, 4999)).toBe(3);
      expect(await audit.verify()).toMatchObject({ ok: true, entries: 3, checkpoints: 3 });
      expect((await audit.list({ action: 'audit.cut' })).items[0]).toMatchObject({
        seq: 6,
        after: { from: 1, upTo: 3 },
      });
      // Nothing older is left: no entry is written for it.
      expect(await audit.cut(SYSTEM, 4999)).toBe(0);
      await audit.checkpoint();
      expect(await audit.cut(SYSTEM, 9000)).toBe(3);
      expect(await audit.verify()).toMatchObject({ ok: true, entries: 1 });
    });

    test('V-05: without a checkpoint that is old enough nothing is cut', async () => {
      await write(2);
      expect(await audit.cut(SYSTEM, 1_000_000)).toBe(0);
      expect((await audit.list({})).items).toHaveLength(2);
    });

    test('V-03: participants are named by pseudonyms wherever they stand, the same each time', async () => {
      const caller: Caller = {
        principal: { ...SYSTEM.principal, kind: 'participant', name: `participant:${ALICE}` },
        origin: { address: '::1', requestId: 'r' },
      };
      const entry = await audit.append(caller, {
        action: 'training.start',
        subject: `budget:participant/${ALICE}`,
        before: { participant: ALICE },
        after: { clients: [ALICE], nested: { survivors: [ALICE] }, note: `participant:${ALICE}` },
      });
      expect(JSON.stringify(entry)).not.toContain(ALICE);
      const pseudonym = await audit.pseudonymOf(ALICE);
      expect(pseudonym).toMatch(/^p_[\w-]{22}$/);
      expect(entry).toMatchObject({
        actor: `participant:${pseudonym}`,
        subject: `budget:participant/${pseudonym}`,
        after: { clients: [pseudonym], nested: { survivors: [pseudonym] } },
      });
      expect((await audit.list({ actor: `participant:${ALICE}` })).items).toHaveLength(1);
      expect(await open().pseudonymOf(ALICE)).toBe(pseudonym);
    });

    test('V-04: once forgotten, nothing leads from the participant to its pseudonym, and the chain verifies', async () => {
      await audit.append(SYSTEM, { action: 'participant.block', subject: `participant:${ALICE}` });
      const before = await audit.pseudonymOf(ALICE);
      await audit.forget(ALICE);
      expect((await audit.list({ subject: `participant:${ALICE}` })).items).toEqual([]);
      expect(await audit.pseudonymOf(ALICE)).not.toBe(before);
      expect((await audit.verify()).ok).toBe(true);
    });

    test('V-04: whoever was erased gets no new key', async () => {
      const log = createAuditLog({ database: opened(), identity, isErased: () => Promise.resolve(true) });
      expect(await log.pseudonymOf(ALICE)).toBe('p_erased');
      expect(await opened().run((db) => db.select().from(pseudonymKeys))).toEqual([]);
    });

    test('lists newest first, in pages', async () => {
      await write(5);
      const one = await audit.list({ limit: 2 });
      const two = await audit.list({ limit: 2, after: one.next! });
      const three = await audit.list({ limit: 2, after: two.next! });
      expect([one, two, three].map(({ items }) => items.map(({ seq }) => seq))).toEqual([
        [5, 4],
        [3, 2],
        [1],
      ]);
      expect(three.next).toBeNull();
      await expect(audit.list({ limit: 0 })).rejects.toMatchObject({ code: 'argument.invalid' });
      await expect(audit.list({ after: '1; drop table' })).rejects.toMatchObject({
        code: 'argument.invalid',
      });
    });

    test('what comes from a request cannot break a line, or a statement', async () => {
      const entry = await audit.append(
        {
          principal: { ...SYSTEM.principal, kind: 'anonymous', name: 'anonymous' },
          origin: { address: 'a\u0000b\nc', requestId: `\ud800${'x'.repeat(1000)}` },
        },
        { action: 'access.refused', subject: 'route', outcome: 'refused', code: 'http.forbidden' },
      );
      expect(entry.address).toBe('a\ufffdb\ufffdc');
      expect(entry.requestId).toHaveLength(256);
      expect((await audit.verify()).ok).toBe(true);
    });

    test('numbers come back from the database as they were hashed', async () => {
      await audit.append(SYSTEM, {
        action: 'budget.set',
        subject: 'budget:x',
        after: { a: 0.1 + 0.2, b: 1e-7, c: 1e21, d: -0, e: 2 ** 53, f: 5e-324, g: 1.7976931348623157e308 },
      });
      expect((await audit.verify()).ok).toBe(true);
    });
  });
}
