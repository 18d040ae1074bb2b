import { type Federation, type FederationInput, parseFederation } from '../shared/federation/index.ts';

/**
 * The settings of McMahan et al. 2017, "Communication-Efficient Learning of Deep Networks from Decentralized Data"
 * (AISTATS), that `npm run study:fedavg` repeats: 100 clients with 600 digits each, 10 of them a round, batches of 10.
 */
export interface StudyRow {
  readonly name: string;
  readonly model: '2NN' | 'CNN';
  readonly partition: 'iid' | 'shards';
  /** E: passes over a client's digits each round. */
  readonly epochs: number;
  /** Found by short runs. The paper finds its own for each setting and does not say which. */
  readonly learningRate: number;
  /** Rounds over which the learning rate falls to a tenth, along a cosine; constant when left out, as in the paper. */
  readonly cosineRounds?: number;
  /** The first round trains at half the learning rate: initial weights do not bear more. */
  readonly warmUp?: boolean;
  /** Pixels are fed as (x − mean) / deviation of MNIST's training digits, instead of from 0 to 1. */
  readonly standardized?: boolean;
  /** Test accuracy whose first crossing is counted. */
  readonly target: number;
  readonly paper: { readonly rounds: number; readonly where: string };
  /** Rounds that must suffice; where there is none, the row is only reported. */
  readonly bound?: number;
  /** Given up after so many rounds. */
  readonly maximumRounds: number;
}

export const CLIENTS = 100;
export const CLIENTS_PER_ROUND = 10;
export const SHARDS_PER_CLIENT = 2;
export const EXAMPLES_PER_CLIENT = 600;

export const STUDY_ROWS: readonly StudyRow[] = [
  {
    name: '2nn-iid',
    model: '2NN',
    partition: 'iid',
    epochs: 1,
    learningRate: 0.2,
    target: 0.97,
    paper: { rounds: 87, where: 'Table 1, C = 0.1, B = 10' },
    bound: 87,
    maximumRounds: 200,
  },
  {
    name: '2nn-noniid',
    model: '2NN',
    partition: 'shards',
    epochs: 1,
    learningRate: 0.2,
    target: 0.97,
    paper: { rounds: 664, where: 'Table 1, C = 0.1, B = 10' },
    maximumRounds: 1500,
  },
  {
    name: 'cnn-iid',
    model: 'CNN',
    partition: 'iid',
    epochs: 5,
    learningRate: 0.1,
    standardized: true,
    target: 0.99,
    paper: { rounds: 20, where: 'Table 2, E = 5, B = 10' },
    bound: 20,
    maximumRounds: 60,
  },
  {
    name: 'cnn-noniid',
    model: 'CNN',
    partition: 'shards',
    epochs: 5,
    learningRate: 0.05,
    target: 0.99,
    paper: { rounds: 229, where: 'Table 2, E = 5, B = 10' },
    maximumRounds: 600,
  },
  {
    name: 'cnn-noniid-e1',
    model: 'CNN',
    partition: 'shards',
    epochs: 1,
    learningRate: 0.1,
    target: 0.99,
    paper: { rounds: 350, where: 'Table 2, E = 1, B = 10' },
    maximumRounds: 900,
  },
];

/** 199,210 parameters: 784 × 200 + 200, 200 × 200 + 200, 200 × 10 + 10. */
const TWO_LAYERS: FederationInput['model']['layers'] = [
  { type: 'flatten' },
  { type: 'dense', units: 200, activation: 'relu' },
  { type: 'dense', units: 200, activation: 'relu' },
  { type: 'dense', units: 10 },
];

/** 1,663,370 parameters: 5 × 5 × 32 + 32, 5 × 5 × 32 × 64 + 64, 7 × 7 × 64 × 512 + 512, 512 × 10 + 10. */
const CONVOLUTIONAL: FederationInput['model']['layers'] = [
  { type: 'conv2d', filters: 32, kernelSize: 5, padding: 'same', activation: 'relu' },
  { type: 'maxPool2d', poolSize: 2 },
  { type: 'conv2d', filters: 64, kernelSize: 5, padding: 'same', activation: 'relu' },
  { type: 'maxPool2d', poolSize: 2 },
  { type: 'flatten' },
  { type: 'dense', units: 512, activation: 'relu' },
  { type: 'dense', units: 10 },
];

/** The learning rate of a row, in words. */
export function rateOf({ learningRate, cosineRounds, warmUp, standardized }: StudyRow): string {
  const rate =
    cosineRounds === undefined
      ? `learning rate ${learningRate}`
      : `learning rate from ${learningRate} to a tenth of it along a cosine over ${cosineRounds} rounds`;
  return [
    rate,
    ...(warmUp ? ['half of it in the first'] : []),
    ...(standardized ? ['standardized pixels'] : []),
  ].join(', ');
}

/** The row as a federation document. @param seed names the initial weights. */
export function studyFederation(row: StudyRow, seed: string): Federation {
  return parseFederation({
    format: 'murmuration/federation',
    formatVersion: 1,
    id: `study-${row.name}`,
    name: `Study: ${row.model}, ${row.partition === 'iid' ? 'IID' : 'non-IID'}, E = ${row.epochs}`,
    description: `McMahan et al. 2017, ${row.paper.where}.`,
    data: { kind: 'image', width: 28, height: 28, channels: 1, labels: [...'0123456789'], sample: 'digits' },
    model: {
      layers: row.model === '2NN' ? TWO_LAYERS : CONVOLUTIONAL,
      loss: 'softmaxCrossEntropy',
      seed,
    },
    training: {
      optimizer: { type: 'sgd', learningRate: row.learningRate },
      schedule: {
        warmupRounds: row.warmUp ? 1 : 0,
        ...(row.cosineRounds === undefined
          ? {}
          : { decay: { type: 'cosine', rounds: row.cosineRounds, floor: 0.1 } }),
      },
      batchSize: 10,
      epochs: row.epochs,
    },
    // Far above any update that learns, so that clipping, which FedAvg does not have, changes nothing; the study counts
    // how often it binds. One unit of the sums is then 2^-11 of one example's worth of weight.
    strategy: { type: 'fedavg', weighting: 'examples', maxExamples: EXAMPLES_PER_CLIENT, clipNorm: 100 },
    cohort: { minParticipants: CLIENTS_PER_ROUND, groupSize: CLIENTS_PER_ROUND },
    rounds: { maximum: row.maximumRounds },
    // Simulated time: what a round really takes does not count against it.
    deadlines: { trainMs: 10_000, exchangeMs: 10_000, applyMs: 10_000 },
    paths: ['server'],
    evaluation: 'sample',
  });
}
