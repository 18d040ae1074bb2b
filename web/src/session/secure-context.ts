import { check, type ErrorRecord, toErrorRecord } from '../../../shared/errors/index.ts';
import type { Federation } from '../../../shared/federation/index.ts';

/** What of a window or a worker tells how it was loaded. */
interface Context {
  readonly isSecureContext: boolean;
}

/**
 * Refuses secure aggregation where it would be an empty promise: over plain HTTP anyone on the way can change this page's
 * code, and a signing key that code cannot read does not exist there.
 * @throws `privacy.policy-unmet`.
 */
export function assertSecureContext(
  { privacy }: Pick<Federation, 'privacy'>,
  { isSecureContext }: Context,
): void {
  check(
    privacy.secureAggregation === 'none' || isSecureContext,
    'privacy.policy-unmet',
    'This federation aggregates securely, and this page came over a connection on which anyone could have changed it.',
    {
      expected: 'a page loaded over HTTPS, or from this device itself (localhost)',
      remedy: 'Open the page by its https address, or join a federation without secure aggregation.',
    },
  );
}

/** The same as a value: what keeps this page from joining, if anything. */
export function secureObstacle(
  federation: Pick<Federation, 'privacy'>,
  context: Context,
): ErrorRecord | undefined {
  try {
    assertSecureContext(federation, context);
    return undefined;
  } catch (thrown) {
    return toErrorRecord(thrown);
  }
}
