import { check, MurmurationError } from '../../shared/errors/index.ts';
import {
  type Federation,
  MESH_GROUP,
  mostParticipants,
  parseFederation,
} from '../../shared/federation/index.ts';
import { federationOfConfiguration, templateOf } from '../api/federation-of-configuration.ts';
import type { TrainingConfig } from '../jobs/training.ts';

/** A job as systems of this kind are configured. docs/GRAPHQL.md has the table of what becomes of each field. */
export interface JobConfig {
  readonly federation?: string | null | undefined;
  readonly model?: string | null | undefined;
  readonly algorithm?: string | null | undefined;
  readonly rounds?: number | null | undefined;
  readonly clientsPerRound?: number | null | undefined;
  readonly minClients?: number | null | undefined;
  readonly localEpochs?: number | null | undefined;
  readonly batchSize?: number | null | undefined;
  readonly clientLearningRate?: number | null | undefined;
  readonly serverLearningRate?: number | null | undefined;
  readonly noiseMultiplier?: number | null | undefined;
  readonly trust?: string | null | undefined;
  readonly clippingNorm?: number | null | undefined;
  readonly epsilon?: number | null | undefined;
  readonly delta?: number | null | undefined;
  readonly secureAggregation?: boolean | null | undefined;
  readonly targetAccuracy?: number | null | undefined;
  readonly earlyStopping?:
    | { readonly metric: string; readonly patience: number; readonly minDelta?: number | null | undefined }
    | null
    | undefined;
  readonly startAtMs?: number | null | undefined;
  readonly deadlineAtMs?: number | null | undefined;
  readonly maxAbandoned?: number | null | undefined;
}

/** Said of a training. All others are said by the document of a federation. */
const OF_TRAINING: ReadonlySet<string> = new Set([
  'federation',
  'rounds',
  'clientsPerRound',
  'targetAccuracy',
  'earlyStopping',
  'startAtMs',
  'deadlineAtMs',
  'maxAbandoned',
]);

/** What binds the training alone. @throws `http.bad-request` naming the field. */
export function trainingConfigOf(config: JobConfig): TrainingConfig {
  const { rounds, clientsPerRound, targetAccuracy, earlyStopping, startAtMs, deadlineAtMs, maxAbandoned } =
    config;
  inRange('rounds', rounds, 1, 100_000);
  inRange('clientsPerRound', clientsPerRound, 1, 4096);
  inRange('targetAccuracy', targetAccuracy, 0, 1);
  inRange('startAtMs', startAtMs, 0, Number.MAX_SAFE_INTEGER);
  inRange('deadlineAtMs', deadlineAtMs, 0, Number.MAX_SAFE_INTEGER);
  inRange('maxAbandoned', maxAbandoned, 1, 1000);
  return {
    ...given('maxRounds', rounds),
    ...given('clientsPerRound', clientsPerRound),
    ...given('targetAccuracy', targetAccuracy),
    ...(earlyStopping == null ? {} : { earlyStopping: stoppingOf(earlyStopping) }),
    ...given('startAtMs', startAtMs),
    ...given('deadlineAtMs', deadlineAtMs),
    ...given('maxAbandoned', maxAbandoned),
  };
}

function stoppingOf({ metric, patience, minDelta }: NonNullable<JobConfig['earlyStopping']>) {
  check(metric === 'accuracy' || metric === 'loss', 'http.bad-request', 'There is no such metric.', {
    path: 'config.earlyStopping.metric',
    expected: 'accuracy or loss',
  });
  inRange('earlyStopping.patience', patience, 1, 1000);
  inRange('earlyStopping.minDelta', minDelta, 0, 1e6);
  return { metric, patience, minDelta: minDelta ?? 0 } as const;
}

/** The federation whose data and model a job is about: one of this server's. */
export function templateOfJob({ model }: JobConfig): string {
  return templateOf({ model_type: model ?? 'neural_network' });
}

/**
 * A job about a federation that is there takes it as it is: what its document says cannot be said otherwise, since its participants
 * agreed to it.
 * @throws `http.bad-request` naming the first field that would.
 */
export function checkLeavesDocument(config: JobConfig): void {
  const other = Object.entries(config).find(([name, value]) => value != null && !OF_TRAINING.has(name));
  check(
    other === undefined,
    'http.bad-request',
    'A federation that exists is trained as its document says.',
    {
      path: `config.${other?.[0]}`,
      expected: `with config.federation only ${[...OF_TRAINING].join(', ')}`,
      remedy: 'Leave the field out, or leave config.federation out to make a federation of this job.',
    },
  );
}

/**
 * The federation that a job makes, over the data and model of another.
 * @throws `http.bad-request` naming what cannot be carried out; `federation.invalid` where the parts do not go together.
 */
export function federationOfJob(
  jobName: string,
  config: JobConfig,
  template: Federation,
  revision: number,
): Federation {
  const { algorithm, rounds, minClients, clientsPerRound, localEpochs, targetAccuracy } = config;
  const plain = federationOfConfiguration(
    {
      name: jobName,
      algorithm: algorithm ?? 'fedavg',
      model_type: template.id,
      max_rounds: rounds ?? undefined,
      min_clients_per_round: minClients ?? undefined,
      max_clients_per_round: clientsPerRound ?? undefined,
      local_epochs: localEpochs ?? undefined,
      target_accuracy: targetAccuracy ?? undefined,
    },
    template,
    revision,
  );
  const { batchSize, clientLearningRate, serverLearningRate, clippingNorm } = config;
  const trust = trustOf(config);
  const isOfRecords = trust === 'record';
  const optimizer = { ...plain.training.optimizer, ...given('learningRate', clientLearningRate) };
  return parseFederation({
    ...plain,
    training: { ...plain.training, optimizer, ...given('batchSize', batchSize) },
    strategy: {
      ...plain.strategy,
      ...given('serverLearningRate', serverLearningRate),
      ...(isOfRecords ? {} : given('clipNorm', clippingNorm)),
      // One that weighs more than others would need more noise to be hidden.
      ...(isOfRecords || config.noiseMultiplier == null ? {} : { weighting: 'uniform' }),
    },
    privacy: privacyOf(config, trust),
    cohort: cohortOf(plain, config),
  });
}

type Trust = 'record' | 'distributed' | 'local' | 'central';
const TRUST: readonly string[] = ['record', 'distributed', 'local', 'central'] satisfies Trust[];

/** Noise that nobody has to be trusted for, where nothing else is said. */
function trustOf({ trust, noiseMultiplier }: JobConfig): Trust {
  const named = trust ?? 'distributed';
  check(TRUST.includes(named), 'http.bad-request', 'There is no such trust model.', {
    path: 'config.trust',
    expected: TRUST.join(', '),
  });
  check(trust == null || noiseMultiplier != null, 'http.bad-request', 'Whom to trust is said of noise.', {
    path: 'config.noiseMultiplier',
    expected: 'a noise multiplier beside config.trust',
  });
  return named as Trust;
}

function privacyOf(
  { noiseMultiplier, clippingNorm, epsilon, delta, secureAggregation }: JobConfig,
  trust: Trust,
) {
  check(
    (epsilon == null && delta == null) || noiseMultiplier != null,
    'http.bad-request',
    'Without noise no budget can be kept.',
    { path: 'config.noiseMultiplier', expected: 'a noise multiplier beside epsilon and delta' },
  );
  check(epsilon != null || delta == null, 'http.bad-request', 'A delta alone limits nothing.', {
    path: 'config.epsilon',
    expected: 'epsilon beside delta',
  });
  check(
    !(trust === 'distributed' && noiseMultiplier != null && secureAggregation === false),
    'http.bad-request',
    'Shares of noise hide nothing without secure aggregation.',
    { path: 'config.secureAggregation', expected: 'true, or another config.trust' },
  );
  const isSecure = secureAggregation ?? (noiseMultiplier != null && trust === 'distributed');
  return {
    secureAggregation: isSecure ? 'secagg' : 'none',
    ...(epsilon == null ? {} : { budget: { epsilon, ...given('delta', delta) } }),
    ...(noiseMultiplier == null
      ? {}
      : trust === 'record'
        ? { record: { noiseMultiplier, ...given('clipNorm', clippingNorm) } }
        : { participant: { trust, noiseMultiplier } }),
  };
}

/** Secure sums take three. */
function cohortOf(
  { cohort, paths }: Federation,
  { minClients, secureAggregation, noiseMultiplier, trust }: JobConfig,
) {
  const isSecure =
    secureAggregation ?? (noiseMultiplier != null && (trust ?? 'distributed') === 'distributed');
  const most = mostParticipants(cohort);
  const minParticipants =
    minClients ?? (isSecure ? Math.max(3, cohort.minParticipants) : cohort.minParticipants);
  const groupSize = paths.some((path) => path !== 'server')
    ? Math.min(MESH_GROUP, Math.max(2, most))
    : cohort.groupSize;
  return {
    ...cohort,
    minParticipants,
    groupSize: Math.max(groupSize, Math.min(minParticipants, MESH_GROUP)),
  };
}

function given<K extends string, V>(name: K, value: V | null | undefined): { [key in K]?: V } {
  return (value == null ? {} : { [name]: value }) as { [key in K]?: V };
}

function inRange(path: string, value: number | null | undefined, min: number, max: number): void {
  if (value == null || (value >= min && value <= max)) return;
  throw new MurmurationError('http.bad-request', 'A field of the configuration is out of range.', {
    path: `config.${path}`,
    expected: `from ${min} to ${max}`,
    received: String(value),
  });
}
