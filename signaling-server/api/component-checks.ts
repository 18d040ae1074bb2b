import { createHash } from 'node:crypto';
import { MurmurationError } from '../../shared/errors/index.ts';
import type { JobQueue } from '../jobs/queue.ts';
import type { Bus } from '../replicas/bus.ts';
import type { BlobStore } from '../storage/blob-store.ts';
import type { ComponentCheck } from './system-service.ts';

/** Asked for, and not there: whether the store answers is all that matters. */
const NO_BLOB = createHash('sha256').update('murmuration health').digest('hex');

/** What a server can be without for a while, besides its database. */
export function componentChecks(parts: {
  readonly blobs: Pick<BlobStore, 'has'>;
  readonly queue: Pick<JobQueue, 'backlog'>;
  readonly bus: Pick<Bus, 'up'>;
  /** @throws when it cannot be right. */
  checkClock(): Promise<void>;
}): readonly ComponentCheck[] {
  const { blobs, queue, bus, checkClock } = parts;
  return [
    { name: 'models', isVital: true, check: async () => void (await blobs.has(NO_BLOB)) },
    { name: 'queue', isVital: false, check: async () => void (await queue.backlog()) },
    {
      name: 'bus',
      isVital: false,
      async check() {
        if (!bus.up)
          throw new MurmurationError('storage.unavailable', 'The bus between replicas is away.', {
            remedy: 'Start Redis again, at the address of REDIS_URL.',
          });
      },
    },
    { name: 'clock', isVital: false, check: checkClock },
  ];
}
