import { type ErrorCode, type ErrorRecord, fromErrorRecord, MurmurationError } from '../errors/index.ts';
import type { Clock } from '../transport/clock.ts';

/** The part of `fetch` that is used: browsers', Node's and a test's have it. */
export type FetchPort = (
  url: string,
  init: {
    readonly method: string;
    readonly headers: Record<string, string>;
    readonly body?: string;
    readonly signal: AbortSignal;
  },
) => Promise<{
  readonly ok: boolean;
  readonly status: number;
  text(): Promise<string>;
}>;

/** A key, a token, or what gives one that is good now. Undefined: asks as nobody in particular. */
export type TokenSource = string | undefined | (() => string | undefined | Promise<string | undefined>);

export interface RequestOptions {
  readonly signal?: AbortSignal | undefined;
  /** The same request under the same key is carried out once. */
  readonly idempotencyKey?: string | undefined;
}

export interface Order extends RequestOptions {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** From the root, its parts encoded. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | undefined>> | undefined;
  readonly body?: unknown;
}

export type Requester = <T>(order: Order) => Promise<T>;

export interface RequesterOptions {
  /** Without a slash at the end; empty in a page that the server itself sent. */
  readonly baseUrl: string;
  readonly token?: TokenSource;
  readonly fetch: FetchPort;
  readonly clock: Clock;
  readonly timeoutMs?: number | undefined;
}

const TIMEOUT_MS = 30_000;

/**
 * Asks the server and reads its JSON; undefined where it answers with nothing.
 * @throws every refusal by the code that the server gave it; `http.unavailable` when it cannot be reached, does not answer in time or
 * answers what is no JSON; `aborted` with the signal.
 */
export function createRequester(options: RequesterOptions): Requester {
  const { baseUrl, fetch, clock, timeoutMs = TIMEOUT_MS } = options;
  return async <T>({ method, path, query, body, signal, idempotencyKey }: Order): Promise<T> => {
    const token = await tokenOf(options.token);
    const controller = new AbortController();
    const abort = (): void => controller.abort();
    if (signal?.aborted) abort();
    signal?.addEventListener('abort', abort, { once: true });
    const cancelTimeout = clock.after(timeoutMs, abort);
    try {
      const response = await fetch(`${baseUrl}${path}${queryOf(query)}`, {
        method,
        headers: {
          accept: 'application/json',
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: controller.signal,
      });
      const text = await response.text();
      if (!response.ok) throw refusalOf(response.status, text);
      return (text === '' ? undefined : parsed(text)) as T;
    } catch (thrown) {
      if (thrown instanceof MurmurationError) throw thrown;
      if (signal?.aborted)
        throw new MurmurationError('aborted', 'The request was given up.', { cause: thrown });
      throw new MurmurationError('http.unavailable', 'The server cannot be reached.', {
        ...(controller.signal.aborted ? { expected: `an answer within ${timeoutMs} ms` } : {}),
        remedy: 'Check the connection and try again.',
        cause: thrown,
      });
    } finally {
      cancelTimeout();
      signal?.removeEventListener('abort', abort);
    }
  };
}

export async function tokenOf(source: TokenSource): Promise<string | undefined> {
  return typeof source === 'function' ? source() : source;
}

function queryOf(query: Order['query']): string {
  const pairs = Object.entries(query ?? {})
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(String(value))}`);
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`;
}

/** Problem details (RFC 9457) with our code and facts. */
function refusalOf(status: number, text: string): MurmurationError {
  const problem = parsedOrNothing(text);
  const { code, detail } = problem;
  if (typeof code !== 'string' || typeof detail !== 'string')
    return new MurmurationError('http.unavailable', 'The server could not answer.', {
      received: `status ${status}`,
      remedy: 'Try again later.',
    });
  const facts: Partial<Record<'expected' | 'received' | 'remedy' | 'path', string>> = {};
  for (const name of ['expected', 'received', 'remedy', 'path'] as const) {
    const value = problem[name];
    if (typeof value === 'string') facts[name] = value;
  }
  return fromErrorRecord({ code: code as ErrorCode, message: detail, ...facts } satisfies ErrorRecord);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new MurmurationError('http.unavailable', 'The answer is not JSON.', {
      received: `${text.length} characters`,
      remedy: 'Check the address: something else than the server may have answered.',
      cause,
    });
  }
}

function parsedOrNothing(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    // A proxy's page, or nothing: the status says all there is.
    return {};
  }
}
