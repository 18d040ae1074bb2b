import type { DataSchema, Federation, LayerSpec } from '../../../shared/federation/index.ts';
import { counted, formatCount } from './format.ts';

/** What one example is, in words. */
export function dataWords(schema: DataSchema): string {
  switch (schema.kind) {
    case 'image':
      return `Images, ${schema.width} × ${schema.height}, ${schema.channels === 1 ? 'grey' : 'colour'}`;
    case 'tabular':
      return `Table with ${counted(schema.columns.length, 'column')}`;
    case 'records':
      return `Records with ${counted(schema.features, 'feature')}`;
    case 'tokens':
      return `Sequences of ${counted(schema.length, 'token')}, of ${formatCount(schema.vocabulary)}`;
  }
}

/** What the model answers, in words. */
export function targetWords(schema: DataSchema): string {
  if (schema.kind === 'image') return `one of ${counted(schema.labels.length, 'label')}`;
  const { target } = schema;
  if (target.type === 'next') return 'the token that comes next';
  return target.type === 'class'
    ? `${target.name}: one of ${counted(target.labels.length, 'class', 'classes')}`
    : `${target.name}: a number`;
}

export function modelWords({ model }: Federation): string {
  const types = layerTypes(model.layers).filter((type) => WEIGHTED_LAYERS.has(type));
  const has = (...some: LayerSpec['type'][]) => types.some((type) => some.includes(type));
  const kind = has('attention')
    ? 'Transformer'
    : has('conv2d', 'depthwiseConv2d', 'separableConv2d')
      ? 'Convolutional network'
      : 'Fully connected network';
  return `${kind}, ${counted(types.length, 'layer')}`;
}

/** Those that people count when they say how deep a network is. */
const WEIGHTED_LAYERS: ReadonlySet<LayerSpec['type']> = new Set([
  'dense',
  'conv2d',
  'depthwiseConv2d',
  'separableConv2d',
  'embedding',
  'attention',
  'unembedding',
  'shared',
]);

/** Of all layers, with those inside of residual blocks in their place. */
function layerTypes(layers: readonly LayerSpec[]): LayerSpec['type'][] {
  return layers.flatMap((layer) => (layer.type === 'residual' ? layerTypes(layer.layers) : [layer.type]));
}

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
  const { strategy, paths, evaluation, privacy } = federation;
  const { record } = privacy;
  const leaves = [
    record === undefined
      ? 'Updates leave this device without noise; other participants who add up a slice can see that slice of your update.'
      : `Updates leave this device with noise, added here while it trains: each example may change a step by at most ${record.clipNorm} (L2 norm), and random noise of ${record.noiseMultiplier} times that is added. Other participants who add up a slice can see that slice of your noisy update.`,
    `An update says how your examples changed the model. Large ones are scaled down, to an L2 norm of ${strategy.clipNorm}.`,
    'The number of examples you train on.',
  ];
  if (evaluation === 'local')
    leaves.push('How many of a held-out tenth of your examples the model gets right, after each round.');
  if (paths.includes('direct'))
    leaves.push('Your network address, to the participants you are connected to directly.');
  if (paths.includes('relay'))
    leaves.push(
      'Relayed messages pass through the server, which cannot read them but sees who writes to whom.',
    );
  if (paths.includes('server'))
    leaves.push(
      'Where participants cannot reach each other, the server adds up slices and sees them like a participant.',
    );
  return {
    stays: ['Your examples. They are kept in this browser and are never sent.'],
    leaves,
    caution:
      record === undefined
        ? 'Without noise, nothing limits what somebody could work out about your examples from your updates. Take part only with data you would accept that for.'
        : 'The noise makes single examples hard to work out, for everyone who sees your updates, and hides less with every round. How much that is in all, epsilon, is not computed yet: until it is, nobody can promise you a limit.',
  };
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
      `FedAvg, ${strategy.weighting === 'examples' ? `weighted by examples (at most ${formatCount(strategy.maxExamples)})` : 'everyone counts the same'}`,
    ],
    [
      'Rounds',
      `${formatCount(rounds.maximum)}${target === undefined ? '' : `, or until ${Math.round(target * 1000) / 10} % accuracy`}`,
    ],
    ['Participants', `${cohort.minParticipants} or more; at most ${cohort.groupSize} add up together`],
    [
      'Measured on',
      evaluation === 'sample'
        ? 'a public test set'
        : evaluation === 'local'
          ? 'a held-out tenth on each device'
          : 'nothing: accuracy is not measured',
    ],
    ['Revision', String(federation.revision)],
  ];
}
