import { vi } from 'vitest';
import { createNobleIdentity, SERVER } from '../../shared/identity/index.ts';
import { transportContract } from '../../shared/testing/transport-contract.ts';
import type { Transport } from '../../shared/transport/port.ts';
import { startCuttingProxy } from '../testing/cutting-proxy.ts';
import { FEDERATION, type Participant, random, startParticipant, startWorld } from '../testing/hub-world.ts';

// Real sockets and megabytes: seconds on a machine that does much else.
vi.setConfig({ testTimeout: 30_000 });

/** A participant's view of the server alone, as a Transport. */
function transportOver({ id, incarnation, channel, close }: Participant): Transport {
  return {
    self: id,
    incarnation,
    send: (to, bytes, options) =>
      to === SERVER ? channel.send(bytes, options) : Promise.resolve({ kind: 'unreachable' }),
    subscribe: channel.subscribe,
    peers: () => new Map(channel.status === undefined ? [] : [[SERVER, channel.status]]),
    close: async () => close(),
  };
}

async function makeParts() {
  const world = await startWorld();
  const proxy = await startCuttingProxy(world.port);
  const server = world.transports.transportFor(FEDERATION);
  const participant = startParticipant(proxy.origin, { identity: createNobleIdentity(random) });
  return {
    server,
    participant: transportOver(participant),
    cut: proxy.cutAll,
    restore: proxy.restore,
    async close() {
      participant.close();
      await proxy.close();
      await world.close();
    },
  };
}

transportContract('a participant, to the server', async () => {
  const { participant, server, ...rest } = await makeParts();
  return { a: participant, b: server, ...rest };
});

transportContract('the server, to a participant', async () => {
  const { participant, server, ...rest } = await makeParts();
  return { a: server, b: participant, ...rest };
});
