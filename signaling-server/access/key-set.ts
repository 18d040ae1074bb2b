import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose';
import { MurmurationError } from '../../shared/errors/index.ts';

export interface KeySetOptions {
  /** Fetches the issuer's JSON Web Key Set. */
  fetchKeys(): Promise<unknown>;
  nowMs(): number;
}

/** Keys are fetched again after this long, so that one that the issuer withdrew stops being good. */
const REFRESH_MS = 10 * 60_000;
/** With the issuer out of reach, keys that are known go on being used for this long. */
const MAX_AGE_MS = 24 * 3600_000;
/** A key that is not known has the set fetched again, at most this often: anybody can name keys that do not exist. */
const COOLDOWN_MS = 30_000;

/**
 * The public keys of the issuer of tokens, by address (RFC 7517). While the address does not answer, those known are used.
 * @returns what jose takes. It throws `http.unavailable` when no key is known and none can be fetched.
 */
export function createKeySet({ fetchKeys, nowMs }: KeySetOptions): JWTVerifyGetKey {
  let keys: ReturnType<typeof createLocalJWKSet> | undefined;
  let fetchedAtMs = Number.NEGATIVE_INFINITY;
  let triedAtMs = Number.NEGATIVE_INFINITY;
  let failure: unknown;
  let fetching: Promise<void> | undefined;

  const refresh = (): Promise<void> => {
    fetching ??= fetchKeys()
      .then((found) => {
        keys = createLocalJWKSet(found as JSONWebKeySet);
        fetchedAtMs = nowMs();
        failure = undefined;
      })
      .catch((thrown: unknown) => {
        failure = thrown;
      })
      .finally(() => {
        triedAtMs = nowMs();
        fetching = undefined;
      });
    return fetching;
  };
  const mayTry = () => nowMs() - triedAtMs >= COOLDOWN_MS;

  return async (header, token) => {
    if (nowMs() - fetchedAtMs >= REFRESH_MS && (fetching !== undefined || mayTry())) await refresh();
    if (keys === undefined || nowMs() - fetchedAtMs >= MAX_AGE_MS) throw unavailable(failure);
    try {
      return await keys(header, token);
    } catch (thrown) {
      if (!(thrown instanceof errors.JWKSNoMatchingKey)) throw thrown;
      if (fetching === undefined && !mayTry()) {
        if (failure !== undefined) throw unavailable(failure); // perhaps it is a new one
        throw thrown;
      }
    }
    await refresh();
    if (failure !== undefined) throw unavailable(failure);
    return keys(header, token);
  };
}

/** @throws when the address does not answer with a key set in time. */
export async function fetchKeySet(url: string): Promise<unknown> {
  const response = await fetch(url, { signal: AbortSignal.timeout(FETCH_TIMEOUT_MS), redirect: 'error' });
  if (!response.ok) {
    throw new MurmurationError('http.unavailable', 'The issuer of tokens refused its keys.', {
      received: `status ${response.status}`,
    });
  }
  return response.json();
}
const FETCH_TIMEOUT_MS = 5_000;

function unavailable(cause: unknown): MurmurationError {
  return new MurmurationError('http.unavailable', 'The keys of the issuer of tokens cannot be fetched.', {
    expected: 'a JSON Web Key Set at the address in JWKS_URL',
    remedy: 'Try again later; whoever runs this server checks the address.',
    cause,
  });
}
