import wrtc from '@roamhq/wrtc';
import { WebSocket } from 'ws';
import type { ErrorRecord } from '../../shared/errors/index.ts';
import { type Identity, SERVER } from '../../shared/identity/index.ts';
import type { CryptoRandom } from '../../shared/random/index.ts';
import { systemClock } from '../../shared/transport/clock.ts';
import { createHubClient, type SocketLike } from '../../shared/transport/hub-client.ts';
import { createPeerTransport } from '../../shared/transport/peer-transport.ts';
import type { Path, Transport } from '../../shared/transport/port.ts';
import { createServerChannel } from '../../shared/transport/server-channel.ts';
import { createRtcConnector } from '../../web/src/net/rtc-connector.ts';

export interface NetworkOptions {
  /** Without a slash at the end. */
  readonly server: string;
  readonly federation: string;
  readonly identity: Identity;
  readonly paths: readonly Path[];
  /** Hash of the terms agreed to. */
  readonly policy: string | undefined;
  /** Key, token or invitation. */
  readonly credential: string | undefined;
  readonly random: CryptoRandom;
  /** What the hub refuses of this participant, and when it lets it in. */
  readonly onHub: (
    event: { readonly type: 'open' | 'closed' } | { readonly type: 'refused'; readonly error: ErrorRecord },
  ) => void;
}

export interface Network {
  readonly transport: Transport;
  close(): Promise<void>;
}

/** As in a page: WebRTC, the hub's WebSocket, HTTP. The hub client connects again for as long as it is open. */
export function openNetwork(options: NetworkOptions): Network {
  const { server: baseUrl, federation, identity, paths, random, onHub, policy, credential } = options;
  const incarnation = new DataView(random.bytes(4).buffer).getUint32(0);
  const hub = createHubClient({
    url: `${baseUrl.replace(/^http/, 'ws')}/ws`,
    federation,
    identity,
    incarnation,
    admission: () => ({ policy, credential }),
    // Compressing what is encrypted or random costs time alone.
    socketFactory: (url) => new WebSocket(url, { perMessageDeflate: false }) as unknown as SocketLike,
    clock: systemClock,
    random,
  });
  const unsubscribe = hub.subscribe((event) => {
    if (event.type === 'refused') {
      if (event.from === SERVER) onHub({ type: 'refused', error: event.error });
    } else if (event.type === 'open' || event.type === 'closed') onHub({ type: event.type });
  });
  const server = createServerChannel({
    hubClient: hub,
    baseUrl,
    fetch: (url, init) => fetch(url, init as RequestInit),
    clock: systemClock,
    random,
  });
  const transport = createPeerTransport({
    identity,
    incarnation,
    hub,
    server,
    openDirect: createRtcConnector({ wrtc }),
    paths,
    clock: systemClock,
    random,
  });
  return {
    transport,
    async close() {
      unsubscribe();
      await transport.close();
      server.close();
      hub.close();
    },
  };
}
