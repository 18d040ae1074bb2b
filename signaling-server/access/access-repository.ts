import { and, asc, eq, gt, isNotNull, isNull, lt, or, sql } from 'drizzle-orm';
import { MurmurationError } from '../../shared/errors/index.ts';
import type { Database } from '../storage/database.ts';
import { apiKeys, federationSettings, invitations, members } from '../storage/operator-schema.ts';

export type ApiKeyRow = typeof apiKeys.$inferSelect;
export type InvitationRow = typeof invitations.$inferSelect;
export type MemberRow = typeof members.$inferSelect;

/** What binds this server alone, and so is no part of the document. */
export type FederationSettings = Pick<
  typeof federationSettings.$inferSelect,
  'admission' | 'control' | 'owner'
>;

export interface ListPage {
  readonly after?: string | undefined;
  readonly limit: number;
}

/** For whom somebody was admitted. */
export interface Admittance {
  readonly federation: string;
  readonly participant: string;
  /** `open`, `invitation:ID`, `key:ID`, `token`. */
  readonly via: string;
  readonly user: string | null;
  readonly department: string | null;
}

export interface AccessRepository {
  putKey(row: ApiKeyRow): Promise<void>;
  keyById(id: string): Promise<ApiKeyRow | undefined>;
  /** Registered, whether revoked or not; the newest. */
  certificateBy(fingerprint: string): Promise<ApiKeyRow | undefined>;
  /** In order of their ids. */
  listKeys(page: ListPage): Promise<ApiKeyRow[]>;
  /** @returns the key, and whether this call revoked it; undefined when there is none. */
  revokeKey(id: string, atMs: number): Promise<{ row: ApiKeyRow; changed: boolean } | undefined>;
  noteKeyUse(id: string, atMs: number): Promise<void>;
  /** Whether an operator of the whole server has a key that is good. */
  hasOperator(atMs: number): Promise<boolean>;
  /** @returns whether it was put: not where a key of this id is good. */
  putFirstKey(row: ApiKeyRow): Promise<boolean>;

  putInvitation(row: InvitationRow): Promise<void>;
  invitationById(id: string): Promise<InvitationRow | undefined>;
  listInvitations(federation: string, page: ListPage): Promise<InvitationRow[]>;
  revokeInvitation(id: string, atMs: number): Promise<{ row: InvitationRow; changed: boolean } | undefined>;
  /**
   * Takes a use of an invitation for a participant and makes it a member, both or neither; once for each participant.
   * @returns `joined`; `member` when it had been before; `refused` when the invitation is not good.
   */
  redeem(
    invitation: InvitationRow,
    participant: string,
    atMs: number,
  ): Promise<'joined' | 'member' | 'refused'>;

  member(federation: string, participant: string): Promise<MemberRow | undefined>;
  hasUser(federation: string, user: string): Promise<boolean>;
  /** Whoever came by something keeps it when it comes back with nothing. @returns whether it is new. */
  putMember(admittance: Admittance, atMs: number): Promise<boolean>;
  listMembers(federation: string, page: ListPage): Promise<MemberRow[]>;
  removeMember(federation: string, participant: string): Promise<boolean>;

  /** Open to all where nobody has set anything. */
  readSettings(federation: string): Promise<FederationSettings>;
  writeSettings(federation: string, settings: FederationSettings): Promise<void>;
  claimSettings(federation: string, owner: string): Promise<void>;
}

/** Of what one key does, its last use is written down at most this often. */
const USE_EVERY_MS = 60_000;
/** A use beyond the last makes the column null, which takes the whole statement back. */
const NOT_NULL_VIOLATION = '23502';

const OPEN_SETTINGS: FederationSettings = { admission: 'open', control: 'open', owner: null };

export function accessRepository(
  { run }: Pick<Database, 'run'>,
  nowMs: () => number = Date.now,
): AccessRepository {
  const invitationById = async (id: string) =>
    (await run((db) => db.select().from(invitations).where(eq(invitations.id, id))))[0];
  const keyById = async (id: string) =>
    (await run((db) => db.select().from(apiKeys).where(eq(apiKeys.id, id))))[0];

  return {
    async putKey(row) {
      await run((db) => db.insert(apiKeys).values(row).onConflictDoNothing());
    },
    keyById,
    async certificateBy(fingerprint) {
      const rows = await run((db) =>
        db
          .select()
          .from(apiKeys)
          .where(and(eq(apiKeys.kind, 'certificate'), eq(apiKeys.hash, fingerprint)))
          .orderBy(sql`${apiKeys.revokedAtMs} is not null`, sql`${apiKeys.createdAtMs} desc`)
          .limit(1),
      );
      return rows[0];
    },
    listKeys: ({ after, limit }) =>
      run((db) =>
        db
          .select()
          .from(apiKeys)
          .where(after === undefined ? undefined : gt(apiKeys.id, after))
          .orderBy(asc(apiKeys.id))
          .limit(limit),
      ),
    async revokeKey(id, atMs) {
      const revoked = await run((db) =>
        db
          .update(apiKeys)
          .set({ revokedAtMs: atMs })
          .where(and(eq(apiKeys.id, id), isNull(apiKeys.revokedAtMs)))
          .returning(),
      );
      if (revoked[0] !== undefined) return { row: revoked[0], changed: true };
      const row = await keyById(id);
      return row && { row, changed: false };
    },
    async noteKeyUse(id, atMs) {
      const stale = or(isNull(apiKeys.lastUsedAtMs), lt(apiKeys.lastUsedAtMs, atMs - USE_EVERY_MS));
      await run((db) =>
        db
          .update(apiKeys)
          .set({ lastUsedAtMs: atMs })
          .where(and(eq(apiKeys.id, id), stale)),
      );
    },
    async hasOperator(atMs) {
      const good = and(
        eq(apiKeys.role, 'operator'),
        isNull(apiKeys.federation),
        isNull(apiKeys.revokedAtMs),
        or(isNull(apiKeys.expiresAtMs), gt(apiKeys.expiresAtMs, atMs)),
      );
      const rows = await run((db) => db.select({ id: apiKeys.id }).from(apiKeys).where(good).limit(1));
      return rows[0] !== undefined;
    },
    async putFirstKey(row) {
      const { hash, createdAtMs: atMs } = row;
      const rows = await run((db) =>
        db
          .insert(apiKeys)
          .values(row)
          .onConflictDoUpdate({
            target: apiKeys.id,
            set: { hash, createdAtMs: atMs, revokedAtMs: null, lastUsedAtMs: null },
            // Of several replicas that start at once, the second finds a good one, and leaves it.
            setWhere: isNotNull(apiKeys.revokedAtMs),
          })
          .returning({ hash: apiKeys.hash }),
      );
      return rows[0] !== undefined;
    },

    async putInvitation(row) {
      await run((db) => db.insert(invitations).values(row).onConflictDoNothing());
    },
    invitationById,
    listInvitations: (federation, { after, limit }) =>
      run((db) =>
        db
          .select()
          .from(invitations)
          .where(
            and(
              eq(invitations.federation, federation),
              after === undefined ? undefined : gt(invitations.id, after),
            ),
          )
          .orderBy(asc(invitations.id))
          .limit(limit),
      ),
    async revokeInvitation(id, atMs) {
      const revoked = await run((db) =>
        db
          .update(invitations)
          .set({ revokedAtMs: atMs })
          .where(and(eq(invitations.id, id), isNull(invitations.revokedAtMs)))
          .returning(),
      );
      if (revoked[0] !== undefined) return { row: revoked[0], changed: true };
      const row = await invitationById(id);
      return row && { row, changed: false };
    },
    async redeem({ id, federation, department }, participant, atMs) {
      const via = `invitation:${id}`;
      // The row of the member decides who counts: of two redemptions by one participant the second finds it there.
      const statement = sql`
        with seat as (
          insert into ${members} (federation, participant, via, department, joined_at_ms, last_seen_at_ms)
          select ${federation}, ${participant}, ${via}, ${department}::text, ${atMs}::bigint, ${atMs}::bigint
          from ${invitations}
          where id = ${id} and federation = ${federation} and revoked_at_ms is null and expires_at_ms > ${atMs}::bigint
          on conflict (federation, participant) do update
            set via = excluded.via, department = excluded.department, last_seen_at_ms = excluded.last_seen_at_ms
            where ${members}.via = 'open'
          returning 1
        )
        update ${invitations} set uses = case when uses < max_uses then uses + 1 end
        where id = ${id} and exists (select 1 from seat)
        returning id`;
      try {
        if ((await run((db) => db.execute(statement))).length > 0) return 'joined';
      } catch (thrown) {
        const full = thrown instanceof MurmurationError && thrown.facts.received === NOT_NULL_VIOLATION;
        if (!full) throw thrown;
        return 'refused';
      }
      const rows = await run((db) =>
        db
          .select({ via: members.via })
          .from(members)
          .where(and(eq(members.federation, federation), eq(members.participant, participant))),
      );
      return rows[0] !== undefined && rows[0].via !== 'open' ? 'member' : 'refused';
    },

    async member(federation, participant) {
      const rows = await run((db) =>
        db
          .select()
          .from(members)
          .where(and(eq(members.federation, federation), eq(members.participant, participant))),
      );
      return rows[0];
    },
    async hasUser(federation, user) {
      const rows = await run((db) =>
        db
          .select({ user: members.user })
          .from(members)
          .where(and(eq(members.user, user), eq(members.federation, federation)))
          .limit(1),
      );
      return rows[0] !== undefined;
    },
    async putMember({ federation, participant, via, user, department }, atMs) {
      const known = via === 'open' ? { lastSeenAtMs: atMs } : { via, user, department, lastSeenAtMs: atMs };
      const rows = await run((db) =>
        db
          .insert(members)
          .values({ federation, participant, via, user, department, joinedAtMs: atMs, lastSeenAtMs: atMs })
          .onConflictDoUpdate({ target: [members.federation, members.participant], set: known })
          // A row that this statement inserted has no deleting transaction (PostgreSQL manual, system columns).
          .returning({ inserted: sql<boolean>`xmax = 0` }),
      );
      return rows[0]?.inserted === true;
    },
    listMembers: (federation, { after, limit }) =>
      run((db) =>
        db
          .select()
          .from(members)
          .where(
            and(
              eq(members.federation, federation),
              after === undefined ? undefined : gt(members.participant, after),
            ),
          )
          .orderBy(asc(members.participant))
          .limit(limit),
      ),
    async removeMember(federation, participant) {
      const rows = await run((db) =>
        db
          .delete(members)
          .where(and(eq(members.federation, federation), eq(members.participant, participant)))
          .returning({ participant: members.participant }),
      );
      return rows[0] !== undefined;
    },

    async readSettings(federation) {
      const rows = await run((db) =>
        db
          .select({
            admission: federationSettings.admission,
            control: federationSettings.control,
            owner: federationSettings.owner,
          })
          .from(federationSettings)
          .where(eq(federationSettings.federation, federation)),
      );
      return rows[0] ?? OPEN_SETTINGS;
    },
    async claimSettings(federation, owner) {
      await run((db) =>
        db
          .insert(federationSettings)
          .values({ federation, ...OPEN_SETTINGS, owner, updatedAtMs: nowMs() })
          .onConflictDoNothing(),
      );
    },
    async writeSettings(federation, { admission, control, owner }) {
      const set = { admission, control, owner, updatedAtMs: nowMs() };
      await run((db) =>
        db
          .insert(federationSettings)
          .values({ federation, ...set })
          .onConflictDoUpdate({ target: federationSettings.federation, set }),
      );
    },
  };
}
