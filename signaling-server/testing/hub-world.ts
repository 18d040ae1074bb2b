import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { Hono } from 'hono';
import { WebSocket } from 'ws';
import { createNobleIdentity, type Identity, toBase64Url } from '../../shared/identity/index.ts';
import { webCryptoRandom } from '../../shared/random/index.ts';
import type { HubEvent } from '../../shared/transport/hub.ts';
import { createHubClient } from '../../shared/transport/hub-client.ts';
import { HUB_PROTOCOL, helloStatement, type ServerText } from '../../shared/transport/hub-protocol.ts';
import type { TransportEvent } from '../../shared/transport/port.ts';
import { createServerChannel, type ServerChannelOptions } from '../../shared/transport/server-channel.ts';
import { type HubLimits, type HubOptions, type Log, systemClock } from '../hub/index.ts';
import { attachNodeTransport, type NodeTransportLimits } from '../node-transport/index.ts';
import { freePort } from './redis.ts';

export const FEDERATION = 'digits';
export const random = webCryptoRandom(crypto);

export interface WorldOptions {
  readonly port?: number;
  readonly limits?: Partial<HubLimits>;
  readonly nodeLimits?: Partial<NodeTransportLimits>;
  readonly lookupFederation?: (id: string) => Promise<boolean>;
  readonly refusalFor?: NonNullable<HubOptions['refusalFor']>;
  readonly admit?: NonNullable<HubOptions['admit']>;
  readonly onRefused?: NonNullable<HubOptions['onRefused']>;
  /** Makes it one of several replicas. */
  readonly replica?: Pick<HubOptions, 'bus' | 'tokenKey'>;
}

/** A real HTTP server with the hub and the node transport on it, as the product mounts them. */
export async function startWorld(options: WorldOptions = {}) {
  const logged: string[] = [];
  const note = (fields: object, message: string) => void logged.push(`${message} ${JSON.stringify(fields)}`);
  const log: Log = { debug: note, info: note, warn: note, error: note };
  const app = new Hono();
  const httpServer = createServer(getRequestListener(app.fetch));
  const port = options.port ?? (options.replica === undefined ? 0 : await freePort());
  const attached = attachNodeTransport({
    httpServer,
    log,
    ...(options.replica === undefined ? {} : { ...options.replica, replicaUrl: `http://127.0.0.1:${port}` }),
    lookupFederation: options.lookupFederation ?? (async (id) => id === FEDERATION || id === 'other'),
    iceServers: (participant) => [{ urls: ['stun:stun.example.org'], username: participant }],
    ...(options.refusalFor === undefined ? {} : { refusalFor: options.refusalFor }),
    ...(options.admit === undefined ? {} : { admit: options.admit }),
    ...(options.onRefused === undefined ? {} : { onRefused: options.onRefused }),
    ...(options.limits === undefined ? {} : { limits: options.limits }),
    ...(options.nodeLimits === undefined ? {} : { nodeLimits: options.nodeLimits }),
  });
  await new Promise<void>((resolve) => httpServer.listen(port, '127.0.0.1', resolve));
  const bound = (httpServer.address() as AddressInfo).port;
  return {
    ...attached,
    port: bound,
    origin: `http://127.0.0.1:${bound}`,
    logged,
    async close() {
      await attached.close();
      httpServer.closeAllConnections();
      await new Promise((resolve) => httpServer.close(resolve));
    },
  };
}
export type World = Awaited<ReturnType<typeof startWorld>>;

/** Keeps every event, and lets a test wait for one. */
export function record<T>(subscribe: (listener: (event: T) => void) => unknown) {
  const all: T[] = [];
  const waiting = new Set<() => void>();
  subscribe((event) => {
    all.push(event);
    for (const look of [...waiting]) look();
  });
  /** The first event, from the beginning or from `after` on, that satisfies the predicate. */
  function find<S extends T>(is: (event: T) => event is S, after?: number): Promise<S>;
  function find(is: (event: T) => boolean, after?: number): Promise<T>;
  function find(is: (event: T) => boolean, after = 0): Promise<T> {
    return new Promise((resolve) => {
      const look = (): void => {
        const found = all.slice(after).find(is);
        if (found === undefined) return;
        waiting.delete(look);
        resolve(found);
      };
      waiting.add(look);
      look();
    });
  }
  return {
    all,
    find,
    /** Resolves once at least so many events satisfy the predicate. */
    atLeast(count: number, is: (event: T) => boolean): Promise<void> {
      return new Promise((resolve) => {
        const look = (): void => {
          if (all.filter(is).length < count) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
      });
    },
  };
}

/** For `find`: events of one type. */
export function ofType<T extends { readonly type: string }, K extends T['type']>(type: K) {
  return (event: T): event is Extract<T, { type: K }> => event.type === type;
}

export interface ParticipantOptions {
  readonly identity?: Identity;
  readonly incarnation?: number;
  readonly federation?: string;
  readonly wsUrl?: string;
  readonly channel?: Partial<ServerChannelOptions>;
}

/** A participant as the page has it: hub client and server channel over real sockets. */
export function startParticipant(origin: string, options: ParticipantOptions = {}) {
  const identity = options.identity ?? createNobleIdentity(random);
  const incarnation = options.incarnation ?? 1;
  const hub = createHubClient({
    url: options.wsUrl ?? `${origin.replace('http', 'ws')}/ws`,
    federation: options.federation ?? FEDERATION,
    identity,
    incarnation,
    socketFactory: (url) => new WebSocket(url),
    clock: systemClock,
    random,
  });
  const channel = createServerChannel({
    hubClient: hub,
    baseUrl: origin,
    fetch,
    clock: systemClock,
    random,
    ...options.channel,
  });
  const hubEvents = record<HubEvent>(hub.subscribe);
  const channelEvents = record<TransportEvent>(channel.subscribe);
  return {
    identity,
    id: identity.id,
    incarnation,
    hub,
    channel,
    hubEvents,
    channelEvents,
    opened: () => hubEvents.find(ofType('open')),
    close() {
      channel.close();
      hub.close();
    },
  };
}
export type Participant = ReturnType<typeof startParticipant>;

/** A bare WebSocket, for saying what no proper client says. */
export function rawSocket(world: { readonly port: number }, federation = FEDERATION, options = {}) {
  const socket = new WebSocket(`ws://127.0.0.1:${world.port}/ws?federation=${federation}`, options);
  const closed = new Promise<number>((resolve) => socket.once('close', resolve));
  const texts = record<ServerText>((listener) =>
    socket.on('message', (data, isBinary) => {
      if (!isBinary) listener(JSON.parse(String(data)) as ServerText);
    }),
  );
  socket.on('error', () => undefined); // told by `closed` as well
  return {
    socket,
    texts,
    closed,
    say: (message: object) => socket.send(JSON.stringify(message)),
    /** The hello of this identity, as a proper client would send it, with some fields changed. */
    async hello(identity: Identity, changes: object = {}) {
      const { nonce } = await texts.find(ofType('challenge'));
      const fields = { nonce, federation, incarnation: 1, participant: identity.id };
      const signature = toBase64Url(await identity.sign(helloStatement(fields)));
      const publicKey = toBase64Url(identity.publicKey);
      const { participant, incarnation } = fields;
      const hello = { type: 'hello', protocol: HUB_PROTOCOL, participant, publicKey, incarnation };
      socket.send(JSON.stringify({ ...hello, federation, signature, ...changes }));
    },
    /** A proven connection. */
    async join(identity: Identity = createNobleIdentity(random)) {
      await this.hello(identity);
      await texts.find(ofType('welcome'));
      return identity;
    },
  };
}
