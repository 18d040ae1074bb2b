import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { hostname } from 'node:os';
import { connect as connectTls } from 'node:tls';
import { MurmurationError } from '../../shared/errors/index.ts';
import type { AuditEntry } from './audit-log.ts';
import { jsonLine, syslogFrame } from './siem-line.ts';
import type { SiemTarget } from './siem-url.ts';

/** Gives entries to a receiver. */
export interface Sender {
  /** Resolves once the receiver has them all, as far as its protocol tells. @throws `http.unavailable`. */
  send(entries: readonly AuditEntry[], signal: AbortSignal): Promise<void>;
  close(): void;
}

export interface SenderOptions {
  readonly timeoutMs?: number;
  /** Certificate authorities besides those of the system, as PEM. */
  readonly ca?: string;
}

const TIMEOUT_MS = 20_000;

export function senderTo(target: SiemTarget, options: SenderOptions = {}): Sender {
  return target.kind === 'https' ? httpsSender(target, options) : syslogSender(target, options);
}

/** JSON lines by POST; an answer of 2xx takes them all. Redirects are refused: they could carry the token elsewhere. */
function httpsSender(
  { url, token }: Extract<SiemTarget, { kind: 'https' }>,
  { timeoutMs = TIMEOUT_MS }: SenderOptions,
): Sender {
  return {
    async send(entries, signal) {
      let response: Response;
      try {
        response = await fetch(url, {
          method: 'POST',
          redirect: 'error',
          headers: {
            'content-type': 'application/x-ndjson',
            'x-first-seq': String(entries[0]?.seq),
            'x-last-seq': String(entries.at(-1)?.seq),
            ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          },
          body: entries.map((entry) => `${jsonLine(entry)}\n`).join(''),
          signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
        });
        // Read to its end, so that the connection is free again; what it says is of no use here.
        await response.body?.cancel();
      } catch (cause) {
        throw away(reasonOf(cause), cause);
      }
      if (!response.ok) throw away(`status ${response.status}`);
    },
    close: () => undefined,
  };
}

/**
 * Syslog tells nothing back. Entries count as taken once the connection took them and was still there afterwards; what a receiver had not read
 * when it died may be lost to it, so that a receiver that must have each entry is reached by HTTPS.
 */
function syslogSender(
  { host, port, tls }: Extract<SiemTarget, { kind: 'syslog' }>,
  { timeoutMs = TIMEOUT_MS, ca }: SenderOptions,
): Sender {
  const here = hostname();
  let socket: Socket | undefined;

  async function connection(signal: AbortSignal): Promise<Socket> {
    if (socket !== undefined && !socket.destroyed && socket.writable) return socket;
    const fresh = tls
      ? connectTls({
          host,
          port,
          ...(ca === undefined ? {} : { ca }),
          ...(isName(host) ? { servername: host } : {}),
        })
      : connectTcp({ host, port });
    socket = fresh;
    // Whoever waits hears of a failure by `once`; in between the next send finds the socket destroyed.
    fresh.on('error', () => fresh.destroy());
    // A receiver has nothing to say: what it sends is read and thrown away, so that its end is noticed.
    fresh.resume();
    fresh.unref();
    await once(fresh, tls ? 'secureConnect' : 'connect', { signal });
    return fresh;
  }

  return {
    async send(entries, signal) {
      const until = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
      try {
        const open = await connection(until);
        await written(open, Buffer.concat(entries.map((entry) => syslogFrame(entry, here))), until);
      } catch (cause) {
        socket?.destroy();
        socket = undefined;
        throw away(reasonOf(cause), cause);
      }
    },
    close() {
      socket?.end();
      socket?.destroySoon();
    },
  };
}

/** Resolves when the operating system took the bytes and the connection is still up. */
function written(socket: Socket, bytes: Uint8Array, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => settle(signal.reason as Error);
    const closed = (): void => settle(new Error('the receiver closed the connection'));
    const settle = (error?: Error | null): void => {
      signal.removeEventListener('abort', stop);
      socket.removeListener('close', closed);
      socket.removeListener('end', closed);
      if (error) reject(error);
      else resolve();
    };
    signal.addEventListener('abort', stop);
    socket.once('close', closed);
    socket.once('end', closed);
    socket.write(bytes, (error) => setImmediate(() => settle(error)));
    if (signal.aborted) stop();
  });
}

function isName(host: string): boolean {
  return !/^[\d.]+$/.test(host) && !host.includes(':');
}

function away(received: string, cause?: unknown): MurmurationError {
  return new MurmurationError('http.unavailable', 'The receiver of the audit log does not take entries.', {
    received,
    remedy: 'Check SIEM_URL, SIEM_TOKEN and the receiver. Nothing is lost: entries are sent when it is back.',
    ...(cause === undefined ? {} : { cause }),
  });
}

/** A code, never a message: that could quote what was sent. */
function reasonOf(thrown: unknown): string {
  const error = thrown as { code?: unknown; name?: unknown; cause?: { code?: unknown } } | undefined;
  const codes = [error?.cause?.code, error?.code, error?.name];
  return codes.find((code): code is string => typeof code === 'string') ?? 'an error';
}
