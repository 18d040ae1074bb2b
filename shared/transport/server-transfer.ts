import { check, type ErrorRecord, hasCode, MurmurationError, toErrorRecord } from '../errors/index.ts';
import type { Clock } from './clock.ts';
import { crc32 } from './crc32.ts';
import { checkCrc } from './hub-frames.ts';
import type { OutgoingMessage } from './server-outbox.ts';

/** The part of `fetch` that is used here. */
export type FetchLike = (url: string, init: FetchInit) => Promise<FetchResponse>;

export interface FetchInit {
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body?: Uint8Array<ArrayBuffer>;
  readonly signal: AbortSignal;
}

export interface FetchResponse {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  readonly body: { getReader(): ByteReader } | null;
  json(): Promise<unknown>;
}

interface ByteReader {
  read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>;
}

/** Where the HTTP half of messages to and from the server lives. */
export const MESSAGES_PATH = '/api/node/messages';
/** The headers of an upload. Numbers are decimal, checksums eight hexadecimal digits. */
export const HEADERS = {
  /** Position in the message of the first byte of the body; in an answer, how much the server has. */
  offset: 'upload-offset',
  length: 'upload-length',
  crc: 'message-crc32',
  /** As in binary frames: the lowest number of the stream whose outcome is still waited for. */
  oldest: 'message-oldest',
} as const;

/** @returns the name of a message in URLs: its stream and its number, each as eight hexadecimal digits. */
export function transferId(stream: number, number: number): string {
  return `${hex8(stream)}-${hex8(number)}`;
}

export function hex8(value: number): string {
  return value.toString(16).padStart(8, '0');
}

/** Leave to talk to the server, for as long as one connection to the hub lasts. */
export interface Access {
  readonly token: string;
  readonly broken: AbortSignal;
}

export interface TransferHost {
  readonly fetch: FetchLike;
  /** The server's origin, without a slash at the end; empty in a page that the server itself sent. */
  readonly baseUrl: string;
  readonly clock: Clock;
  /** Waits for a connection. @returns undefined once the signal is aborted. */
  access(signal: AbortSignal): Promise<Access | undefined>;
}

export type UploadResult = 'delivered' | 'settled' | ErrorRecord;

/**
 * Brings one message to the server, resuming where it broke off, until the server has it, refuses it for good
 * (an error record), or its outcome is settled otherwise. Never rejects.
 */
export async function upload(
  message: OutgoingMessage,
  stream: { readonly stream: number; readonly oldest: number },
  host: TransferHost,
): Promise<UploadResult> {
  const { bytes, number, settled } = message;
  const url = `${host.baseUrl}${MESSAGES_PATH}/${transferId(stream.stream, number)}`;
  const crc = hex8(crc32(bytes));
  let offset: number | undefined = 0; // undefined: only the server knows
  let failures = 0;

  while (!settled.aborted) {
    const access = await host.access(settled);
    if (access === undefined) break;
    try {
      const headers = {
        authorization: `Bearer ${access.token}`,
        [HEADERS.length]: String(bytes.length),
        [HEADERS.crc]: crc,
        [HEADERS.oldest]: String(stream.oldest),
      };
      const known: number | undefined = offset;
      offset = undefined;
      const response: FetchResponse = await withEither(settled, access.broken, (signal) =>
        known === undefined
          ? host.fetch(url, { method: 'HEAD', headers, signal })
          : host.fetch(url, {
              method: 'PUT',
              headers: {
                ...headers,
                [HEADERS.offset]: String(known),
                'content-type': 'application/octet-stream',
              },
              body: bytes.subarray(known),
              signal,
            }),
      );
      if (response.status === 204) return 'delivered';
      const error = response.status >= 400 ? await errorOf(response) : undefined;
      if (error !== undefined && isFinal(response.status)) return error;
      offset = offsetOf(response, bytes.length);
      if (offset !== undefined && offset > (known ?? 0)) failures = 0;
      if (offset !== undefined && known === undefined) continue;
    } catch (thrown) {
      if (settled.aborted) break;
      if (hasCode(thrown, 'internal')) return toErrorRecord(thrown);
    }
    await pause(retryMs(failures++), settled, host.clock);
  }
  return 'settled';
}

export interface Offer {
  readonly stream: number;
  readonly number: number;
  readonly crc: number;
  readonly byteLength: number;
}

/**
 * Fetches a message that the server offered, resuming where it broke off.
 * @returns undefined when the server no longer has it or the signal is aborted. Never rejects.
 */
export async function download(
  offer: Offer,
  signal: AbortSignal,
  host: TransferHost,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const url = `${host.baseUrl}${MESSAGES_PATH}/${transferId(offer.stream, offer.number)}`;
  const bytes = new Uint8Array(offer.byteLength);
  let received = 0;
  let failures = 0;

  while (!signal.aborted) {
    const access = await host.access(signal);
    if (access === undefined) break;
    const before = received;
    try {
      await withEither(signal, access.broken, async (either) => {
        const headers = { authorization: `Bearer ${access.token}`, range: `bytes=${received}-` };
        const response = await host.fetch(url, { method: 'GET', headers, signal: either });
        if (response.status === 404) throw gone();
        if (response.status !== 206 || response.body === null) {
          await errorOf(response); // its body is read, or the connection could not be used again
          return;
        }
        const reader = response.body.getReader();
        for (let part = await reader.read(); !part.done; part = await reader.read()) {
          if (part.value === undefined) continue;
          check(received + part.value.length <= bytes.length, 'wire.integrity', 'The server sent too much.');
          bytes.set(part.value, received);
          received += part.value.length;
        }
      });
      if (received === bytes.length) {
        checkCrc(bytes, offer.crc);
        return bytes;
      }
    } catch (thrown) {
      if (hasCode(thrown, 'transport.unreachable')) return undefined;
      if (hasCode(thrown, 'wire.integrity')) received = 0;
    }
    if (received > before) failures = 0;
    if (!signal.aborted) await pause(retryMs(failures++), signal, host.clock);
  }
  return undefined;
}

/** Refusals that the same bytes would meet again. */
function isFinal(status: number): boolean {
  return status === 400 || status === 403 || status === 413;
}

async function errorOf(response: FetchResponse): Promise<ErrorRecord> {
  const fallback = new MurmurationError('http.bad-request', 'The server refused a message.', {
    received: `status ${response.status}`,
  });
  const body = await response.json().catch(() => undefined);
  const error = (body as { error?: ErrorRecord } | undefined)?.error;
  return typeof error?.code === 'string' && typeof error.message === 'string' ? error : fallback.toRecord();
}

function offsetOf(response: FetchResponse, length: number): number | undefined {
  if (response.status === 404) return 0;
  const text = response.headers.get(HEADERS.offset);
  const offset = text === null ? Number.NaN : Number(text);
  return Number.isInteger(offset) && offset >= 0 && offset <= length ? offset : undefined;
}

function gone(): MurmurationError {
  return new MurmurationError('transport.unreachable', 'The server no longer has this message.');
}

function retryMs(failures: number): number {
  return Math.min(3000, 50 * 2 ** failures);
}

/** Runs an operation that ends when either signal is aborted. */
async function withEither<T>(
  a: AbortSignal,
  b: AbortSignal,
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const abort = () => controller.abort();
  a.addEventListener('abort', abort, { once: true });
  b.addEventListener('abort', abort, { once: true });
  if (a.aborted || b.aborted) abort();
  try {
    return await run(controller.signal);
  } finally {
    a.removeEventListener('abort', abort);
    b.removeEventListener('abort', abort);
  }
}

function pause(delayMs: number, signal: AbortSignal, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      cancel();
      signal.removeEventListener('abort', end);
      resolve();
    };
    const cancel = clock.after(delayMs, end);
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
  });
}
