import { type Federation, type FederationInput, parseFederation } from '../../shared/federation/index.ts';
import { GROUP_SIZE, PARTICIPANTS, ruleNamed, type Setting } from './units.ts';

/** How long a run is. */
export interface Recipe {
  readonly rounds: number;
  readonly examplesEach: number;
  readonly heldOut: number;
  readonly test: number;
}

export const RECIPE: Recipe = { rounds: 20, examplesEach: 600, heldOut: 500, test: 4000 };
export const QUICK: Recipe = { rounds: 6, examplesEach: 100, heldOut: 300, test: 1000 };

/** 25,450 parameters: 784 × 32 + 32, 32 × 10 + 10. */
const document: FederationInput = {
  format: 'murmuration/federation',
  formatVersion: 1,
  id: 'study-robust',
  name: 'Robust aggregation on MNIST',
  data: {
    kind: 'image',
    width: 28,
    height: 28,
    channels: 1,
    labels: ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'],
  },
  model: {
    layers: [
      { type: 'flatten' },
      { type: 'dense', units: 32, activation: 'relu' },
      { type: 'dense', units: 10 },
    ],
    loss: 'softmaxCrossEntropy',
  },
  training: { optimizer: { type: 'sgd', learningRate: 0.2 }, batchSize: 20, epochs: 1 },
};

/** The document that a federation with this rule would have: single updates at the server, or secure sums of groups of three. */
export function federationFor(setting: Setting, rule: string, liars: number): Federation {
  const robust = ruleNamed(setting, rule).robust(liars);
  const isScreened = robust?.screening === 'held-out';
  return parseFederation({
    ...document,
    strategy: {
      type: 'fedavg',
      weighting: 'uniform',
      clipNorm: 2,
      ...(robust === undefined ? {} : { robust }),
    },
    ...(isScreened ? { evaluation: 'server' } : {}),
    ...(setting === 'plain'
      ? { cohort: { minParticipants: PARTICIPANTS, groupSize: PARTICIPANTS }, paths: ['server'] }
      : {
          cohort: {
            minParticipants: robust === undefined ? GROUP_SIZE : PARTICIPANTS - (PARTICIPANTS % GROUP_SIZE),
            groupSize: GROUP_SIZE,
            maxParticipants: PARTICIPANTS,
          },
          privacy: { secureAggregation: 'secagg' },
        }),
  } satisfies FederationInput);
}
