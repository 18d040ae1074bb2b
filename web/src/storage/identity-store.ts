import { type Identity, nobleIdentity, participantIdOf } from '../../../shared/identity/index.ts';
import { type Database, database, type StoredIdentity } from './db.ts';
import { committed, stored } from './storage-error.ts';

/**
 * The device's identity, created when first asked for. Tabs that ask at the same time get the same one.
 * @throws `storage.full`, `storage.unavailable`.
 */
export async function loadIdentity(db?: Database): Promise<Identity> {
  return stored(async () => {
    const storage = db ?? (await database());
    const existing = await storage.get('identity', 'device');
    if (existing !== undefined) return identityOf(existing);
    // Made before the transaction, which would close while the key is being generated.
    const fresh = await generate();
    const transaction = storage.transaction('identity', 'readwrite');
    const winner = await committed(transaction, async () => {
      const other = await transaction.store.get('device');
      if (other === undefined) await transaction.store.put(fresh, 'device');
      return other ?? fresh;
    });
    return identityOf(winner);
  });
}

async function generate(): Promise<StoredIdentity> {
  const pair = await generateWithWebCrypto();
  if (pair !== undefined) {
    const publicKey = new Uint8Array(await crypto.subtle.exportKey('raw', pair.publicKey));
    return { kind: 'webcrypto', publicKey, privateKey: pair.privateKey };
  }
  const secretKey = crypto.getRandomValues(new Uint8Array(32));
  return { kind: 'noble', publicKey: nobleIdentity(secretKey).publicKey, secretKey };
}

/** Undefined where WebCrypto is missing (insecure contexts) or lacks Ed25519 (older browsers). */
async function generateWithWebCrypto(): Promise<CryptoKeyPair | undefined> {
  if (crypto.subtle === undefined) return undefined;
  try {
    return (await crypto.subtle.generateKey('Ed25519', false, ['sign', 'verify'])) as CryptoKeyPair;
  } catch (error) {
    if (error instanceof Error && error.name === 'NotSupportedError') return undefined;
    throw error;
  }
}

function identityOf(identity: StoredIdentity): Identity {
  if (identity.kind === 'noble') return nobleIdentity(identity.secretKey);
  const { publicKey, privateKey } = identity;
  return {
    id: participantIdOf(publicKey),
    publicKey,
    sign: async (message) => new Uint8Array(await crypto.subtle.sign('Ed25519', privateKey, message)),
  };
}
