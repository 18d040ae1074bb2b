import type { Logger } from 'pino';
import { hasCode } from '../shared/errors/index.ts';
import { sampleFederations } from '../shared/federation/index.ts';
import type { Repository } from './storage/repository.ts';

/** Offers the built-in samples. One that somebody changed since stays as they left it. */
export async function seedSamples(repository: Repository, log: Logger): Promise<void> {
  for (const federation of sampleFederations) {
    try {
      await repository.putFederation(federation);
    } catch (error) {
      if (!hasCode(error, 'federation.conflict')) throw error;
      log.info({ federation: federation.id }, 'the built-in sample was changed here; it is left as it is');
    }
    await repository.currentRun(await repository.getFederation(federation.id));
  }
}
