import { sql } from 'drizzle-orm';
import { beforeEach, describe, expect, test } from 'vitest';
import { type ApiKeyRow, accessRepository, type InvitationRow } from '../access/access-repository.ts';
import type { Database } from '../storage/database.ts';

const NOW_MS = 1_000_000;

export function keyRow(id: string, changes: Partial<ApiKeyRow> = {}): ApiKeyRow {
  return {
    id,
    name: `key ${id}`,
    hash: 'aa',
    kind: 'key',
    role: 'operator',
    scopes: ['system:read'],
    federation: null,
    user: null,
    department: null,
    createdBy: 'system',
    createdAtMs: NOW_MS,
    expiresAtMs: null,
    revokedAtMs: null,
    lastUsedAtMs: null,
    ...changes,
  };
}

export function invitationRow(id: string, changes: Partial<InvitationRow> = {}): InvitationRow {
  return {
    id,
    federation: 'ward',
    label: 'the night shift',
    department: 'emergency',
    maxUses: 2,
    uses: 0,
    createdBy: 'key:1',
    createdAtMs: NOW_MS,
    expiresAtMs: NOW_MS + 60_000,
    revokedAtMs: null,
    ...changes,
  };
}

export async function clearAccess(database: Database): Promise<void> {
  await database.run((db) => db.execute(sql`truncate api_keys, invitations, members, federation_settings`));
}

/** Keys, invitations, members and settings; the same for every database. */
export function accessContract(name: string, opened: () => Database): void {
  describe(`access on ${name}`, () => {
    const repository = () => accessRepository(opened(), () => NOW_MS);
    beforeEach(() => clearAccess(opened()));

    test('a key is kept as it was made, found by its id, and listed in order', async () => {
      const row = keyRow('b', { federation: 'ward', user: 'ann', department: 'lab', expiresAtMs: 5 });
      await repository().putKey(row);
      await repository().putKey(keyRow('a'));
      expect(await repository().keyById('b')).toEqual(row);
      expect(await repository().keyById('c')).toBeUndefined();
      expect((await repository().listKeys({ limit: 9 })).map(({ id }) => id)).toEqual(['a', 'b']);
      expect((await repository().listKeys({ after: 'a', limit: 9 })).map(({ id }) => id)).toEqual(['b']);
    });

    test('revoking says once that it did, and keeps the time', async () => {
      await repository().putKey(keyRow('a'));
      expect(await repository().revokeKey('a', 7)).toMatchObject({ changed: true, row: { revokedAtMs: 7 } });
      expect(await repository().revokeKey('a', 9)).toMatchObject({ changed: false, row: { revokedAtMs: 7 } });
      expect(await repository().revokeKey('b', 9)).toBeUndefined();
    });

    test('the last use is written down at most once a minute', async () => {
      await repository().putKey(keyRow('a'));
      const usedAt = async (atMs: number) => {
        await repository().noteKeyUse('a', atMs);
        return (await repository().keyById('a'))!.lastUsedAtMs;
      };
      expect(await usedAt(1_000)).toBe(1_000);
      expect(await usedAt(61_000)).toBe(1_000);
      expect(await usedAt(61_001)).toBe(61_001);
    });

    test('a certificate is found by its fingerprint, the one in force before one that was revoked', async () => {
      await repository().putKey(
        keyRow('a', { kind: 'certificate', hash: 'f1', revokedAtMs: 3, createdAtMs: 9 }),
      );
      expect((await repository().certificateBy('f1'))?.id).toBe('a');
      await repository().putKey(keyRow('b', { kind: 'certificate', hash: 'f1', createdAtMs: 8 }));
      expect((await repository().certificateBy('f1'))?.id).toBe('b');
      await repository().putKey(keyRow('c', { kind: 'key', hash: 'f2' }));
      expect(await repository().certificateBy('f2')).toBeUndefined();
    });

    test.each([
      ['revoked', { revokedAtMs: 1 }],
      ['expired', { expiresAtMs: NOW_MS }],
      ['of one federation', { federation: 'ward' }],
      ['of an auditor', { role: 'auditor' as const }],
    ])('a key that is %s makes nobody an operator', async (_what, changes) => {
      await repository().putKey(keyRow('a', changes));
      expect(await repository().hasOperator(NOW_MS)).toBe(false);
      await repository().putKey(keyRow('b', { expiresAtMs: NOW_MS + 1 }));
      expect(await repository().hasOperator(NOW_MS)).toBe(true);
    });

    test('of several that make the first key at once, one does; once revoked it is made again', async () => {
      const attempts = ['h1', 'h2', 'h3'].map((hash) => repository().putFirstKey(keyRow('first', { hash })));
      const made = await Promise.all(attempts);
      expect(made.filter(Boolean)).toHaveLength(1);
      expect((await repository().keyById('first'))!.hash).toBe(`h${made.indexOf(true) + 1}`);
      await repository().revokeKey('first', 5);
      expect(await repository().putFirstKey(keyRow('first', { hash: 'h4' }))).toBe(true);
      expect(await repository().keyById('first')).toMatchObject({ hash: 'h4', revokedAtMs: null });
    });

    test('an invitation lets in as many as it says, however many come at once', async () => {
      const invitation = invitationRow('i', { maxUses: 3 });
      await repository().putInvitation(invitation);
      const outcomes = await Promise.all(
        Array.from({ length: 8 }, (_, i) => repository().redeem(invitation, `p${i}`, NOW_MS)),
      );
      expect(outcomes.filter((outcome) => outcome === 'joined')).toHaveLength(3);
      expect(outcomes.filter((outcome) => outcome === 'refused')).toHaveLength(5);
      expect((await repository().invitationById('i'))!.uses).toBe(3);
      expect(await repository().listMembers('ward', { limit: 9 })).toHaveLength(3);
    });

    test('one participant counts once, however often it comes, and at once', async () => {
      const invitation = invitationRow('i', { maxUses: 1 });
      await repository().putInvitation(invitation);
      const outcomes = await Promise.all(
        Array.from({ length: 5 }, () => repository().redeem(invitation, 'p', NOW_MS)),
      );
      expect(outcomes.toSorted()).toEqual(['joined', 'member', 'member', 'member', 'member']);
      expect((await repository().invitationById('i'))!.uses).toBe(1);
      expect(await repository().member('ward', 'p')).toMatchObject({
        via: 'invitation:i',
        department: 'emergency',
        user: null,
        joinedAtMs: NOW_MS,
      });
    });

    test.each([
      ['revoked', { revokedAtMs: 1 }],
      ['expired', { expiresAtMs: NOW_MS }],
      ['used up', { uses: 2 }],
    ])('an invitation that is %s lets nobody in', async (_what, changes) => {
      const invitation = invitationRow('i', changes);
      await repository().putInvitation(invitation);
      expect(await repository().redeem(invitation, 'p', NOW_MS)).toBe('refused');
      expect(await repository().member('ward', 'p')).toBeUndefined();
      expect((await repository().invitationById('i'))!.uses).toBe(invitation.uses);
    });

    test('whoever came in openly can be invited later; whoever was invited stays so', async () => {
      const open = { federation: 'ward', participant: 'p', via: 'open', user: null, department: null };
      expect(await repository().putMember(open, 5)).toBe(true);
      const invitation = invitationRow('i');
      await repository().putInvitation(invitation);
      expect(await repository().redeem(invitation, 'p', 6)).toBe('joined');
      expect(await repository().putMember(open, 7)).toBe(false);
      expect(await repository().member('ward', 'p')).toMatchObject({
        via: 'invitation:i',
        department: 'emergency',
        joinedAtMs: 5,
        lastSeenAtMs: 7,
      });
    });

    test('a member is known by its account, in its federation, until it is removed', async () => {
      const member = {
        federation: 'ward',
        participant: 'p',
        via: 'token',
        user: 'iss#ann',
        department: 'lab',
      };
      await repository().putMember(member, 5);
      expect(await repository().hasUser('ward', 'iss#ann')).toBe(true);
      expect(await repository().hasUser('other', 'iss#ann')).toBe(false);
      expect(await repository().removeMember('ward', 'p')).toBe(true);
      expect(await repository().removeMember('ward', 'p')).toBe(false);
      expect(await repository().hasUser('ward', 'iss#ann')).toBe(false);
    });

    test('a federation is open to all until somebody says otherwise', async () => {
      expect(await repository().readSettings('ward')).toEqual({
        admission: 'open',
        control: 'open',
        owner: null,
      });
      const settings = { admission: 'members', control: 'managed', owner: 'key:1' } as const;
      await repository().writeSettings('ward', { ...settings, admission: 'invitation' });
      await repository().writeSettings('ward', settings);
      expect(await repository().readSettings('ward')).toEqual(settings);
    });

    test('the first to claim a federation owns it, and nothing that was set is lost', async () => {
      for (const owner of ['key:1', 'key:2']) await repository().claimSettings('claimed', owner);
      expect(await repository().readSettings('claimed')).toEqual({
        admission: 'open',
        control: 'open',
        owner: 'key:1',
      });
      const settings = { admission: 'members', control: 'managed', owner: null } as const;
      await repository().writeSettings('set', settings);
      await repository().claimSettings('set', 'key:1');
      expect(await repository().readSettings('set')).toEqual(settings);
    });
  });
}
