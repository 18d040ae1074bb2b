import { WebSocket } from 'ws';
import type { ErrorRecord } from '../../shared/errors/index.ts';
import { createNobleIdentity, type Identity, toBase64Url } from '../../shared/identity/index.ts';
import { webCryptoRandom } from '../../shared/random/index.ts';
import { HUB_PROTOCOL, helloStatement, type ServerText } from '../../shared/transport/hub-protocol.ts';

const TIMEOUT_MS = 15_000;

/** A stranger's WebSocket to the hub: says whatever it is told to, and keeps what it is told. */
export interface RawClient {
  readonly identity: Identity;
  send(data: string | Uint8Array): void;
  sendJson(message: unknown): void;
  /** The next refusal that nobody waited for yet. @throws when none comes in time. */
  refusal(): Promise<ErrorRecord>;
  /** The next message of this type. */
  next<T extends ServerText['type']>(type: T): Promise<Extract<ServerText, { type: T }>>;
  /** The close code. */
  readonly closed: Promise<number>;
  /** A hello that this client's own key signed, with changes made after the signing. */
  hello(changes?: Record<string, unknown>): Promise<void>;
  close(): void;
}

export function openRawClient(serverUrl: string, federation: string): RawClient {
  const identity = createNobleIdentity(webCryptoRandom(crypto));
  const socket = new WebSocket(`${serverUrl.replace('http', 'ws')}/ws?federation=${federation}`);
  const inbox: ServerText[] = [];
  const listeners = new Set<() => void>();
  const notify = (): void => {
    for (const look of [...listeners]) look();
  };
  socket.on('message', (data, isBinary) => {
    if (isBinary) return;
    inbox.push(JSON.parse(String(data)) as ServerText);
    notify();
  });
  // A connection that is cut ends in `close`, which is what tests wait for.
  socket.on('error', notify);
  const closed = new Promise<number>((done) => socket.once('close', done));

  function next<T extends ServerText['type']>(type: T): Promise<Extract<ServerText, { type: T }>> {
    return new Promise((found, fail) => {
      const look = (): void => {
        const index = inbox.findIndex((message) => message.type === type);
        if (index < 0) return;
        listeners.delete(look);
        clearTimeout(timer);
        found(inbox.splice(index, 1)[0] as Extract<ServerText, { type: T }>);
      };
      const timer = setTimeout(() => {
        listeners.delete(look);
        fail(new Error(`No ${type} came within ${TIMEOUT_MS} ms; the inbox holds ${JSON.stringify(inbox)}`));
      }, TIMEOUT_MS);
      listeners.add(look);
      look();
    });
  }

  const sendJson = (message: unknown): void => socket.send(JSON.stringify(message));
  return {
    identity,
    closed,
    next,
    send: (data) => socket.send(data),
    sendJson,
    refusal: async () => (await next('refused')).error,
    async hello(changes = {}) {
      const { nonce } = await next('challenge');
      const fields = { nonce, federation, incarnation: 1, participant: identity.id };
      sendJson({
        type: 'hello',
        protocol: HUB_PROTOCOL,
        participant: identity.id,
        publicKey: toBase64Url(identity.publicKey),
        incarnation: 1,
        federation,
        signature: toBase64Url(await identity.sign(helloStatement(fields))),
        ...changes,
      });
    },
    close: () => socket.terminate(),
  };
}
