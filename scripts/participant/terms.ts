import { canonicalJson, type Federation, policyHash, policyTerms } from '../../shared/federation/index.ts';

/** Where the terms of two documents differ. */
export function changedTerms(before: Federation, after: Federation): string[] {
  return changesBetween(policyTerms(before), policyTerms(after));
}

/** Where two documents differ, as `path: before → after`; the longest values are cut. */
export function changesBetween(before: unknown, after: unknown, path = ''): string[] {
  if (canonicalJson(before ?? null) === canonicalJson(after ?? null)) return [];
  if (isPlain(before) && isPlain(after)) {
    const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
    return names.flatMap((name) =>
      changesBetween(before[name], after[name], path === '' ? name : `${path}.${name}`),
    );
  }
  return [`${path}: ${shown(before)} → ${shown(after)}`];
}

const MAX_SHOWN = 60;

function shown(value: unknown): string {
  const text = value === undefined ? 'nothing' : JSON.stringify(value);
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN - 1)}…` : text;
}

function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What a person has to know to agree, as lines to read, and the consent file that would say so. */
export function describeTerms(federation: Federation): string {
  const { id, name, revision, privacy, paths, evaluation, rounds, cohort } = federation;
  const hash = policyHash(federation);
  const consent = {
    federation: id,
    terms: hash,
    ...(privacy.budget === undefined ? {} : { epsilonLimit: privacy.budget.epsilon }),
    maxRounds: rounds.maximum,
  };
  return [
    `${name} (${id}), revision ${revision}`,
    `terms                ${hash}`,
    `hides single records ${privacy.record === undefined ? 'no' : `DP-SGD, noise multiplier ${privacy.record.noiseMultiplier}, clipped to ${privacy.record.clipNorm}`}`,
    `hides participants   ${privacy.participant === undefined ? 'no' : `${privacy.participant.trust} noise, multiplier ${privacy.participant.noiseMultiplier}`}`,
    `budget               ${privacy.budget === undefined ? 'none: without noise no finite epsilon holds' : `epsilon ${privacy.budget.epsilon}, delta ${privacy.budget.delta}`}`,
    `single updates       ${privacy.secureAggregation === 'secagg' ? 'hidden by secure aggregation' : 'seen by the owners of their slices'}`,
    `also leaves          ${evaluation === 'local' ? 'counts of right predictions on a held-out tenth, and' : ''} the number of local examples`,
    `paths                ${paths.join(', ')}`,
    `rounds               at most ${rounds.maximum}, from ${cohort.minParticipants} participants on`,
    '',
    'A consent file that agrees to it:',
    JSON.stringify(consent, null, 2),
    '',
    'The whole document:',
    JSON.stringify(federation, null, 2),
  ].join('\n');
}
