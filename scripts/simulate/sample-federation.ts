import type { FederationInput } from '../../shared/federation/index.ts';

/** What is simulated where no file is named: the 2NN of McMahan et al. 2017 on digits, a hundred devices a round. */
export const sampleFederation = {
  format: 'murmuration/federation',
  formatVersion: 1,
  id: 'simulated-digits',
  name: 'Handwritten digits, simulated',
  description: 'The 2NN of McMahan et al. 2017, with 100 devices a round.',
  data: { kind: 'image', width: 28, height: 28, channels: 1, labels: [...'0123456789'], sample: 'digits' },
  model: {
    layers: [
      { type: 'flatten' },
      { type: 'dense', units: 200, activation: 'relu' },
      { type: 'dense', units: 200, activation: 'relu' },
      { type: 'dense', units: 10 },
    ],
    loss: 'softmaxCrossEntropy',
  },
  training: { optimizer: { type: 'sgd', learningRate: 0.2 }, batchSize: 10, epochs: 1 },
  strategy: { type: 'fedavg', weighting: 'uniform' },
  cohort: { minParticipants: 20, groupSize: 100 },
  rounds: { maximum: 100 },
  deadlines: { trainMs: 120_000, exchangeMs: 60_000, applyMs: 60_000 },
  paths: ['server'],
} as const satisfies Omit<FederationInput, 'data'> & { data: unknown };
