import { fromErrorRecord, MurmurationError } from '../../../shared/errors/index.ts';
import { authorizedFetch } from '../app/authorized-fetch.ts';
import { problemOf } from '../app/problem.ts';
import { credentialOf } from './credential.ts';

const TIMEOUT_MS = 15_000;

/**
 * The document of a federation and the run it is at, asked for with what lets this device in. Loaded when it is needed.
 * @throws what the server refuses; `federation.unknown`, `http.unavailable`, `aborted`.
 */
export async function askAboutFederation(
  id: string,
  signal?: AbortSignal,
): Promise<{ readonly document: unknown; readonly run: unknown }> {
  // Without storage there is nothing to show.
  const credential = await credentialOf(id).catch(() => undefined);
  const bearers = credential === undefined ? [] : [credential.token];
  const [document, run] = await Promise.all([
    getJson(`/api/federations/${id}`, bearers, signal),
    getJson(`/api/federations/${id}/run`, bearers, signal),
  ]);
  return { document, run };
}

async function getJson(
  path: string,
  bearers: readonly string[],
  signal: AbortSignal | undefined,
): Promise<unknown> {
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  let response: Response;
  try {
    response = await authorizedFetch(bearers, path, {
      signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
    });
  } catch (cause) {
    if (signal?.aborted) throw new MurmurationError('aborted', 'The request was given up.', { cause });
    throw new MurmurationError('http.unavailable', 'The server cannot be reached.', {
      remedy: 'Check the connection and try again.',
      cause,
    });
  }
  if (response.ok) return response.json();
  if (response.status === 404) {
    throw new MurmurationError('federation.unknown', 'The server does not know this federation.', {
      remedy: 'Check the link.',
    });
  }
  if (response.status >= 500) {
    // Whatever it is: what this device remembers serves meanwhile.
    throw new MurmurationError('http.unavailable', 'The server could not answer.', {
      received: `status ${response.status}`,
    });
  }
  throw fromErrorRecord(await problemOf(response));
}
