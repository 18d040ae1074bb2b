import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { type RawData, WebSocket, WebSocketServer } from 'ws';
import type { ParticipantId } from '../../shared/identity/index.ts';
import { compareAttempts } from '../../shared/session/effects.ts';
import { crc32 } from '../../shared/transport/crc32.ts';
import { decodeFrame, encodeFrame, type Frame } from '../../shared/transport/hub-frames.ts';
import { parseClientText, parseServerText } from '../../shared/transport/hub-protocol.ts';
import { HEADERS, MESSAGES_PATH } from '../../shared/transport/server-transfer.ts';
import {
  type AttemptId,
  decodeMessage,
  encodeMessage,
  type Message,
  type MessageOf,
  type MessageType,
} from '../../shared/wire/index.ts';

export type Direction = 'to-server' | 'from-server';

/** A message between a participant and the server, as it went over the wire. */
export interface Tapped {
  readonly direction: Direction;
  readonly participant: ParticipantId;
  readonly message: Message;
}

/**
 * Stands before the server, where whoever operates it could: reads every message between it and its participants, and can
 * hold some back, so that a round stays in one phase for as long as a test wants to look at it.
 */
export interface Tap {
  readonly url: string;
  subscribe(listener: (tapped: Tapped) => void): () => void;
  /**
   * In attempts that begin from now on a message of this type goes no further, nor does anything that follows it on the
   * same connection, until it is released. What a tab that closes had held back is lost. One hold at a time.
   */
  hold<T extends MessageType>(direction: Direction, type: T, of: readonly ParticipantId[]): Hold<T>;
  /** Says something else than was said, in everything that passes from now on. Undefined: the truth again. */
  lie(lies: Lies | undefined): void;
  close(): Promise<void>;
}

export interface Lies {
  readonly message?: (tapped: Tapped) => Message;
  /** A JSON document of the API, by its path without the host. */
  readonly document?: (path: string, document: Record<string, unknown>) => Record<string, unknown>;
}

export interface Hold<T extends MessageType> {
  /** Resolves once a message of each of them is held back, with one of these. The test's limit ends it. */
  readonly reached: Promise<MessageOf<T>>;
  release(): void;
}

interface Rule {
  readonly direction: Direction;
  readonly type: MessageType;
  /** Of whom nothing is held back yet. */
  readonly awaited: Set<ParticipantId>;
  readonly of: readonly ParticipantId[];
  /** The newest attempt when the hold began. */
  readonly after: AttemptId;
  reached(message: Message): void;
}

/** WebSocket close codes that may be sent (RFC 6455, section 7.4). */
const isSendable = (code: number): boolean => code === 1000 || code === 1001 || code >= 3000;

export async function startTap(serverUrl: string): Promise<Tap> {
  const target = new URL(serverUrl);
  const listeners = new Set<(tapped: Tapped) => void>();
  const tokens = new Map<string, ParticipantId>();
  const lines = new Set<Line>();
  let newest: AttemptId = { term: 0, round: 0, attempt: 0 };
  let rule: Rule | undefined;
  let lies: Lies | undefined;

  const tell = (tapped: Tapped): void => {
    const { message } = tapped;
    if (message.type === 'invite' && compareAttempts(message.attempt, newest) > 0) newest = message.attempt;
    for (const listener of listeners) listener(tapped);
  };
  const isHeld = ({ direction, participant, message }: Tapped): boolean =>
    rule?.direction === direction &&
    rule.type === message.type &&
    rule.of.includes(participant) &&
    'attempt' in message &&
    compareAttempts(message.attempt, rule.after) > 0;

  /** One direction of one connection: what waits, waits in order. */
  class Line {
    #waiting: (() => void)[] | undefined;

    pass(tapped: Tapped | undefined, send: () => void): void {
      if (tapped !== undefined) {
        tell(tapped);
        if (isHeld(tapped)) this.#waiting ??= [];
      }
      if (this.#waiting === undefined) return send();
      this.#waiting.push(send);
      if (tapped === undefined || !isHeld(tapped) || !rule?.awaited.delete(tapped.participant)) return;
      if (rule.awaited.size === 0) rule.reached(tapped.message);
    }

    flush(): void {
      const waiting = this.#waiting ?? [];
      this.#waiting = undefined;
      for (const send of waiting) send();
    }
  }

  function onSocket(client: WebSocket, { url }: IncomingMessage): void {
    const server = new WebSocket(`ws://${target.host}${url ?? ''}`, { perMessageDeflate: false });
    let participant: ParticipantId | undefined;
    const read = (direction: Direction, data: RawData, isBinary: boolean): Tapped | undefined => {
      if (!isBinary) {
        const text = String(data);
        if (direction === 'to-server') {
          const message = parseClientText(text);
          if (message.type === 'hello') participant = message.participant;
        } else {
          const message = parseServerText(text);
          if (message.type === 'welcome') tokens.set(message.token, participant!);
        }
        return undefined;
      }
      const frame = decodeFrame(new Uint8Array(data as Buffer));
      if (frame.kind !== 'message' || participant === undefined) return undefined;
      return { direction, participant, message: decodeMessage(frame.payload) };
    };
    const forged = (tapped: Tapped | undefined, data: RawData): RawData | Uint8Array => {
      const message = tapped === undefined ? undefined : lies?.message?.(tapped);
      if (message === undefined || message === tapped?.message) return data;
      const payload = encodeMessage(message);
      const frame = decodeFrame(new Uint8Array(data as Buffer)) as Extract<Frame, { kind: 'message' }>;
      return encodeFrame({ ...frame, payload, crc: crc32(payload) });
    };
    const join = (direction: Direction, from: WebSocket, to: WebSocket): Line => {
      const line = new Line();
      from.on('message', (data, isBinary) => {
        const tapped = read(direction, data, isBinary);
        const send = (): void => to.send(forged(tapped, data), { binary: isBinary });
        line.pass(tapped, () => {
          if (to.readyState === WebSocket.OPEN) send();
          else if (to.readyState === WebSocket.CONNECTING) to.once('open', send);
        });
      });
      from.on('close', (code, reason) => {
        lines.delete(line);
        if (isSendable(code) && to.readyState === WebSocket.OPEN) to.close(code, reason);
        else to.terminate();
      });
      // An error is followed by a close.
      from.on('error', () => from.terminate());
      lines.add(line);
      return line;
    };
    join('to-server', client, server);
    join('from-server', server, client);
  }

  function onRequest(incoming: IncomingMessage, answer: ServerResponse): void {
    const { method, url, headers } = incoming;
    // What is to be changed has to be read.
    // Nor "as you have it": there is nothing to lie in it.
    const { 'if-none-match': _known, ...fresh } = headers;
    const asked = lies?.document === undefined ? headers : { ...fresh, 'accept-encoding': 'identity' };
    const outgoing = request(
      { host: target.hostname, port: target.port, method, path: url, headers: asked },
      (response) => {
        const isDocument = response.headers['content-type']?.startsWith('application/json') === true;
        const change = isDocument ? lies?.document : undefined;
        if (change === undefined) {
          answer.writeHead(response.statusCode ?? 502, response.headers);
          response.pipe(answer);
          return;
        }
        void buffer(response).then((body) => {
          // A lie kept under the name of the truth would come back with the next 304.
          const { 'content-length': _length, etag: _name, ...kept } = response.headers;
          answer.writeHead(response.statusCode ?? 502, kept);
          answer.end(
            JSON.stringify(change(url ?? '', JSON.parse(body.toString()) as Record<string, unknown>)),
          );
        });
      },
    );
    outgoing.on('error', () => answer.destroy());
    answer.on('close', () => outgoing.destroy());
    incoming.pipe(outgoing);
    if (method === 'PUT' && url?.startsWith(MESSAGES_PATH) && headers[HEADERS.offset] === '0')
      readUpload(incoming);
  }

  function readUpload(incoming: IncomingMessage): void {
    const participant = tokens.get((incoming.headers.authorization ?? '').replace('Bearer ', ''));
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      const body = Buffer.concat(chunks);
      if (participant === undefined || body.length !== Number(incoming.headers[HEADERS.length])) return;
      tell({ direction: 'to-server', participant, message: decodeMessage(body) });
    });
  }

  const proxy = createServer(onRequest);
  const sockets = new WebSocketServer({ server: proxy, perMessageDeflate: false });
  sockets.on('connection', onSocket);
  await new Promise<void>((ready) => proxy.listen(0, '127.0.0.1', ready));
  return {
    url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    hold<T extends MessageType>(direction: Direction, type: T, of: readonly ParticipantId[]): Hold<T> {
      if (rule !== undefined) throw new Error(`${rule.type} messages are held back already.`);
      let found = (_: MessageOf<T>): void => undefined;
      const reached = new Promise<MessageOf<T>>((resolve) => {
        found = resolve;
      });
      const mine: Rule = {
        direction,
        type,
        of,
        after: newest,
        awaited: new Set(of),
        reached: (message) => found(message as MessageOf<T>),
      };
      rule = mine;
      return {
        reached,
        release() {
          if (rule !== mine) return;
          rule = undefined;
          for (const line of lines) line.flush();
        },
      };
    },
    lie(told) {
      lies = told;
    },
    async close() {
      for (const socket of sockets.clients) socket.terminate();
      sockets.close();
      proxy.closeAllConnections();
      await new Promise((done) => proxy.close(done));
    },
  };
}
