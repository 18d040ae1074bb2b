import { createHash, createHmac } from 'node:crypto';
import { inArray } from 'drizzle-orm';
import type { Identity } from '../../shared/identity/index.ts';
import type { Database } from '../storage/database.ts';
import { erasedParticipants } from '../storage/schema.ts';

/** Who asked to be deleted: kept so that it can be recognized when it comes back, and for nothing else. */
export interface ErasedRegister {
  isErased(participant: string): Promise<boolean>;
  /** Those of these that are. */
  erasedOf(participants: readonly string[]): Promise<ReadonlySet<string>>;
  add(participant: string): Promise<void>;
}

const SALT = new TextEncoder().encode('murmuration erased participants 1');
/** Parameters of one statement. */
const MAX_IDS = 10_000;

/**
 * Ids are kept as HMAC-SHA-256 under a salt that comes of the server's signing key (Ed25519 signatures are deterministic, RFC 8032, section
 * 5.1.6): the same on every replica and after a restart, and of no use to whoever has the table without the key.
 */
export async function erasedHash(identity: Pick<Identity, 'sign'>): Promise<(participant: string) => string> {
  const salt = createHash('sha256')
    .update(await identity.sign(SALT))
    .digest();
  return (participant) => createHmac('sha256', salt).update(participant).digest('hex');
}

/** @param identity of the server: {@link erasedHash}. */
export async function erasedRegister({
  database,
  identity,
  nowMs = Date.now,
}: {
  readonly database: Database;
  readonly identity: Pick<Identity, 'sign'>;
  readonly nowMs?: () => number;
}): Promise<ErasedRegister> {
  const hashOf = await erasedHash(identity);
  /** Nobody ever leaves the register. */
  const known = new Set<string>();

  const erasedOf = async (participants: readonly string[]): Promise<ReadonlySet<string>> => {
    const byHash = new Map(participants.map((id) => [hashOf(id), id]));
    const found = new Set<string>();
    const asked = [...byHash.keys()].filter((hash) => {
      if (known.has(hash)) found.add(byHash.get(hash)!);
      return !known.has(hash);
    });
    for (let at = 0; at < asked.length; at += MAX_IDS) {
      const rows = await database.run((db) =>
        db
          .select({ hash: erasedParticipants.hash })
          .from(erasedParticipants)
          .where(inArray(erasedParticipants.hash, asked.slice(at, at + MAX_IDS))),
      );
      for (const { hash } of rows) {
        known.add(hash);
        found.add(byHash.get(hash)!);
      }
    }
    return found;
  };

  return {
    erasedOf,
    isErased: async (participant) => (await erasedOf([participant])).size > 0,
    async add(participant) {
      const hash = hashOf(participant);
      await database.run((db) =>
        db.insert(erasedParticipants).values({ hash, atMs: nowMs() }).onConflictDoNothing(),
      );
      known.add(hash);
    },
  };
}
