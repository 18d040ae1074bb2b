import { webCryptoRandom } from '../../shared/random/index.ts';
import { createAuditLog } from '../audit/create-audit-log.ts';
import { createDeletion } from '../rights/deletion.ts';
import { erasedRegister } from '../rights/erased.ts';
import type { BlobStore } from '../storage/blob-store.ts';
import type { Carried } from './carry-erasures.ts';
import { LOCAL_OPERATOR } from './local-operator.ts';
import type { Storage } from './open-storage.ts';

/** Carries out what a restore ordered, before any server runs on it. Cut short, the next server that starts goes on. */
export async function eraseAgain(
  { database, identity }: Storage,
  blobs: Pick<BlobStore, 'delete'>,
  { registered, ordered }: Carried,
): Promise<void> {
  const erased = await erasedRegister({ database, identity });
  const audit = createAuditLog({ database, identity, isErased: erased.isErased });
  await audit.append(LOCAL_OPERATOR, {
    action: 'rights.erasures-carried-over',
    subject: 'server',
    after: { registered, ordered },
  });
  const deletion = createDeletion({
    database,
    blobs,
    audit,
    erased,
    identity,
    random: webCryptoRandom(globalThis.crypto),
    // Nobody is connected to a database that no server runs on.
    ports: { forgetParticipant: async () => undefined },
  });
  await deletion.resume();
}
