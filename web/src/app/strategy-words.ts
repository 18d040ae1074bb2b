import type { Federation, ServerOptimizer, Strategy } from '../../../shared/federation/index.ts';
// Not by the index, which would bring the validation of documents into the first chunk of the page.
import { isPlainMean } from '../../../shared/federation/robust-rules.ts';
import { formatCount } from './format.ts';

type Training = Pick<Federation['training'], 'proximal'>;

/** The strategy as the field calls it. What has no name of its own is named by its parts. */
export function nameOf(strategy: Strategy, training: Training): string {
  const proximal = training.proximal > 0;
  const server = serverName(strategy.serverOptimizer);
  if (strategy.type !== 'fedavg') {
    const own = OWN_NAMES[strategy.type];
    const parts = [
      ...(server === undefined ? [] : [`${server} at the server`]),
      ...(proximal ? ['FedProx on the devices'] : []),
    ];
    return parts.length === 0 ? own : `${own}, with ${parts.join(' and ')}`;
  }
  if (server === undefined) return proximal ? 'FedProx' : 'FedAvg';
  return proximal ? `${server}, with FedProx on the devices` : server;
}

const OWN_NAMES: Readonly<Record<Exclude<Strategy['type'], 'fedavg'>, string>> = {
  scaffold: 'SCAFFOLD',
  fednova: 'FedNova',
  qfedavg: 'q-FedAvg',
  fedbuff: 'FedBuff',
};

/** Undefined where the mean update is taken as it is. */
function serverName(optimizer: ServerOptimizer | undefined): string | undefined {
  switch (optimizer?.type) {
    case 'adam':
      return 'FedAdam';
    case 'yogi':
      return 'FedYogi';
    case 'adagrad':
      return 'FedAdagrad';
    case 'sgd':
      return optimizer.momentum > 0 ? 'FedAvgM' : undefined;
    case undefined:
      return undefined;
  }
}

/** What it does, one sentence for each part. */
export function strategySentences({
  strategy,
  training,
}: Pick<Federation, 'strategy' | 'training'>): readonly string[] {
  return [
    typeSentence(strategy),
    ...(training.proximal > 0
      ? [
          `While it trains, a device is pulled back towards the shared model, by ${training.proximal} times the distance.`,
        ]
      : []),
    ...optimizerSentences(strategy),
    weighingSentence(strategy),
  ];
}

function typeSentence(strategy: Strategy): string {
  switch (strategy.type) {
    case 'fedavg':
      return `The next model is the last one, moved by ${isMean(strategy) ? 'the mean of the updates' : 'what the rule against lies makes of the updates'}.`;
    case 'scaffold':
      return 'Each device corrects its steps by how its data pull elsewhere than everyone’s; it keeps that correction, and sends its change along.';
    case 'fednova':
      return 'Updates are divided by the steps that made them, so that whoever takes more steps does not pull the model to its side.';
    case 'qfedavg':
      return strategy.q === 0
        ? 'With q = 0 everyone counts the same.'
        : `Whoever the model serves badly counts more: by its loss to the power of ${strategy.q}.`;
    case 'fedbuff':
      return `Everyone trains at its own pace, and a round adds up those who are ready. An update that is versions behind counts less${strategy.stalenessExponent === 0 ? ' only when it is too old' : ''}, and one more than ${strategy.maxStaleness} behind is not taken.`;
  }
}

function isMean({ robust }: Strategy): boolean {
  return robust === undefined || isPlainMean(robust);
}

function optimizerSentences({ serverOptimizer: optimizer, serverLearningRate }: Strategy): readonly string[] {
  const scaled =
    serverLearningRate === 1 ? [] : [`The step is ${serverLearningRate} times what comes of that.`];
  switch (optimizer?.type) {
    case 'adam':
    case 'yogi':
      return [
        `The mean update is taken as a gradient: momentum ${optimizer.beta1}, and smaller steps where updates change much.`,
        ...scaled,
      ];
    case 'adagrad':
      return [
        'The mean update is taken as a gradient, with ever smaller steps where updates changed much.',
        ...scaled,
      ];
    case 'sgd':
      return optimizer.momentum > 0
        ? [
            `Of the step before, ${optimizer.momentum} times goes on${optimizer.nesterov ? ', looking ahead' : ''}.`,
            ...scaled,
          ]
        : scaled;
    case undefined:
      return scaled;
  }
}

function weighingSentence(strategy: Strategy): string {
  if (strategy.type === 'qfedavg') return 'The number of examples does not matter.';
  return strategy.weighting === 'examples'
    ? `More examples count more, up to ${formatCount(strategy.maxExamples)}.`
    : 'Everyone counts the same, however many examples they have.';
}

/** What a strategy makes a device send beside its update; undefined where that is nothing. */
export function sendsAlong({ strategy }: Pick<Federation, 'strategy'>): string | undefined {
  switch (strategy.type) {
    case 'scaffold':
      return 'With the update: how your correction against drifting apart changed, as many numbers again.';
    case 'fednova':
      return 'With the update: one number that says how many steps made it.';
    case 'qfedavg':
      return 'With the update: one number that follows the mean loss of the shared model on your examples.';
    case 'fedbuff':
      return 'When this device is ready with an update, and from which version of the model it was trained.';
    case 'fedavg':
      return undefined;
  }
}
