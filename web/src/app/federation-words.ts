import type { Federation, ParticipantPrivacy } from '../../../shared/federation/index.ts';
import { dataWords, targetWords } from './data-words.ts';
import { formatDelta, formatEpsilon } from './epsilon-words.ts';
import { counted, formatCount } from './format.ts';
import { modelWords } from './model-words.ts';
import { inspectedBy, inspectedSentence } from './robust-words.ts';
import { nameOf, sendsAlong } from './strategy-words.ts';
import { type TrustModel, trustModelsOf } from './trust-models.ts';
import { TRUST_NAMES } from './trust-words.ts';

export interface Disclosure {
  readonly stays: readonly string[];
  readonly leaves: readonly string[];
  /** What no setting of this federation prevents. */
  readonly caution: string;
}

/**
 * What taking part tells others, as plainly as it can be said. Derived from the document, so that a federation
 * cannot describe itself as more private than it is.
 */
export function disclosureOf(federation: Federation): Disclosure {
  const { strategy, paths, evaluation, privacy, cohort } = federation;
  const { record, participant } = privacy;
  const secure = privacy.secureAggregation === 'secagg';
  const mesh = paths.some((path) => path !== 'server');
  const noise = noiseWords(federation);
  const update = record === undefined && participant?.trust !== 'local' ? 'update' : 'noisy update';
  const seen = secure
    ? `Masks are put on here before they go, which come off their sum only. Everyone can see that sum, of at least ${cohort.minParticipants} updates.`
    : mesh
      ? `Other participants who add up a slice can see that slice of your ${update}.`
      : `The server adds up, and can see your whole ${update}.`;
  const { clipNorm } = strategy;
  const isAdaptive = participant?.adaptiveClipping !== undefined;
  const normWords = isAdaptive ? `${clipNorm} at first, and then what most need` : String(clipNorm);
  const leaves = [
    `${noise}. ${seen}`,
    `An update says how your examples changed the model. Large ones are scaled down, to an L2 norm of ${normWords}.`,
    'The number of examples you train on.',
    'What was sent stays in the sum of its round, and in the models after it, also when you leave.',
  ];
  const inspected = inspectedSentence(inspectedBy(federation));
  if (inspected !== undefined) leaves.splice(1, 0, inspected);
  const along = sendsAlong(federation);
  if (along !== undefined) leaves.push(along);
  if (strategy.selection?.by === 'resources')
    leaves.push('How fast this device is, only if you allow that in its settings.');
  if (evaluation === 'local')
    leaves.push('How many of a held-out tenth of your examples the model gets right, after each round.');
  if (paths.includes('direct'))
    leaves.push('Your network address, to the participants you are connected to directly.');
  if (paths.includes('relay'))
    leaves.push(
      'Relayed messages pass through the server, which cannot read them but sees who writes to whom.',
    );
  if (mesh && paths.includes('server'))
    leaves.push(
      secure
        ? 'Where participants cannot reach each other, the server adds up masked slices, and sees no more of them than a participant.'
        : 'Where participants cannot reach each other, the server adds up slices and sees them like a participant.',
    );
  if (secure)
    leaves.push(
      'Fresh keys for each round, and shares of the secrets behind your masks, each sealed for one participant.',
    );
  return {
    stays: ['Your examples. They are kept in this browser and are never sent.'],
    leaves,
    caution: cautionWords(federation),
  };
}

/** What is put on an update before it leaves. */
function noiseWords({ privacy, strategy }: Federation): string {
  const { record, participant } = privacy;
  const parts = [
    ...(record === undefined
      ? []
      : [
          `with noise, added here while it trains: each example may change a step by at most ${record.clipNorm} (L2 norm), and random noise of ${record.noiseMultiplier} times that is added`,
        ]),
    ...(participant === undefined ? [] : [participantNoiseWords(participant, strategy.clipNorm)]),
  ];
  return `Updates leave this device ${parts.length === 0 ? 'without noise' : parts.join('; and ')}`;
}

function participantNoiseWords(
  { trust, noiseMultiplier, colluding }: ParticipantPrivacy,
  clipNorm: number,
): string {
  const all = `${noiseMultiplier} times what an update can be (${clipNorm})`;
  switch (trust) {
    case 'distributed':
      return `with a share of noise: the shares in a sum add up to at least ${all}, even without those of ${colluding}`;
    case 'local':
      return `with noise of ${all}`;
    case 'central':
      return `without noise on the whole of them: the server adds ${all} to their sum`;
  }
}

function cautionWords({ privacy }: Federation): string {
  const { record, participant, budget } = privacy;
  const worked =
    privacy.secureAggregation === 'secagg'
      ? 'about everyone’s examples from the sums and from the model'
      : 'about your examples from your updates';
  if (record === undefined && participant === undefined)
    return `Without noise, nothing limits what somebody could work out ${worked}. Take part only with data you would accept that for.`;
  const hidden =
    participant === undefined
      ? 'makes single examples hard to work out'
      : record === undefined
        ? 'makes it hard to tell whether you took part with your data'
        : 'makes it hard to tell whether you took part with your data, and single examples hard to work out';
  const bound =
    budget === undefined
      ? 'The federation sets no budget: without a limit of your own, it adds up as long as you take part.'
      : `This device refuses every round that would bring it above ${formatEpsilon(budget.epsilon)}.`;
  return `The noise ${hidden}${participant?.trust === 'central' ? ', for everyone but the server' : ''}, and hides less with every round. How much that is in all, epsilon, this device adds up. ${bound}`;
}

/** The plan of the rounds, as names and values. */
export function trainingFacts(federation: Federation): readonly (readonly [string, string])[] {
  const { training, strategy, cohort, rounds, evaluation } = federation;
  const target = rounds.targetAccuracy;
  return [
    ['Example', dataWords(federation.data)],
    ['Predicts', targetWords(federation.data)],
    ['Model', modelWords(federation)],
    [
      'On each device',
      `${counted(training.epochs, 'pass', 'passes')} per round, batches of ${formatCount(training.batchSize)}, learning rate ${training.optimizer.learningRate}`,
    ],
    [
      'Combined by',
      `${nameOf(strategy, training)}${strategy.type === 'qfedavg' ? '' : `, ${strategy.weighting === 'examples' ? `weighted by examples (at most ${formatCount(strategy.maxExamples)})` : 'everyone counts the same'}`}`,
    ],
    [
      'Rounds',
      `${formatCount(rounds.maximum)}${target === undefined ? '' : `, or until ${Math.round(target * 1000) / 10} % accuracy`}`,
    ],
    ['Participants', `${cohort.minParticipants} or more; at most ${cohort.groupSize} add up together`],
    ...(strategy.selection === undefined ? [] : [['Invited', selectionWords(strategy.selection)] as const]),
    ...(strategy.rollback === undefined
      ? []
      : [
          [
            'Goes back',
            `to the best version, after ${counted(strategy.rollback.afterRounds, 'version')} in a row that ${strategy.rollback.afterRounds === 1 ? 'is' : 'are'} worse by more than ${Math.round(strategy.rollback.threshold * 1000) / 10} points`,
          ] as const,
        ]),
    [
      'Secure aggregation',
      federation.privacy.secureAggregation === 'secagg'
        ? 'yes: updates are masked, and a round that cannot be made secure is refused'
        : 'no: who adds up sees what it adds up',
    ],
    ...trustModelsOf(federation).map((model) => ['Noise', noiseFact(federation, model)] as const),
    ['Privacy budget', budgetFact(federation)],
    [
      'Measured on',
      evaluation === 'sample'
        ? 'a public test set'
        : evaluation === 'local'
          ? 'a held-out tenth on each device'
          : evaluation === 'server'
            ? 'examples that the server holds'
            : 'nothing: accuracy is not measured',
    ],
    ['Revision', String(federation.revision)],
  ];
}

type Selection = NonNullable<Federation['strategy']['selection']>;

const SELECTED_BY: Readonly<Record<Selection['by'], string>> = {
  uniform: 'by lot',
  resources: 'the quicker the likelier',
  'data-size': 'the more examples the likelier',
  fairness: 'whoever took part least comes first',
};

function selectionWords({ by, overSelection }: Selection): string {
  const more =
    overSelection === 1
      ? ''
      : `; ${overSelection} times as many as are needed, and a round goes on with the first that have trained`;
  return `${SELECTED_BY[by]}${more}`;
}

function noiseFact({ privacy }: Federation, model: TrustModel): string {
  if (model === 'none') return 'none: epsilon is infinite';
  const multiplier = (model === 'record' ? privacy.record : privacy.participant)!.noiseMultiplier;
  return `${multiplier} times: ${TRUST_NAMES[model].toLowerCase()}`;
}

function budgetFact({ privacy: { budget, participant } }: Federation): string {
  if (budget === undefined) return 'none';
  return `epsilon ${formatEpsilon(budget.epsilon)} for ${participant === undefined ? 'single examples' : 'each participant'}, delta ${formatDelta(budget.delta)}`;
}
