import type { Context } from 'hono';
import { check, hasCode, MurmurationError } from '../../shared/errors/index.ts';
import { reachesAll } from '../access/authority.ts';
import type { Caller } from '../access/principal.ts';
import type { Repository } from '../storage/repository.ts';

/**
 * The federation that a list is narrowed to: the one asked for, else the only one that the caller reaches; undefined for those who reach
 * all. The guard has decided about the one asked for.
 * @throws `http.bad-request` where the caller has to name one.
 */
export function reachOf({ principal }: Caller, asked: string | undefined): string | undefined {
  if (asked !== undefined || reachesAll(principal)) return asked;
  if (principal.federation !== undefined) return principal.federation;
  throw new MurmurationError('http.bad-request', 'Your credential does not reach all federations.', {
    path: 'query.federation',
    expected: 'the id of a federation of yours',
    received: 'nothing',
  });
}

/** No federation has it: its settings are those of one that is open. */
const NO_FEDERATION = '';

/**
 * For guards of routes that name a run: its federation. Of a run that it does not know, a server may keep what participants
 * told it; the handler says whether there is anything.
 */
export function federationOfRun(repository: Pick<Repository, 'getRun'>): (c: Context) => Promise<string> {
  return async (c) => {
    try {
      return (await repository.getRun(c.req.param('run') ?? '')).federation;
    } catch (thrown) {
      if (hasCode(thrown, 'http.not-found')) return NO_FEDERATION;
      throw thrown;
    }
  };
}

/** For what concerns the server as a whole. @throws `http.forbidden`. */
export function checkReachesAll({ principal }: Caller): void {
  check(reachesAll(principal), 'http.forbidden', 'Your credential does not reach the server as a whole.', {
    expected: 'an operator or an auditor, not bound to one federation',
    received: principal.role ?? principal.kind,
  });
}
