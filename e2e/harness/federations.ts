import { type FederationInput, sampleFederations } from '../../shared/federation/index.ts';

const digits = sampleFederations.find(({ id }) => id === 'digits')!;

/** 784 × 16 + 16 + 16 × 10 + 10 = 12,730 parameters: a round of 200 digits takes a fraction of a second. */
export function quickFederation(id: string, changes: Partial<FederationInput> = {}): FederationInput {
  return {
    ...digits,
    id,
    name: `Test ${id}`,
    model: {
      layers: [
        { type: 'flatten' },
        { type: 'dense', units: 16, activation: 'relu' },
        { type: 'dense', units: 10 },
      ],
      loss: 'softmaxCrossEntropy',
    },
    training: { optimizer: { type: 'sgd', learningRate: 0.1 }, batchSize: 20, epochs: 1 },
    evaluation: 'none',
    ...changes,
  };
}

/**
 * 784 × 400 + 400 + 400 × 10 + 10 = 318,010 parameters: every phase of a round of 400 digits lasts long
 * enough to be seen. */
export function largeFederation(id: string, changes: Partial<FederationInput> = {}): FederationInput {
  return quickFederation(id, {
    model: {
      layers: [
        { type: 'flatten' },
        { type: 'dense', units: 400, activation: 'relu' },
        { type: 'dense', units: 10 },
      ],
      loss: 'softmaxCrossEntropy',
    },
    ...changes,
  });
}

/** The quick one with masks on every update. 32 bits is what weights up to 10,000 and the widest fixed point take. */
export function secureFederation(id: string, changes: Partial<FederationInput> = {}): FederationInput {
  return quickFederation(id, {
    privacy: { secureAggregation: 'secagg' },
    cohort: { minParticipants: 3 },
    ...changes,
  });
}
