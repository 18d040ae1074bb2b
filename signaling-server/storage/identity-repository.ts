import { check, hasCode, MurmurationError } from '../../shared/errors/index.ts';
import { fromBase64Url, type Identity, nobleIdentity, toBase64Url } from '../../shared/identity/index.ts';
import type { CryptoRandom } from '../../shared/random/index.ts';
import type { Database } from './database.ts';
import { serverIdentity } from './schema.ts';

const SEED_BYTES = 32;
const ONLY_ROW = 1;

export interface IdentityRepository {
  /**
   * The identity that this server signs with: made once, then the same for all replicas on this database and after every
   * restart. The private key is not encrypted at rest.
   * @throws `storage.corrupt` for a stored key that is none.
   */
  serverIdentity(random: CryptoRandom): Promise<Identity>;
}

export function identityRepository(database: Database, nowMs: () => number): IdentityRepository {
  return {
    async serverIdentity(random) {
      const privateKey = toBase64Url(random.bytes(SEED_BYTES));
      await database.run((db) =>
        db
          .insert(serverIdentity)
          .values({ id: ONLY_ROW, privateKey, createdAtMs: nowMs() })
          // The key that is there stays, whoever put it there.
          .onConflictDoNothing(),
      );
      const rows = await database.run((db) =>
        db.select({ privateKey: serverIdentity.privateKey }).from(serverIdentity),
      );
      return storedIdentity(rows[0]?.privateKey ?? '');
    },
  };
}

/** @throws `storage.corrupt` for a stored key that is none. */
export function storedIdentity(privateKey: string): Identity {
  return nobleIdentity(seedOf(privateKey));
}

function seedOf(text: string): Uint8Array<ArrayBuffer> {
  const remedy =
    'Restore the table server_identity from a backup, or empty it: the server then has another key.';
  try {
    const seed = fromBase64Url(text);
    check(seed.byteLength === SEED_BYTES, 'argument.invalid', 'The key has another length.');
    return seed;
  } catch (cause) {
    if (!hasCode(cause, 'argument.invalid')) throw cause;
    throw new MurmurationError('storage.corrupt', "The server's signing key is damaged.", { remedy, cause });
  }
}
