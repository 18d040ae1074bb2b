import { hasCode, MurmurationError } from '../../../shared/errors/index.ts';
import { type Federation, parseFederation } from '../../../shared/federation/index.ts';
import { recall, remember } from '../storage/index.ts';

/** A federation and the run it is at, as the server names it. */
export interface FederationRun {
  readonly federation: Federation;
  readonly run: string;
}

const TIMEOUT_MS = 15_000;

/**
 * What the server says, remembered on the device; without the server, what was remembered.
 * @throws `federation.unknown`, `federation.invalid`; `http.unavailable` when there is neither.
 */
export async function federationRun(id: string, signal?: AbortSignal): Promise<FederationRun> {
  try {
    const [document, run] = await Promise.all([
      getJson(`/api/federations/${id}`, signal),
      getJson(`/api/federations/${id}/run`, signal),
    ]);
    const found = { federation: parseFederation(document), run: (run as { id: string }).id };
    await remember(keyOf(id), { document, run: found.run });
    return found;
  } catch (thrown) {
    const remembered = hasCode(thrown, 'http.unavailable')
      ? ((await recall(keyOf(id))) as { document: unknown; run: string } | undefined)
      : undefined;
    if (remembered === undefined) throw thrown;
    return { federation: parseFederation(remembered.document), run: remembered.run };
  }
}

function keyOf(id: string): string {
  return `run/${id}`;
}

async function getJson(path: string, signal: AbortSignal | undefined): Promise<unknown> {
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  let response: Response;
  try {
    response = await fetch(path, {
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
  throw new MurmurationError('http.unavailable', 'The server could not answer.', {
    received: `status ${response.status}`,
  });
}
