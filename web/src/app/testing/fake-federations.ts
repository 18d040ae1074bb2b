import { parseFederation } from '../../../../shared/federation/index.ts';

/** Federations of every kind of data, for pictures of the page. */
export const digits = parseFederation({
  format: 'murmuration/federation',
  formatVersion: 1,
  id: 'digits',
  revision: 2,
  name: 'Handwritten digits',
  description:
    'Recognize the digits 0 to 9 in small pictures. Everyone brings some of their own, or takes a part of the sample.',
  data: {
    kind: 'image',
    width: 28,
    height: 28,
    channels: 1,
    labels: ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'],
    sample: 'digits',
  },
  model: {
    layers: [
      { type: 'flatten' },
      { type: 'dense', units: 128, activation: 'relu' },
      { type: 'dense', units: 10 },
    ],
    loss: 'softmaxCrossEntropy',
  },
  rounds: { maximum: 30, targetAccuracy: 0.97 },
  evaluation: 'sample',
});

export const secure = parseFederation({
  ...digits,
  id: 'digits-secure',
  name: 'Handwritten digits, securely added up',
  privacy: { secureAggregation: 'secagg' },
  cohort: { minParticipants: 3 },
});

/** Every protection there is, and the server adds up. */
export const guarded = parseFederation({
  ...secure,
  id: 'digits-guarded',
  name: 'Handwritten digits, securely added up with noise',
  privacy: {
    record: { clipNorm: 1, noiseMultiplier: 1.1 },
    secureAggregation: 'secagg',
  },
  cohort: { minParticipants: 20, groupSize: 1000 },
  paths: ['server'],
});

export const noisy = parseFederation({
  ...digits,
  id: 'digits-noisy',
  name: 'Handwritten digits, with noise',
  privacy: { record: { clipNorm: 1, noiseMultiplier: 1.1 } },
});

/** Whoever weighed more would need more noise to be hidden. */
const EQUAL = { type: 'fedavg', weighting: 'uniform' } as const;
const participantNoise = { noiseMultiplier: 1.2, colluding: 1 } as const;

/** Nobody has to be trusted alone, and each device keeps to a budget. */
export const distributed = parseFederation({
  ...secure,
  id: 'digits-distributed',
  name: 'Handwritten digits, noise of all together',
  privacy: {
    participant: { trust: 'distributed', ...participantNoise },
    budget: { epsilon: 8 },
    secureAggregation: 'secagg',
  },
  strategy: EQUAL,
  cohort: { minParticipants: 6, groupSize: 10 },
});

export const local = parseFederation({
  ...digits,
  id: 'digits-local',
  name: 'Handwritten digits, noise of each alone',
  privacy: { participant: { trust: 'local', noiseMultiplier: 4 } },
  strategy: EQUAL,
});

export const central = parseFederation({
  ...digits,
  id: 'digits-central',
  name: 'Handwritten digits, noise by the server',
  privacy: { participant: { trust: 'central', noiseMultiplier: 1, mechanism: 'tree' } },
  strategy: EQUAL,
  paths: ['server'],
});

/** Both guarantees. */
export const both = parseFederation({
  ...distributed,
  id: 'digits-both',
  name: 'Handwritten digits, examples and participants hidden',
  privacy: { ...distributed.privacy, record: { clipNorm: 1, noiseMultiplier: 1.1 } },
});

/** Optimizer, masks and a budget of bytes. */
export const adaptive = parseFederation({
  ...secure,
  id: 'digits-adaptive',
  name: 'Handwritten digits, few bytes',
  strategy: {
    type: 'fedavg',
    serverOptimizer: { type: 'adam' },
    serverLearningRate: 0.03,
    compression: { uploadBytes: 60_000 },
    selection: { by: 'resources', overSelection: 1.5 },
  },
  cohort: { minParticipants: 3, groupSize: 5 },
});

/** The server looks at single updates. */
export const trimmed = parseFederation({
  ...digits,
  id: 'digits-trimmed',
  name: 'Handwritten digits, liars trimmed away',
  strategy: {
    ...EQUAL,
    robust: { rule: { type: 'trimmed-mean' }, byzantine: 1 },
    rollback: { afterRounds: 3, threshold: 0.05 },
  },
  cohort: { minParticipants: 5 },
  paths: ['server'],
  evaluation: 'server',
});

/** A robust rule over masked sums. */
export const grouped = parseFederation({
  ...secure,
  id: 'digits-grouped',
  name: 'Handwritten digits, robust over groups',
  strategy: {
    ...EQUAL,
    robust: {
      rule: { type: 'geometric-median' },
      byzantine: 3,
      mixing: 'nearest-neighbours',
      normBound: 'median',
      screening: 'held-out',
    },
  },
  cohort: { minParticipants: 30, groupSize: 3, maxParticipants: 100 },
  paths: ['server'],
  evaluation: 'server',
});

/** Everyone at their own pace. */
export const buffered = parseFederation({
  ...digits,
  id: 'digits-buffered',
  name: 'Handwritten digits, each at its own pace',
  strategy: { type: 'fedbuff', compression: { bits: 12 } },
  cohort: { minParticipants: 4 },
});

export const penguins = parseFederation({
  format: 'murmuration/federation',
  formatVersion: 1,
  id: 'penguins',
  name: 'Penguins of three islands',
  description: 'Tell the species of a penguin from the measures of its bill, its flipper and its weight.',
  data: {
    kind: 'tabular',
    columns: [
      { name: 'Island', type: 'category', values: ['Biscoe', 'Dream', 'Torgersen'] },
      { name: 'Bill length (mm)', type: 'number', min: 30, max: 60, mean: 44, scale: 5.5 },
      { name: 'Bill depth (mm)', type: 'number', min: 12, max: 22, mean: 17, scale: 2 },
      { name: 'Flipper length (mm)', type: 'number', min: 170, max: 235, mean: 201, scale: 14 },
      { name: 'Body mass (g)', type: 'number', min: 2500, max: 6500, mean: 4200, scale: 800 },
      { name: 'Sex', type: 'category', values: ['Female', 'Male'], optional: true },
    ],
    target: { name: 'Species', type: 'class', labels: ['Adelie', 'Chinstrap', 'Gentoo'] },
  },
  model: {
    layers: [
      { type: 'dense', units: 16, activation: 'relu' },
      { type: 'dense', units: 3 },
    ],
    loss: 'softmaxCrossEntropy',
  },
  evaluation: 'local',
});

export const heating = parseFederation({
  format: 'murmuration/federation',
  formatVersion: 1,
  id: 'heating',
  name: 'Heating demand',
  description: 'Estimate the energy a building needs tomorrow from 24 readings of today.',
  data: {
    kind: 'records',
    features: 24,
    target: { name: 'demand (kWh)', type: 'value', mean: 40, scale: 12 },
  },
  model: {
    layers: [
      { type: 'dense', units: 32, activation: 'tanh' },
      { type: 'dense', units: 1 },
    ],
    loss: 'meanSquaredError',
  },
});
