import { webcrypto } from 'node:crypto';
import { MessageChannel } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { createNobleIdentity } from '../../../shared/identity/index.ts';
import { webCryptoRandom } from '../../../shared/random/index.ts';
import { createMemoryDirect } from '../../../shared/testing/memory-direct.ts';
import { createMemoryHub } from '../../../shared/testing/memory-hub.ts';
import { type TransportPair, transportContract } from '../../../shared/testing/transport-contract.ts';
import { systemClock } from '../../../shared/transport/clock.ts';
import type { DirectConnector } from '../../../shared/transport/direct-connector.ts';
import { createPeerTransport } from '../../../shared/transport/peer-transport.ts';
import { rtcConnectorOver } from './rtc-bridge.ts';
import { type RtcService, serveRtc } from './rtc-service.ts';

const random = webCryptoRandom(webcrypto);

/** A page and its worker, with something simpler than WebRTC behind the page. */
function bridge(behind: DirectConnector): {
  readonly connector: DirectConnector;
  readonly service: RtcService;
} {
  const { port1, port2 } = new MessageChannel();
  const service = serveRtc(port1 as unknown as MessagePort, behind);
  return { connector: rtcConnectorOver(port2 as unknown as MessagePort), service };
}

const services: RtcService[] = [];

async function makePair(): Promise<TransportPair> {
  const clock = systemClock;
  const hub = createMemoryHub({ clock, latencyMs: 0 });
  const direct = createMemoryDirect({ clock, latencyMs: 0, bytesPerMs: 100_000 });
  const bridges = [bridge(direct.connector), bridge(direct.connector)];
  services.push(...bridges.map(({ service }) => service));
  const [a, b] = bridges.map(({ connector }, i) => {
    const identity = createNobleIdentity(random);
    return createPeerTransport({
      identity,
      incarnation: i,
      hub: hub.join(identity.id, i),
      openDirect: connector,
      paths: ['direct'],
      clock,
      random,
    });
  });
  return {
    a: a!,
    b: b!,
    cut: () => direct.cutAll(),
    restore: () => undefined,
    async close() {
      await Promise.all([a!.close(), b!.close()]);
      for (const { service } of bridges) service.close();
    },
  };
}

transportContract('direct pipes held by another thread', makePair);

test('no connection outlives the transports that used it', () => {
  expect(services.length).toBeGreaterThan(0);
  expect(services.map(({ connections }) => connections)).toEqual(services.map(() => 0));
});

test('an attempt that is given up fails by name on both sides of the bridge', async () => {
  const direct = createMemoryDirect({ clock: systemClock });
  direct.blocked = true;
  const { connector, service } = bridge(direct.connector);
  const attempt = connector.connect({
    peer: createNobleIdentity(random).id,
    initiator: true,
    iceServers: [],
    onSignal: () => undefined,
  });
  attempt.close();
  await expect(attempt.pipe).rejects.toMatchObject({ code: 'transport.unreachable' });
  service.close();
  expect(service.connections).toBe(0);
});
