import { MurmurationError } from '../../shared/errors/index.ts';
import {
  type Federation,
  MESH_GROUP,
  mostParticipants,
  parseFederation,
} from '../../shared/federation/index.ts';
import { calibrateNoise, rdpAccountant } from '../../shared/privacy/index.ts';

/** How a training was configured before there were federation documents: names of the fields as people know them. */
export interface TrainingConfiguration {
  readonly name: string;
  readonly algorithm: string;
  readonly model_type: string;
  readonly target_accuracy?: number | undefined;
  readonly max_rounds?: number | undefined;
  readonly min_clients_per_round?: number | undefined;
  readonly max_clients_per_round?: number | undefined;
  readonly local_epochs?: number | undefined;
  readonly privacy_budget?: { readonly total_epsilon: number; readonly total_delta: number } | undefined;
}

/** Federations that every server has, by what their model was called. */
const MODELS: Readonly<Record<string, string>> = {
  neural_network: 'digits',
  mlp: 'digits',
  cnn: 'digits-cnn',
};
/** μ of FedProx where nothing else is said (Li et al. 2020, section 5.2, the middle of their range). */
const PROXIMAL = 0.01;
const ALGORITHMS: Readonly<
  Record<string, { readonly optimizer?: 'adam' | 'yogi' | 'adagrad'; readonly proximal?: number }>
> = {
  fedavg: {},
  fedprox: { proximal: PROXIMAL },
  fedopt: { optimizer: 'adam' },
  fedadam: { optimizer: 'adam' },
  fedyogi: { optimizer: 'yogi' },
  fedadagrad: { optimizer: 'adagrad' },
};
/** Step of an adaptive server optimizer (Reddi et al. 2021, table 8: of this order on images). */
const ADAPTIVE_RATE = 0.01;
/** Examples that the noise is chosen for: a device with fewer spends its budget sooner, and stops by itself. */
const EXAMPLES = 1_000;

/** Which federation's data and model a configuration is about: one of this server's, by its id or by the name of its model. */
export function templateOf({ model_type }: Pick<TrainingConfiguration, 'model_type'>): string {
  return MODELS[model_type.toLowerCase()] ?? model_type;
}

/** The id of the federation that a configuration makes: its name in lower case, with hyphens. @throws `http.bad-request`. */
export function federationIdOf({ name }: Pick<TrainingConfiguration, 'name'>): string {
  const id = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '')
    .slice(0, 63);
  if (id !== '') return id;
  throw refusal('name', 'a name with letters a to z or digits', 'none of these');
}

/**
 * The federation document that a configuration means, over the data and the model of another federation. Each field is mapped, or
 * refused by its name.
 * @throws `http.bad-request`, `privacy.cannot-calibrate`; `federation.invalid` where the parts do not go together.
 */
export function federationOfConfiguration(
  configuration: TrainingConfiguration,
  template: Federation,
  revision: number,
): Federation {
  const algorithm = ALGORITHMS[configuration.algorithm.toLowerCase()];
  if (algorithm === undefined)
    throw refusal('algorithm', Object.keys(ALGORITHMS).join(', '), configuration.algorithm.slice(0, 40));
  const rounds = configuration.max_rounds ?? template.rounds.maximum;
  const training = {
    ...template.training,
    epochs: configuration.local_epochs ?? template.training.epochs,
    proximal: algorithm.proximal ?? 0,
  };
  const fewest = configuration.min_clients_per_round ?? template.cohort.minParticipants;
  const most = configuration.max_clients_per_round ?? Math.max(fewest, mostParticipants(template.cohort));
  if (fewest > most)
    throw refusal('min_clients_per_round', `at most max_clients_per_round, ${most}`, String(fewest));
  const budget = configuration.privacy_budget;
  return parseFederation({
    ...template,
    id: federationIdOf(configuration),
    revision,
    name: configuration.name,
    training,
    strategy:
      algorithm.optimizer === undefined
        ? { type: 'fedavg' }
        : {
            type: 'fedavg',
            serverOptimizer: { type: algorithm.optimizer },
            serverLearningRate: ADAPTIVE_RATE,
          },
    // As many as the configuration wants have to be able to sum together: beyond what a mesh takes, at the server.
    cohort: { minParticipants: fewest, groupSize: Math.max(2, most) },
    ...(most > MESH_GROUP ? { paths: ['server'] } : {}),
    rounds: {
      ...template.rounds,
      maximum: rounds,
      ...(configuration.target_accuracy === undefined
        ? {}
        : { targetAccuracy: configuration.target_accuracy }),
    },
    privacy:
      budget === undefined
        ? template.privacy
        : {
            record: { noiseMultiplier: noiseFor(budget, training, rounds) },
            budget: { epsilon: budget.total_epsilon, delta: budget.total_delta },
          },
  });
}

/** The least noise on each step with which all rounds fit the budget, rounded up to a thousandth. */
function noiseFor(
  { total_epsilon, total_delta }: NonNullable<TrainingConfiguration['privacy_budget']>,
  { batchSize, epochs }: Federation['training'],
  rounds: number,
): number {
  const rate = Math.min(1, batchSize / EXAMPLES);
  const count = Math.ceil((epochs * rounds) / rate);
  const noise = calibrateNoise({
    epsilon: total_epsilon,
    delta: total_delta,
    accountant: () => rdpAccountant(),
    eventOf: (noiseMultiplier) => ({
      mechanism: 'self-composed',
      event: { mechanism: 'poisson-sampled', rate, event: { mechanism: 'gaussian', noiseMultiplier } },
      count,
    }),
    relative: 1e-3,
  });
  return Math.ceil(noise * 1_000) / 1_000;
}

function refusal(path: string, expected: string, received: string): MurmurationError {
  return new MurmurationError('http.bad-request', 'The configuration cannot be carried out.', {
    path,
    expected,
    received,
    remedy: 'Correct the field, or send a federation document of your own.',
  });
}
