import { formatDelta, formatEpsilon } from './epsilon-words.ts';
import { INSPECTED_TERMS } from './robust-words.ts';
import type { AgreedTerms } from './services.ts';
import { TRUST_NAMES } from './trust-words.ts';

export interface TermChange {
  readonly what: string;
  readonly before: string;
  readonly now: string;
}

/** What is otherwise than it was agreed to; empty when it is something that privacy does not depend on. */
export function changedTerms(before: AgreedTerms, now: AgreedTerms): readonly TermChange[] {
  const [old, current] = [termWords(before), termWords(now)];
  return current.flatMap(([what, value], i) => {
    const was = old[i]![1];
    return was === value ? [] : [{ what, before: was, now: value }];
  });
}

const EVALUATIONS: Readonly<Record<AgreedTerms['evaluation'], string>> = {
  none: 'nothing',
  sample: 'a public test set',
  server: 'examples that the server holds',
  local: 'a held-out tenth of your examples',
};

const PATHS: Readonly<Record<AgreedTerms['paths'][number], string>> = {
  direct: 'directly',
  relay: 'relayed',
  server: 'through the server',
};

function termWords(terms: AgreedTerms) {
  const { privacy, paths, evaluation, minParticipants, clipNorm } = terms;
  const { record, participant, budget } = privacy;
  return [
    [
      'Noise that hides single examples',
      record === undefined
        ? 'none'
        : `${record.noiseMultiplier} times what an example can change, which is ${record.clipNorm}; ${record.sampling === 'poisson' ? 'batches drawn by coins' : 'batches of one size'}`,
    ],
    [
      'Noise that hides participants',
      participant === undefined
        ? 'none'
        : `${participant.noiseMultiplier} times what an update can be; ${TRUST_NAMES[participant.trust].toLowerCase()}${participant.trust === 'distributed' ? `, of whom ${participant.colluding} may collude` : ''}${participant.mechanism === 'tree' ? ', as a tree' : ''}`,
    ],
    [
      'Budget',
      budget === undefined
        ? 'none'
        : `epsilon at most ${formatEpsilon(budget.epsilon)}, delta ${formatDelta(budget.delta)}`,
    ],
    ['Secure aggregation', privacy.secureAggregation === 'secagg' ? 'yes' : 'no'],
    ['Fewest participants of a round', String(minParticipants)],
    [
      'Updates are scaled down to a norm of',
      participant?.adaptiveClipping === undefined
        ? String(clipNorm)
        : `${clipNorm} at first, then as most need`,
    ],
    ['Ways between participants', paths.map((path) => PATHS[path]).join(', ')],
    ['The server looks one by one at', INSPECTED_TERMS[terms.inspected ?? 'nothing']],
    ['Beside the update', terms.along ?? 'nothing'],
    [
      'Who is invited is chosen by',
      terms.selection === 'device'
        ? 'how fast devices are, where they tell'
        : 'nothing that devices are asked for',
    ],
    ['Measured on', EVALUATIONS[evaluation]],
  ] as const;
}
