import { hasCode } from '../shared/errors/index.ts';
import { webCryptoRandom } from '../shared/random/index.ts';
import { bestSuite } from '../shared/secagg/index.ts';
import { attachCoordination, type Coordination } from './coordination/host.ts';
import { iceServersFor } from './ice-servers.ts';
import { attachNodeTransport } from './node-transport/index.ts';
import { refusalOf } from './reliability/gate.ts';
import type { Attachment, ServerContext } from './server.ts';

/** The live parts of the server: introductions and relay, the server as a node, and the coordinator. */
export async function attachFederations(
  context: ServerContext,
): Promise<Attachment & { readonly coordination: Coordination }> {
  const { httpServer, repository, budgets, gate, judges, engines, identity, config, log } = context;
  const suite = await bestSuite(globalThis.crypto, webCryptoRandom(globalThis.crypto));
  const { hub, transports, close } = attachNodeTransport({
    httpServer,
    log,
    async lookupFederation(id) {
      try {
        await repository.getFederation(id);
        return true;
      } catch (thrown) {
        if (hasCode(thrown, 'federation.unknown')) return false;
        throw thrown;
      }
    },
    async refusalFor(participant) {
      const block = await gate.blockOf(participant);
      return block && refusalOf(block);
    },
    iceServers: (participant) => iceServersFor(config.ice, participant, Date.now()),
  });
  const coordination = attachCoordination({
    hub,
    transports,
    repository,
    budgets,
    gate,
    judges,
    engines,
    secure: { identity, suite },
    log,
  });
  return {
    coordination,
    async close() {
      await coordination.close();
      await close();
    },
  };
}
