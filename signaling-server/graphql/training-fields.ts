import { check, hasCode, MurmurationError } from '../../shared/errors/index.ts';
import type { Federation } from '../../shared/federation/index.ts';
import { type Caller, SYSTEM } from '../access/principal.ts';
import { federationIdOf } from '../api/federation-of-configuration.ts';
import { defined } from '../http/defined.ts';
import { whoOf } from '../http/rate-limit.ts';
import { reachOf } from '../http/reach.ts';
import { type MadeOf, TRAINING_STATUSES, type Training } from '../jobs/training.ts';
import { type Builder, type Connections, limitOf } from './builder.ts';
import type { GraphqlContext, GraphqlServices } from './context.ts';
import { access, withParent } from './field-access.ts';
import { participantsOf } from './job-clients.ts';
import {
  checkLeavesDocument,
  federationOfJob,
  type JobConfig,
  templateOfJob,
  trainingConfigOf,
} from './job-config.ts';
import { type Progress, trainingProgress } from './progress.ts';

/** The federation of the training that is asked about. */
const ofTraining = async (
  _: unknown,
  args: { id: string | number },
  { services }: GraphqlContext,
): Promise<string> => (await services.trainings.get(SYSTEM, String(args.id))).federation;

/** Starting, following, changing and ending trainings. */
export function addTrainingFields(builder: Builder, connectionOf: Connections): void {
  const TrainingStatus = builder.enumType('FederatedTrainingStatus', { values: TRAINING_STATUSES });
  const Metric = builder.objectRef<{ round: number; name: string; value: number }>('Metric').implement({
    fields: (t) => ({
      round: t.exposeInt('round', withParent),
      name: t.exposeString('name', withParent),
      value: t.exposeFloat('value', withParent),
    }),
  });
  const Metrics = builder
    .objectRef<{
      metrics: readonly { round: number; name: string; value: number }[];
      nextRound: number | null;
    }>('Metrics')
    .implement({
      description: 'By round, then by name; rounds are not split between pages',
      fields: (t) => ({
        nodes: t.field({ type: [Metric], resolve: ({ metrics }) => [...metrics], ...withParent }),
        nextRound: t.exposeInt('nextRound', { nullable: true, ...withParent }),
      }),
    });
  const Job = builder.objectRef<Training>('FederatedTrainingJob').implement({
    description: 'One durable intention about one run of a federation',
    fields: (t) => ({
      id: t.exposeID('id', withParent),
      jobName: t.exposeString('jobName', withParent),
      federation: t.exposeID('federation', withParent),
      run: t.exposeID('run', withParent),
      status: t.field({ type: TrainingStatus, resolve: ({ status }) => status, ...withParent }),
      config: t.field({ type: 'JSON', resolve: ({ config }) => config, ...withParent }),
      clients: t.idList({
        description: 'Empty: all that the federation admits',
        resolve: ({ clients }) => [...clients],
        ...withParent,
      }),
      round: t.exposeInt('round', { description: 'Last committed one', ...withParent }),
      accuracy: t.exposeFloat('accuracy', { nullable: true, ...withParent }),
      loss: t.exposeFloat('loss', { nullable: true, ...withParent }),
      reason: t.exposeString('reason', {
        nullable: true,
        description: 'Why it is in this status',
        ...withParent,
      }),
      revision: t.exposeInt('revision', withParent),
      createdBy: t.exposeString('createdBy', {
        ...access('access:read', ({ federation }: Training) => federation),
        nullable: true,
      }),
      createdAtMs: t.exposeFloat('createdAtMs', withParent),
      updatedAtMs: t.exposeFloat('updatedAtMs', withParent),
      startedAtMs: t.exposeFloat('startedAtMs', { nullable: true, ...withParent }),
      endedAtMs: t.exposeFloat('endedAtMs', { nullable: true, ...withParent }),
      privacyBudget: t.field({
        type: 'JSON',
        nullable: true,
        description:
          'What the federation has spent, as a record that can be kept: privacy_budget of the REST API',
        resolve: ({ federation }, _, { services }) =>
          services.budgets.budgetOf({ kind: 'federation', id: federation }),
        ...access('privacy:read', ({ federation }: Training) => federation),
      }),
      metrics: t.field({
        type: Metrics,
        args: { fromRound: t.arg.int({ required: false }), first: t.arg.int({ required: false }) },
        resolve: ({ id }, { fromRound, first }, { services, caller }) =>
          services.metrics.ofTraining(caller, id, {
            fromRound: Math.max(0, fromRound ?? 0),
            rounds: limitOf(first),
          }),
        ...withParent,
      }),
    }),
  });
  const Jobs = connectionOf('FederatedTrainingJob', Job);

  const EarlyStoppingInput = builder.inputType('EarlyStoppingInput', {
    fields: (t) => ({
      metric: t.string({ required: true, description: 'accuracy or loss' }),
      patience: t.int({ required: true }),
      minDelta: t.float(),
    }),
  });
  const limits = (t: Parameters<Parameters<typeof builder.inputType>[1]['fields']>[0]) => ({
    rounds: t.int(),
    clientsPerRound: t.int(),
    targetAccuracy: t.float(),
    earlyStopping: t.field({ type: EarlyStoppingInput }),
    startAtMs: t.float(),
    deadlineAtMs: t.float(),
    maxAbandoned: t.int(),
  });
  const LimitsInput = builder.inputType('FederatedTrainingLimitsInput', { fields: (t) => limits(t) });
  const ConfigInput = builder.inputType('FederatedTrainingConfigInput', {
    description: 'docs/GRAPHQL.md says what becomes of each field',
    fields: (t) => ({
      ...limits(t),
      federation: t.id({ description: 'One of this server’s, trained as its document says' }),
      model: t.id({ description: 'Without federation: whose data and model the new one has' }),
      algorithm: t.string(),
      minClients: t.int(),
      localEpochs: t.int(),
      batchSize: t.int(),
      clientLearningRate: t.float(),
      serverLearningRate: t.float(),
      noiseMultiplier: t.float(),
      trust: t.string({ description: 'record, distributed (as when left out), local or central' }),
      clippingNorm: t.float(),
      epsilon: t.float(),
      delta: t.float(),
      secureAggregation: t.boolean(),
    }),
  });
  const ClientInput = builder.inputType('FederatedClientInput', {
    description: 'A participant, or all that were admitted for a department',
    fields: (t) => ({
      id: t.id(),
      department: t.string(),
      dataset: t.string({ description: 'Refused: data stay where they are, and are not named here' }),
    }),
  });

  builder.queryFields((t) => ({
    getFederatedTrainingJob: t.field({
      type: Job,
      args: { id: t.arg.id({ required: true }) },
      resolve: (_, { id }, { services, caller }) => services.trainings.get(caller, String(id)),
      ...access('training:read', ofTraining),
    }),
    trainings: t.field({
      type: Jobs,
      args: {
        federation: t.arg.id({ required: false }),
        status: t.arg({ type: TrainingStatus, required: false }),
        after: t.arg.string({ required: false }),
        first: t.arg.int({ required: false }),
      },
      resolve: (_, { federation, status, after, first }, { services, caller }) =>
        services.trainings.list(
          caller,
          defined({
            federation: reachOf(caller, idOf(federation)),
            status: status ?? undefined,
            after: after ?? undefined,
            limit: limitOf(first),
          }),
        ),
      ...access('training:read', (_, { federation }: { federation?: string | number | null }) =>
        idOf(federation),
      ),
    }),
  }));

  builder.mutationFields((t) => ({
    startFederatedTrainingJob: t.field({
      type: Job,
      args: {
        jobName: t.arg.string({ required: true }),
        config: t.arg({ type: ConfigInput, required: true }),
        clients: t.arg({ type: [ClientInput], required: true }),
      },
      async resolve(_, { jobName, config: given, clients }, { services, caller, authorize, idempotencyKey }) {
        const name = jobName.trim();
        check(name !== '' && name.length <= 120, 'http.bad-request', 'This is not the name of a job.', {
          path: 'jobName',
          expected: '1 to 120 characters',
          received: `${name.length} characters`,
        });
        const config: JobConfig = {
          ...given,
          federation: idOf(given.federation),
          model: idOf(given.model),
        };
        const limits = trainingConfigOf(config);
        const made =
          config.federation == null ? await madeFor(name, config, services, caller, authorize) : undefined;
        if (made === undefined) checkLeavesDocument(config);
        const federation = made?.document.id ?? config.federation!;
        const named = clients.map((client) => ({ ...client, id: idOf(client.id) }));
        const participants = await participantsOf(named, caller, federation, services.access);
        const order = { federation, jobName: name, config: limits, clients: participants };
        // Of plain objects: those of GraphQL have no prototype.
        const request = structuredClone({ jobName: name, config: given, clients });
        return services.trainings.start(caller, order, idempotencyKey, made && { request, ...made });
      },
      // A configuration may be about a federation that does not exist yet.
      ...access(
        'training:write',
        async (_, args: { jobName: string; config: { federation?: string | number | null } }, context) => {
          const named = idOf(args.config.federation);
          return named ?? (await known(federationIdOf({ name: args.jobName }), context.services))?.id;
        },
      ),
    }),
    ...Object.fromEntries(
      (['pause', 'resume'] as const).map((verb) => [
        `${verb}Training`,
        t.field({
          type: Job,
          args: { id: t.arg.id({ required: true }) },
          resolve: (_, { id }, { services, caller }) => services.trainings[verb](caller, String(id)),
          ...access('training:write', ofTraining),
        }),
      ]),
    ),
    stopTraining: t.field({
      type: Job,
      args: { id: t.arg.id({ required: true }), reason: t.arg.string({ required: false }) },
      resolve: (_, { id, reason }, { services, caller }) => {
        check((reason?.length ?? 0) <= 200, 'http.bad-request', 'The reason is too long.', {
          path: 'reason',
          expected: 'at most 200 characters',
        });
        return services.trainings.stop(caller, String(id), reason ?? undefined);
      },
      ...access('training:write', ofTraining),
    }),
    configureTraining: t.field({
      type: Job,
      args: { id: t.arg.id({ required: true }), config: t.arg({ type: LimitsInput, required: true }) },
      resolve: (_, { id, config }, { services, caller }) =>
        services.trainings.configure(caller, String(id), trainingConfigOf(config)),
      ...access('training:write', ofTraining),
    }),
  }));

  const TrainingProgress = builder.objectRef<Progress>('TrainingProgress').implement({
    description: 'One step: first where the training is, then what happens, until it is over',
    fields: (t) => ({
      type: t.exposeString('type', withParent),
      training: t.field({ type: Job, resolve: ({ training }) => training, ...withParent }),
      round: t.exposeInt('round', { nullable: true, ...withParent }),
      phase: t.exposeString('phase', { nullable: true, ...withParent }),
      survivors: t.exposeInt('survivors', { nullable: true, ...withParent }),
      hash: t.exposeString('hash', { nullable: true, ...withParent }),
      code: t.exposeString('code', { nullable: true, ...withParent }),
      metric: t.field({
        type: Metric,
        nullable: true,
        resolve: ({ metric, round }) => metric && { ...metric, round: round ?? 0 },
        ...withParent,
      }),
      atMs: t.exposeFloat('atMs', withParent),
    }),
  });
  builder.subscriptionFields((t) => ({
    trainingProgress: t.field({
      type: TrainingProgress,
      args: { id: t.arg.id({ required: true }) },
      subscribe: async (_, { id }, { services, caller, signal, stillMay, reviewMs }) => {
        const training = await services.trainings.get(caller, String(id));
        return endedByReturn(
          (ends) => trainingProgress(training, services.events, ends, Date.now, whoOf(caller)),
          caller,
          signal,
          { everyMs: reviewMs, stillMay: () => stillMay('training:read', training.federation) },
        );
      },
      resolve: (progress) => progress,
      ...access('training:read', ofTraining),
    }),
  }));
}

export function idOf(id: string | number | null | undefined): string | undefined {
  return id == null ? undefined : String(id);
}

/** The federation that a job is about: to be made, or the one of before if it says the same. */
async function madeFor(
  jobName: string,
  config: JobConfig,
  { federations }: GraphqlServices,
  caller: Caller,
  authorize: GraphqlContext['authorize'],
): Promise<Omit<MadeOf, 'request'>> {
  const template = await federations.get(caller, templateOfJob(config));
  await authorize(caller.principal, 'federation:read', { federation: template.id });
  const before = await known(federationIdOf({ name: jobName }), { federations });
  const as = (revision: number) => federationOfJob(jobName, config, template, revision);
  const document = as(before?.revision ?? 1);
  if (JSON.stringify(document) === JSON.stringify(before))
    return { document, prepare: async () => undefined };
  await authorize(caller.principal, 'federation:write', { federation: before?.id });
  return {
    document,
    async prepare() {
      await federations.create(caller, before === undefined ? document : as(before.revision + 1));
    },
  };
}

async function known(
  id: string,
  { federations }: Pick<GraphqlServices, 'federations'>,
): Promise<Federation | undefined> {
  try {
    return await federations.get(SYSTEM, id);
  } catch (thrown) {
    if (hasCode(thrown, 'federation.unknown')) return undefined;
    throw thrown;
  }
}

/**
 * A generator that waits for an event does not hear that it is not listened to any more: its signal tells it, as it does when the
 * request ends, when the credential expires, and when it is found at a review that the caller may not any more.
 */
function endedByReturn<T>(
  start: (signal: AbortSignal) => AsyncGenerator<T, void, undefined>,
  { principal }: Caller,
  signal: AbortSignal,
  { everyMs, stillMay }: { readonly everyMs: number; readonly stillMay: () => Promise<void> },
): AsyncIterable<T> {
  const returned = new AbortController();
  const ends = [returned.signal, signal];
  const { expiresAtMs } = principal;
  // setTimeout takes no more.
  if (expiresAtMs !== undefined)
    ends.push(AbortSignal.timeout(Math.max(0, Math.min(expiresAtMs - Date.now(), 2 ** 31 - 1))));
  const ended = AbortSignal.any(ends);
  const steps = start(ended);
  const review = setInterval(() => {
    stillMay().catch((thrown: unknown) => {
      // What cannot be decided now, with a database away, is decided next time.
      if (!(thrown instanceof MurmurationError) || thrown.code !== 'storage.unavailable') returned.abort();
    });
  }, everyMs);
  review.unref();
  const stop = (): void => clearInterval(review);
  ended.addEventListener('abort', stop, { once: true });
  return {
    [Symbol.asyncIterator]: () => ({
      async next() {
        const step = await steps.next();
        if (step.done) stop();
        return step;
      },
      return: () => {
        returned.abort();
        stop();
        return steps.return();
      },
    }),
  };
}
