import { type Client, createClient } from '../../shared/client/index.ts';
import { check, hasCode, MurmurationError } from '../../shared/errors/index.ts';
import { type Federation, parseFederation } from '../../shared/federation/index.ts';
import type { CryptoRandom } from '../../shared/random/index.ts';
import { backoffMs } from '../../shared/transport/backoff.ts';
import type { StateFolder } from './state-folder.ts';

export interface FederationRun {
  readonly federation: Federation;
  readonly run: string;
}

const TIMEOUT_MS = 15_000;

/** As one who may read of federations that are not open, if there is a credential. */
export function clientOf(server: string, credential: string | undefined): Client {
  return createClient({
    baseUrl: server,
    ...(credential === undefined ? {} : { token: credential }),
    fetch: (url, init) => fetch(url, init),
    timeoutMs: TIMEOUT_MS,
  });
}

/**
 * What the server says of a federation and the run it is at; while it cannot be reached, what it said before.
 * @throws `federation.unknown`, `federation.invalid`, what the server refuses; `http.unavailable` when there is neither; `aborted`.
 */
export async function federationRun(
  { federations }: Pick<Client, 'federations'>,
  id: string,
  state: Pick<StateFolder, 'recall' | 'remember'>,
  signal: AbortSignal,
): Promise<FederationRun> {
  const name = `federation-${id}`;
  try {
    const [document, run] = await Promise.all([
      federations.get(id, { signal }),
      federations.run(id, { signal }),
    ]);
    const found = { federation: parseFederation(document), run: run.id };
    await state.remember(name, { document, run: found.run });
    return found;
  } catch (thrown) {
    if (!hasCode(thrown, 'http.unavailable')) throw thrown;
    const kept = (await state.recall(name)) as { document: unknown; run: string } | undefined;
    if (kept === undefined) throw thrown;
    return { federation: parseFederation(kept.document), run: kept.run };
  }
}

/** As {@link federationRun}, asking again and again while the server cannot be reached and nothing is known. */
export async function awaitFederationRun(
  ask: () => Promise<FederationRun>,
  random: CryptoRandom,
  onWait: (error: MurmurationError, delayMs: number) => void,
  signal: AbortSignal,
): Promise<FederationRun> {
  for (let failures = 1; ; failures++) {
    try {
      return await ask();
    } catch (thrown) {
      if (!(thrown instanceof MurmurationError) || thrown.code !== 'http.unavailable') throw thrown;
      const delayMs = backoffMs(failures, random);
      onWait(thrown, delayMs);
      await rest(delayMs, signal);
    }
  }
}

/** The 10,000 public test digits. @throws `http.unavailable`, `aborted`. */
export async function testDigits(server: string, signal: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
  try {
    const response = await fetch(`${server}/api/sample/digits/test`, {
      signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
    });
    check(response.ok, 'http.unavailable', 'The server could not answer.', {
      received: `status ${response.status}`,
      remedy: 'Start again later: this federation evaluates on its sample data.',
    });
    return new Uint8Array(await response.arrayBuffer());
  } catch (cause) {
    if (cause instanceof MurmurationError) throw cause;
    if (signal.aborted) throw new MurmurationError('aborted', 'The request was given up.', { cause });
    throw new MurmurationError('http.unavailable', 'The server cannot be reached.', { cause });
  }
}

/** @throws `aborted` with the signal. */
export function rest(delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      clearTimeout(timer);
      reject(new MurmurationError('aborted', 'The participant was told to stop.'));
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', abort);
      resolve();
    }, delayMs);
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
  });
}
