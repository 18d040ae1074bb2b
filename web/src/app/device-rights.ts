import { hasCode } from '../../../shared/errors/index.ts';
import { type Federation, policyHash } from '../../../shared/federation/index.ts';
import { loadIdentity, recall, remember } from '../storage/index.ts';
import type { HttpClient } from './http-client.ts';
import { type RightsRequest, signRightsRequest } from './rights-request.ts';
import type { RightsService } from './services.ts';

/** Kept for federations whose consent this device withdrew. */
const keyOf = (federation: string): string => `withdrawn/${federation}`;
const PATH = '/api/rights/requests';

/** What this device may ask of the server about itself. */
export function deviceRights(http: HttpClient): RightsService {
  const ask = async (request: RightsRequest): Promise<Response> => {
    const body = JSON.stringify(await signRightsRequest(await loadIdentity(), request, Date.now()));
    return http.request(PATH, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
  };

  const agreeAgain = async (federation: Federation): Promise<void> => {
    await ask({ action: 'consent', federation: federation.id, policy: policyHash(federation) });
    await remember(keyOf(federation.id), undefined);
  };

  return {
    agreeAgain,
    async agreeIfWithdrawn(federation) {
      if ((await recall(keyOf(federation.id))) === true) await agreeAgain(federation);
    },
    async withdraw(federation) {
      await remember(keyOf(federation), true);
      try {
        await ask({ action: 'withdraw', federation, policy: '' });
      } catch (error) {
        // It never heard of one: there is nothing left to withdraw.
        if (!hasCode(error, 'http.not-found')) throw error;
      }
    },
    download: async () => (await ask({ action: 'export', federation: '', policy: '' })).blob(),
    erase: async () => (await ask({ action: 'delete', federation: '', policy: '' })).blob(),
  };
}
