import { fromErrorRecord, MurmurationError } from '../../../shared/errors/index.ts';
import { problemOf } from './problem.ts';
import type { Reachability } from './reachability.ts';

const TIMEOUT_MS = 15_000;

export interface HttpClient {
  /** @throws the server's refusal; `http.unavailable` when it does not answer in 15 s; `aborted`. */
  request(path: string, init: RequestInit, signal?: AbortSignal): Promise<Response>;
  json(path: string, init: RequestInit, signal?: AbortSignal): Promise<unknown>;
}

/**
 * Requests to the page's own server, whose outcomes tell whether it can be reached.
 * @param send in place of fetch: with what this device may show.
 */
export function httpClient(
  reachability: Reachability,
  send: (path: string, init: RequestInit) => Promise<Response> = (path, init) => fetch(path, init),
): HttpClient {
  const request: HttpClient['request'] = async (path, init, signal) => {
    const timeout = AbortSignal.timeout(TIMEOUT_MS);
    let response: Response;
    try {
      response = await send(path, {
        ...init,
        signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
      });
    } catch (cause) {
      if (signal?.aborted) throw new MurmurationError('aborted', 'The request was given up.', { cause });
      reachability.report(false);
      throw new MurmurationError('http.unavailable', 'The server cannot be reached.', {
        remedy: 'Check the connection and try again.',
        cause,
      });
    }
    // A proxy answers 502 to 504 for a server that is not there.
    reachability.report(response.status < 502 || response.status > 504);
    if (!response.ok) throw fromErrorRecord(await problemOf(response));
    return response;
  };
  return {
    request,
    async json(path, init, signal) {
      const response = await request(path, init, signal);
      try {
        return await response.json();
      } catch (cause) {
        if (signal?.aborted) throw new MurmurationError('aborted', 'The request was given up.', { cause });
        throw new MurmurationError('wire.malformed', 'The answer of the server is not JSON.', { cause });
      }
    },
  };
}
