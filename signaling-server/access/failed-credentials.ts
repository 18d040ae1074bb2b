import { createHash } from 'node:crypto';
import { MurmurationError } from '../../shared/errors/index.ts';
import { statusOf } from '../http/problem.ts';
import type { Authenticate, Meter, Metered, Shown } from './guard.ts';
import { isInvitationToken } from './invitation-token.ts';
import { isJwt } from './jwt.ts';

/** Counts credentials that are not good, by the address that showed them, at every door alike. SPEC O-09. */
export interface FailedCredentials {
  /** Before a credential is looked at: why it is not, if anything. */
  refusalOf(shown: Shown, address: string): Metered | undefined;
  /** It was good. */
  good(shown: Shown): void;
  /** @returns what is left of the guesses; undefined where this was none. */
  failed(thrown: unknown, address: string): Promise<Metered | undefined>;
}

/** A secret that was good is not refused for its neighbours while it is among so many that were shown last. About 1 MB. */
const MAX_GOOD = 10_000;
const MAX_SHUT = 10_000;

export function failedCredentials(meter: Pick<Meter, 'failure'>, nowMs: () => number): FailedCredentials {
  /** By hash, the one that was shown last at the end. */
  const good = new Set<string>();
  const shut = new Map<string, { readonly untilMs: number; readonly metered: Metered }>();

  return {
    refusalOf(shown, address) {
      const closed = shut.get(address);
      if (closed === undefined) return undefined;
      if (closed.untilMs <= nowMs()) {
        shut.delete(address);
        return undefined;
      }
      return isGuessable(shown.bearer) && !good.has(hashOf(shown.bearer)) ? closed.metered : undefined;
    },

    good({ bearer }) {
      if (!isGuessable(bearer)) return;
      const hash = hashOf(bearer);
      good.delete(hash);
      good.add(hash);
      if (good.size > MAX_GOOD) good.delete(good.values().next().value!);
    },

    async failed(thrown, address) {
      if (!(thrown instanceof MurmurationError) || statusOf(thrown.code) !== 401) return undefined;
      const metered = await meter.failure(address);
      const { refusal, waitMs } = metered;
      if (refusal !== undefined) {
        shut.delete(address);
        shut.set(address, { untilMs: nowMs() + waitMs, metered });
        if (shut.size > MAX_SHUT) shut.delete(shut.keys().next().value!);
      }
      return metered;
    },
  };
}

/** For doors without routes, which say from where something is shown: the same count as the guard's. */
export function countFailures(authenticate: Authenticate, failures: FailedCredentials): Authenticate {
  return async (shown) => {
    const { address } = shown;
    if (address === undefined) return authenticate(shown);
    const closed = failures.refusalOf(shown, address)?.refusal;
    if (closed !== undefined) throw closed;
    try {
      const principal = await authenticate(shown);
      failures.good(shown);
      return principal;
    } catch (thrown) {
      throw (await failures.failed(thrown, address))?.refusal ?? thrown;
    }
  };
}

/** Keys are secrets that somebody may try; whatever carries a signature, or a code by a key of this server, is not guessed at. */
function isGuessable(bearer: string | undefined): bearer is string {
  if (bearer === undefined || isInvitationToken(bearer) || isJwt(bearer)) return false;
  return !/^[^.]+\.[\w-]{22}\.\d+\.[\w-]{43}$/.test(bearer);
}

function hashOf(bearer: string): string {
  return createHash('sha256').update(bearer).digest('base64');
}
