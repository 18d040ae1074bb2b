import type { Federation } from '../../../shared/federation/index.ts';
import { inspectedBy } from './robust-words.ts';
import type { AgreedTerms } from './services.ts';
import { sendsAlong } from './strategy-words.ts';

/** What an agreement is about, kept with it so that a change of it can be shown. */
export function termsOf(federation: Federation): AgreedTerms {
  const { privacy, paths, evaluation, cohort, strategy } = federation;
  const along = sendsAlong(federation);
  return {
    privacy,
    paths,
    evaluation,
    minParticipants: cohort.minParticipants,
    clipNorm: strategy.clipNorm,
    inspected: inspectedBy(federation),
    selection: strategy.selection?.by === 'resources' ? 'device' : 'other',
    ...(along === undefined ? {} : { along }),
  };
}
