import { webcrypto } from 'node:crypto';
import { createNobleIdentity } from '../identity/index.ts';
import { webCryptoRandom } from '../random/index.ts';
import { createMemoryDirect } from '../testing/memory-direct.ts';
import { createMemoryHub } from '../testing/memory-hub.ts';
import { type TransportPair, transportContract } from '../testing/transport-contract.ts';
import { systemClock } from './clock.ts';
import { createPeerTransport } from './peer-transport.ts';

const random = webCryptoRandom(webcrypto);

async function pairOver(path: 'direct' | 'relay'): Promise<TransportPair> {
  const clock = systemClock;
  const hub = createMemoryHub({ clock, latencyMs: 0 });
  const direct = createMemoryDirect({ clock, latencyMs: 0 });
  const join = (incarnation: number) => {
    const identity = createNobleIdentity(random);
    return createPeerTransport({
      identity,
      incarnation,
      hub: hub.join(identity.id, incarnation),
      openDirect: direct.connector,
      paths: [path],
      clock,
      random,
    });
  };
  const [a, b] = [join(11), join(22)];
  return {
    a,
    b,
    cut: () => (path === 'direct' ? direct.cutAll() : hub.kill()),
    restore: () => (path === 'direct' ? undefined : hub.revive()),
    async close() {
      await Promise.all([a.close(), b.close()]);
    },
  };
}

transportContract('in-memory direct pipes', () => pairOver('direct'));
transportContract('relay over an in-memory hub', () => pairOver('relay'));
