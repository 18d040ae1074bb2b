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
  const { strategy, paths, evaluation, privacy, cohort } = federation;
  const { record } = privacy;
  const secure = privacy.secureAggregation === 'secagg';
  const mesh = paths.some((path) => path !== 'server');
  const update = record === undefined ? 'update' : 'noisy update';
  const noise =
    record === undefined
      ? 'Updates leave this device without noise'
      : `Updates leave this device with noise, added here while it trains: each example may change a step by at most ${record.clipNorm} (L2 norm), and random noise of ${record.noiseMultiplier} times that is added`;
  const seen = secure
    ? `Masks are put on here before they go, which come off their sum only. Everyone can see that sum, of at least ${cohort.minParticipants} updates.`
    : mesh
      ? `Other participants who add up a slice can see that slice of your ${update}.`
      : `The server adds up, and can see your whole ${update}.`;
  const leaves = [
    `${noise}. ${seen}`,
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
    caution:
      record === undefined
        ? secure
          ? 'Without noise, nothing limits what somebody could work out about everyone’s examples from the sums and from the model. Take part only with data you would accept that for.'
          : 'Without noise, nothing limits what somebody could work out about your examples from your updates. Take part only with data you would accept that for.'
        : 'The noise makes single examples hard to work out, for everyone who sees your updates or their sum, and hides less with every round. How much that is in all, epsilon, is not computed yet: until it is, nobody can promise you a limit.',
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
      'Secure aggregation',
      federation.privacy.secureAggregation === 'secagg'
        ? 'yes: updates are masked, and a round that cannot be made secure is refused'
        : 'no: who adds up sees what it adds up',
    ],
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
