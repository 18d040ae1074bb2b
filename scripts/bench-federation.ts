import { type Federation, type FederationInput, parseFederation } from '../shared/federation/index.ts';
import { compileModel } from '../shared/training/index.ts';

/** Models of exact sizes whose training takes next to no time, so that what is measured is the rest. */
export const MODELS = {
  // 784 × 6 + 6, 6 × 361 + 361, 361 × 10 + 10
  small: { parameters: 10_857, hiddenUnits: [6, 361] },
  // 784 × 114 + 114, 114 × 7284 + 7284, 7284 × 10 + 10
  large: { parameters: 1_000_000, hiddenUnits: [114, 7284] },
} as const;

/** Local examples that go with them: one batch. */
export const EXAMPLES = 20;

export interface BenchRounds {
  readonly minParticipants: number;
  readonly rounds: number;
  readonly checkpointEvery: number;
}

/** @throws when the model does not have the size it is named for. */
export function benchFederation(
  name: keyof typeof MODELS,
  { minParticipants, rounds, checkpointEvery }: BenchRounds,
): Federation {
  const { parameters, hiddenUnits } = MODELS[name];
  const document: FederationInput = {
    format: 'murmuration/federation',
    formatVersion: 1,
    id: `bench-${name}`,
    name: `Benchmark, ${parameters} parameters`,
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
        ...hiddenUnits.map((units) => ({ type: 'dense', units, activation: 'relu' }) as const),
        { type: 'dense', units: 10 },
      ],
      loss: 'softmaxCrossEntropy',
    },
    training: { optimizer: { type: 'sgd', learningRate: 0.01 }, batchSize: EXAMPLES, epochs: 1 },
    cohort: { minParticipants, groupSize: 16 },
    rounds: { maximum: rounds, checkpointEvery },
    evaluation: 'none',
  };
  const federation = parseFederation(document);
  const { length } = compileModel(federation).layout;
  if (length !== parameters) throw new Error(`The model has ${length} parameters, not ${parameters}.`);
  return federation;
}

/** @throws with the server's answer when it refuses. */
export async function postFederation(serverUrl: string, federation: Federation): Promise<void> {
  const response = await fetch(`${serverUrl}/api/federations`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(federation),
  });
  if (!response.ok) throw new Error(`The server answered ${response.status}: ${await response.text()}`);
}
