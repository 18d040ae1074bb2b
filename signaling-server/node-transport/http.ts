import type { IncomingMessage, ServerResponse } from 'node:http';
import { check, MurmurationError } from '../../shared/errors/index.ts';
import { HEADERS } from '../../shared/transport/server-transfer.ts';
import type { Log } from '../hub/index.ts';
import { FORWARDED_HEADER, type Forwarder } from './forward.ts';
import type { NodePeer, UploadTerms } from './node-peer.ts';

export interface MessageHandlerOptions {
  /** @returns the connected participant whose bearer token this is. */
  peerOf(token: string): NodePeer | undefined;
  /** @returns the origin of the replica whose message this is, when it is another. */
  elsewhere(token: string): string | undefined;
  readonly forwarder: Forwarder;
  readonly log: Log;
}

const STATUS: Partial<Record<string, number>> = {
  'wire.malformed': 400,
  'identity.mismatch': 401,
  'http.not-found': 404,
  'wire.too-large': 413,
  'wire.integrity': 422,
  'wire.out-of-phase': 503,
  'http.unavailable': 503,
};
/** A refused body is read and thrown away for this long, so that its sender gets to see the refusal. */
const DRAIN_MS = 2000;

/**
 * The HTTP half of messages between participants and the server (the other half: shared/transport/server-transfer.ts).
 *
 *     PUT  /api/node/messages/:id   from an offset on: 204 the server has it whole, 200 and 409 it has so much
 *     HEAD /api/node/messages/:id   204 whole, 200 how much the server has, 404 nothing
 *     GET  /api/node/messages/:id   a message that was offered, from a byte on
 *
 * Works on Node's own streams: several times faster than through a web Request (docs/ARCHITECTURE.md).
 */
export function createMessageHandler({ peerOf, elsewhere, forwarder, log }: MessageHandlerOptions) {
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    try {
      const id = parseId(request);
      const token = /^Bearer (\S+)$/.exec(request.headers.authorization ?? '')?.[1];
      const address = token === undefined || request.headers[FORWARDED_HEADER] ? undefined : elsewhere(token);
      if (address !== undefined) return await forwarder.forward(request, response, address);
      const peer = token === undefined ? undefined : peerOf(token);
      check(peer !== undefined, 'identity.mismatch', 'The bearer token is not, or no longer, good.', {
        remedy: 'Connect to the hub, which gives one.',
      });
      if (request.method === 'GET') await sendDownload(request, response, peer, id.text);
      else if (request.method === 'HEAD') answerState(request, response, peer, id);
      else if (request.method === 'PUT') await receiveUpload(request, response, peer, id);
      else respond(response, 405, { allow: 'GET, HEAD, PUT' });
    } catch (thrown) {
      refuse(request, response, thrown, log);
    }
  };
}

interface MessageId {
  readonly text: string;
  readonly stream: number;
  readonly number: number;
}

async function receiveUpload(
  request: IncomingMessage,
  response: ServerResponse,
  peer: NodePeer,
  id: MessageId,
): Promise<void> {
  if (peer.has(id.stream, id.number)) {
    request.resume();
    return respond(response, 204);
  }
  const terms = parseTerms(request, id);
  const offset = integerHeader(request, HEADERS.offset, terms.byteLength);
  const upload = peer.upload(terms);
  upload.interrupt();
  if (offset !== upload.received) {
    peer.rest(terms);
    request.resume();
    return respond(response, 409, { [HEADERS.offset]: String(upload.received) });
  }
  const outcome = await upload.read(request);
  if (outcome === 'interrupted') return;
  if (outcome === 'overflow') {
    peer.dropUpload(id.stream, id.number);
    throw new MurmurationError('wire.malformed', 'The body is longer than the message.', {
      path: HEADERS.length,
      expected: `${terms.byteLength} bytes in all`,
    });
  }
  if (outcome === 'ended' && upload.received === terms.byteLength) {
    peer.complete(terms);
    return respond(response, 204);
  }
  peer.rest(terms);
  respond(response, 200, { [HEADERS.offset]: String(upload.received) });
}

function answerState(
  request: IncomingMessage,
  response: ServerResponse,
  peer: NodePeer,
  id: MessageId,
): void {
  if (peer.has(id.stream, id.number)) return respond(response, 204);
  const upload = peer.partial(id.stream, id.number);
  if (upload === undefined) return respond(response, 404);
  upload.interrupt(); // whoever asks will go on from the answer
  peer.rest(parseTerms(request, id));
  respond(response, 200, { [HEADERS.offset]: String(upload.received) });
}

async function sendDownload(
  request: IncomingMessage,
  response: ServerResponse,
  peer: NodePeer,
  id: string,
): Promise<void> {
  const bytes = peer.download(id);
  check(bytes !== undefined, 'http.not-found', 'There is no such message to fetch.', {
    expected: 'a message that was offered and is not acknowledged yet',
  });
  const start = rangeStart(request.headers.range, bytes.length);
  if (start === undefined) return respond(response, 416, { 'content-range': `bytes */${bytes.length}` });
  const body = bytes.subarray(start);
  response.writeHead(206, {
    'content-type': 'application/octet-stream',
    'content-length': String(body.length),
    'content-range': `bytes ${start}-${bytes.length - 1}/${bytes.length}`,
    'cache-control': 'no-store',
  });
  await new Promise<void>((resolve) => {
    response.once('close', resolve);
    response.end(body);
  });
  peer.countSent(body.length);
}

/** `bytes=N-` (RFC 9110, section 14.2), or nothing at all. @returns undefined for what cannot be satisfied. */
function rangeStart(range: string | undefined, length: number): number | undefined {
  if (range === undefined) return 0;
  const digits = /^bytes=(\d{1,15})-$/.exec(range)?.[1];
  const start = Number(digits);
  return digits !== undefined && start < length ? start : undefined;
}

function parseId(request: IncomingMessage): MessageId {
  const text = (request.url ?? '').replace(/\?.*$/, '').replace(/^.*\//, '');
  const match = /^([0-9a-f]{8})-([0-9a-f]{8})$/.exec(text);
  check(match !== null, 'wire.malformed', 'The address names no message.', {
    path: 'id',
    expected: 'the stream and the number, as eight hexadecimal digits each',
  });
  return { text, stream: Number.parseInt(match[1]!, 16), number: Number.parseInt(match[2]!, 16) };
}

function parseTerms(request: IncomingMessage, { stream, number }: MessageId): UploadTerms {
  const crc = header(request, HEADERS.crc);
  check(/^[0-9a-f]{8}$/.test(crc), 'wire.malformed', 'The checksum is not a CRC-32.', {
    path: HEADERS.crc,
    expected: 'eight hexadecimal digits',
  });
  return {
    stream,
    number,
    oldest: integerHeader(request, HEADERS.oldest, number),
    byteLength: integerHeader(request, HEADERS.length, 2 ** 40),
    crc: Number.parseInt(crc, 16),
  };
}

function integerHeader(request: IncomingMessage, name: string, max: number): number {
  const text = header(request, name);
  const value = Number(text);
  check(/^\d{1,15}$/.test(text) && value <= max, 'wire.malformed', 'A header is out of range.', {
    path: name,
    expected: `an integer from 0 to ${max}`,
    received: text.slice(0, 40),
  });
  return value;
}

function header(request: IncomingMessage, name: string): string {
  const value = request.headers[name];
  check(typeof value === 'string', 'wire.malformed', 'A header is missing.', { path: name });
  return value;
}

function refuse(request: IncomingMessage, response: ServerResponse, thrown: unknown, log: Log): void {
  const known = thrown instanceof MurmurationError;
  if (!known) log.error({ err: thrown }, 'node-transport: failed on a request');
  const error = known ? thrown : new MurmurationError('internal', 'The server failed on this request.');
  const body = Buffer.from(JSON.stringify({ error: error.toRecord() }));
  if (!request.complete) {
    request.resume();
    const timer = setTimeout(() => request.destroy(), DRAIN_MS).unref();
    request.once('close', () => clearTimeout(timer));
  }
  if (response.headersSent || response.destroyed) return;
  response.writeHead(STATUS[error.code] ?? 500, {
    'content-type': 'application/json',
    'content-length': String(body.length),
    'cache-control': 'no-store',
  });
  response.end(body);
}

function respond(response: ServerResponse, status: number, headers: Record<string, string> = {}): void {
  if (response.destroyed) return;
  response.writeHead(status, { 'cache-control': 'no-store', ...headers });
  response.end();
}
