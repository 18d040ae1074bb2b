import { type Federation, type FederationInput, parseFederation } from '../../shared/federation/index.ts';

/** One way to send updates. Without compression what would be sent are float32 numbers. */
export interface Row {
  readonly name: string;
  readonly compression?: NonNullable<FederationInput['strategy']>['compression'];
  /** In place of stages: bytes of float32 over so many, for the planner to keep to. */
  readonly budgetRatio?: number;
  /** So many times fewer bytes than float32 this row stands for, and points that it may lose for it. */
  readonly bound?: { readonly ratio: number; readonly points: number };
}

/** McMahan et al. 2017: 199,210 parameters; 784 × 200 + 200, 200 × 200 + 200, 200 × 10 + 10. */
const TWO_LAYERS: FederationInput['model']['layers'] = [
  { type: 'flatten' },
  { type: 'dense', units: 200, activation: 'relu' },
  { type: 'dense', units: 200, activation: 'relu' },
  { type: 'dense', units: 10 },
];

export const PARTICIPANTS = 10;
const BATCH_SIZE = 50;
/** The best of 0.1 and 0.3 for float32. */
const LEARNING_RATE = 0.3;

export const ROWS: readonly Row[] = [
  { name: 'float32' },
  { name: '32 bits', compression: { bits: 32 } },
  { name: '16 bits', compression: { bits: 16 } },
  { name: '8 bits', compression: { bits: 8 } },
  { name: '8 bits, keep 1/2', compression: { bits: 8, keep: 1 / 2 } },
  { name: '8 bits, keep 1/4', compression: { bits: 8, keep: 1 / 4 } },
  { name: '8 bits, keep 1/8', compression: { bits: 8, keep: 1 / 8 } },
  { name: '8 bits, keep 1/16', compression: { bits: 8, keep: 1 / 16 } },
  { name: '8 bits, rank 16', compression: { bits: 8, rank: 16 } },
  { name: 'planned for 1/8', budgetRatio: 8, bound: { ratio: 8, points: 0.3 } },
  { name: 'planned for 1/32', budgetRatio: 32, bound: { ratio: 32, points: 1.5 } },
];

/** Ten participants under secure aggregation by the server, which sees sums only. @param parameters of the model, for a budget. */
export function federationOf(row: Row, parameters: number, rounds: number): Federation {
  const uploadBytes = row.budgetRatio && Math.floor((4 * parameters) / row.budgetRatio);
  const compression = uploadBytes === undefined ? row.compression : { uploadBytes };
  return parseFederation({
    format: 'murmuration/federation',
    formatVersion: 1,
    id: 'study-compression',
    name: 'Bytes against accuracy',
    data: {
      kind: 'image',
      width: 28,
      height: 28,
      channels: 1,
      labels: Array.from({ length: 10 }, (_, digit) => String(digit)),
    },
    model: { layers: TWO_LAYERS, loss: 'softmaxCrossEntropy' },
    training: {
      batchSize: BATCH_SIZE,
      epochs: 1,
      optimizer: { type: 'sgd', learningRate: LEARNING_RATE },
    },
    strategy: {
      type: 'fedavg',
      weighting: 'uniform',
      // Three times what the first updates are long.
      clipNorm: 5,
      ...(compression === undefined ? {} : { compression }),
    },
    privacy: { secureAggregation: 'secagg' },
    cohort: { minParticipants: PARTICIPANTS, groupSize: PARTICIPANTS },
    rounds: { maximum: rounds },
    paths: ['server'],
  } as FederationInput);
}
