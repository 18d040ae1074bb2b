import { check } from '../../shared/errors/index.ts';
import { type Federation, parseFederation, policyHash } from '../../shared/federation/index.ts';
import { type ConsentFile, checkTerms } from './consent-file.ts';
import type { StateFolder } from './state-folder.ts';
import { changedTerms } from './terms.ts';

/**
 * Holds what the server says against what was agreed to: by the consent file, or, without one, by the first start with this
 * state folder. The document is kept, so that a later change can be named.
 * @throws `privacy.policy-changed`.
 */
export async function checkAgreement(
  consent: ConsentFile | undefined,
  federation: Federation,
  state: Pick<StateFolder, 'recall' | 'remember'>,
): Promise<void> {
  const name = `agreed-${federation.id}`;
  const kept = await state.recall(name);
  const agreed = kept === undefined ? undefined : parseFederation(kept);
  if (consent !== undefined) {
    checkTerms(
      consent,
      federation,
      agreed !== undefined && policyHash(agreed) === consent.terms ? agreed : undefined,
    );
  } else if (agreed !== undefined) {
    const changes = changedTerms(agreed, federation);
    check(changes.length === 0, 'privacy.policy-changed', 'The terms are not those of the first start.', {
      path: 'terms',
      expected: `terms ${policyHash(agreed).slice(0, 12)}`,
      received: `revision ${federation.revision}, terms ${policyHash(federation).slice(0, 12)}; changed: ${changes.join('; ')}`,
      remedy: 'Nothing was sent. Read them with --show-terms, and agree with a consent file.',
    });
  }
  // Of documents with the same terms any is as good to compare with.
  if (agreed === undefined || policyHash(agreed) !== policyHash(federation))
    await state.remember(name, federation);
}
