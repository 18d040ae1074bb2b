import { hasCode } from '../shared/errors/index.ts';
import { webCryptoRandom } from '../shared/random/index.ts';
import { bestSuite } from '../shared/secagg/index.ts';
import { clientAddress } from './access/guard.ts';
import { attachCoordination, type Coordination } from './coordination/host.ts';
import { attachGraphql } from './graphql/attach-graphql.ts';
import { callLimit } from './http/rate-limit.ts';
import { iceServersFor } from './ice-servers.ts';
import { attachNodeTransport } from './node-transport/index.ts';
import { createTraffic } from './observe/traffic.ts';
import { refusalOf } from './reliability/gate.ts';
import type { Attachment, ServerContext } from './server.ts';

/** The live parts of the server: introductions and relay, the server as a node, and the coordinator. */
export async function attachFederations(
  context: ServerContext,
): Promise<Attachment & { readonly coordination: Coordination }> {
  const { httpServer, repository, budgets, gate, access, judges, engines, identity, replicas, config, log } =
    context;
  const { events, trainings, live } = context;
  const suite = await bestSuite(globalThis.crypto, webCryptoRandom(globalThis.crypto));
  const traffic = createTraffic();
  context.observability.read(traffic);
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
    admit: access.admit,
    addressOf: ({ socket, headers }) =>
      clientAddress(socket.remoteAddress, [headers['x-forwarded-for']].flat().at(-1), config.trustProxy),
    iceServers: (participant) => iceServersFor(config.ice, participant, Date.now()),
    bus: replicas.bus,
    replicaUrl: replicas.replicaUrl,
    tokenKey: replicas.tokenKey,
    onCarried: traffic.onCarried,
    onRefused: (code) => events.emit({ type: 'refused', code, federation: undefined }),
  });
  traffic.watch(hub);
  access.useHub(hub);
  const coordination = attachCoordination({
    hub,
    transports,
    repository,
    budgets,
    gate,
    judges,
    engines,
    events,
    overseer: trainings.overseer,
    leadership: replicas.leadership,
    secure: { identity, suite },
    log,
  });
  context.rights.useLive({ expel: hub.expel });
  live.bind({
    countPeers: (federation) => hub.peers(federation).length,
    countAllPeers: coordination.countActive,
    underWay: coordination.underWay,
    rollBack: coordination.rollBack,
  });
  const graphql = attachGraphql({
    app: context.app,
    guard: access.guard,
    authorize: access.authorize,
    authenticate: access.authenticate,
    onRefused: access.onRefused,
    countWrite: callLimit({ counter: access.counter, name: 'write', perMinute: config.writesPerMinute }),
    services: context.services,
    repository,
    introspection: config.graphqlIntrospection,
    log,
  });
  return {
    coordination,
    async close() {
      await graphql.close();
      await coordination.close();
      await close();
    },
  };
}
