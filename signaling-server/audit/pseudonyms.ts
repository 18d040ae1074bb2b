import { createHmac } from 'node:crypto';
import { eq } from 'drizzle-orm';
import { toBase64Url } from '../../shared/identity/index.ts';
import type { CryptoRandom } from '../../shared/random/index.ts';
import type { Database } from '../storage/database.ts';
import { pseudonymKeys } from '../storage/schema.ts';

const KEY_BYTES = 32;
/** As many as a participant id has: two collide with probability 2^-49 among 2^40. */
const PSEUDONYM_BYTES = 16;
/** Stands for everyone who was erased and comes back under the same id: a key of its own would name it again. */
export const ERASED_PSEUDONYM = 'p_erased';

export interface Pseudonyms {
  of(participant: string): Promise<string>;
  /** Without giving a name to whoever has none. */
  find(participant: string): Promise<string | undefined>;
  forget(participant: string): Promise<void>;
}

/**
 * Names of participants in the audit: HMAC-SHA-256 (RFC 2104) of the id under a key that is made for this participant alone. Once the key is
 * deleted nobody can tell whom the name meant, not even by trying all ids. Nothing is remembered here, so that a key that another replica
 * deleted is gone at once.
 */
export function pseudonymBook(
  database: Database,
  random: CryptoRandom,
  isErased: (participant: string) => Promise<boolean>,
): Pseudonyms {
  const find = async (participant: string): Promise<string | undefined> => {
    const [row] = await database.run((db) =>
      db
        .select({ key: pseudonymKeys.key })
        .from(pseudonymKeys)
        .where(eq(pseudonymKeys.participant, participant)),
    );
    return row && nameOf(participant, row.key);
  };

  return {
    find,

    async of(participant) {
      const known = await find(participant);
      if (known !== undefined) return known;
      if (await isErased(participant)) return ERASED_PSEUDONYM;
      const key = toBase64Url(random.bytes(KEY_BYTES));
      await database.run((db) => db.insert(pseudonymKeys).values({ participant, key }).onConflictDoNothing());
      // Another writer's key may be the one that stayed. None is there where it was erased meanwhile.
      return (await find(participant)) ?? ERASED_PSEUDONYM;
    },

    async forget(participant) {
      await database.run((db) => db.delete(pseudonymKeys).where(eq(pseudonymKeys.participant, participant)));
    },
  };
}

function nameOf(participant: string, key: string): string {
  const mac = createHmac('sha256', Buffer.from(key, 'base64url')).update(participant).digest();
  return `p_${toBase64Url(mac.subarray(0, PSEUDONYM_BYTES))}`;
}
