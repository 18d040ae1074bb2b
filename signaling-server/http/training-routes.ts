import { z } from '@hono/zod-openapi';
import type { Context, MiddlewareHandler } from 'hono';
import { hasCode } from '../../shared/errors/index.ts';
import type { Federation } from '../../shared/federation/index.ts';
import { type Caller, SYSTEM } from '../access/principal.ts';
import { shownName } from '../access/shown-name.ts';
import {
  federationIdOf,
  federationOfConfiguration,
  type TrainingConfiguration,
  templateOf,
} from '../api/federation-of-configuration.ts';
import type { Services } from '../api/services.ts';
import type { StartTraining, Training, TrainingConfig } from '../jobs/training.ts';
import { TRAINING_STATUSES } from '../jobs/training.ts';
import { defined } from './defined.ts';
import type { AddEndpoint } from './endpoint.ts';
import { taggedJson } from './etag.ts';
import { readJson } from './json-body.ts';
import { reachOf } from './reach.ts';
import { federationId, integer, line, opaqueId, page } from './schemas/fields.ts';
import { startOrder, training, trainingConfig, trainingMetrics, trainingPage } from './schemas/training.ts';

export interface TrainingRoutesContext {
  readonly services: Pick<Services, 'trainings' | 'metrics' | 'federations'>;
  readonly limitWrites: MiddlewareHandler;
}

const TAG = 'Trainings';
const MAX_ROUND = 2 ** 32 - 1;
const byId = z.strictObject({ id: opaqueId });
const answer = { 200: { description: 'The training', schema: training } };

/** Starting, following and stopping trainings, by the names that they always had. */
export function trainingRoutes(add: AddEndpoint, { services, limitWrites }: TrainingRoutesContext): void {
  const { trainings, metrics, federations } = services;
  const federationOf = async (c: Context): Promise<string> =>
    (await trainings.get(SYSTEM, c.req.param('id') ?? '')).federation;
  const use = [limitWrites];

  /** The federation of a configuration, if there is such a one already. */
  async function findFederation(id: string): Promise<Federation | undefined> {
    try {
      return await federations.get(SYSTEM, id);
    } catch (thrown) {
      if (hasCode(thrown, 'federation.unknown')) return undefined;
      throw thrown;
    }
  }

  /** The document that a configuration means: as it is known, or to be made. */
  async function startOf(caller: Caller, configuration: TrainingConfiguration, key: string | undefined) {
    const template = await federations.get(caller, templateOf(configuration));
    const known = await findFederation(federationIdOf(configuration));
    const as = (revision: number) => federationOfConfiguration(configuration, template, revision);
    const document = as(known?.revision ?? 1);
    const isKnown = JSON.stringify(document) === JSON.stringify(known);
    const config: TrainingConfig = {
      ...(configuration.max_rounds === undefined ? {} : { maxRounds: configuration.max_rounds }),
      ...(configuration.target_accuracy === undefined
        ? {}
        : { targetAccuracy: configuration.target_accuracy }),
    };
    const order = { federation: document.id, jobName: configuration.name, config };
    return trainings.start(caller, order, key, {
      request: configuration,
      document,
      async prepare() {
        if (!isKnown)
          await federations.create(caller, known === undefined ? document : as(known.revision + 1));
      },
    });
  }

  add({
    method: 'post',
    path: '/api/training/start',
    permission: 'training:write',
    // A configuration may be about a federation that does not exist yet.
    federation: async (c) => {
      const named = startOrder.safeParse(await readJson(c));
      if (!named.success) return undefined;
      if ('federation' in named.data) return named.data.federation;
      return (await findFederation(federationIdOf(named.data)))?.id;
    },
    tag: TAG,
    summary: 'Starts a training',
    description:
      'Of a federation that this server has, or of one that is made from a configuration (docs/API.md says how each field is mapped).',
    use,
    body: startOrder,
    isIdempotent: true,
    answers: { 201: { description: 'The training', schema: training } },
    async handle(c, { body, caller }) {
      const key = c.req.header('idempotency-key');
      const started = await ('federation' in body
        ? trainings.start(caller, body as StartTraining, key)
        : startOf(caller, body, key));
      return c.json(shown(started, caller), 201, { location: `/api/training/${started.id}/status` });
    },
  });

  add({
    method: 'get',
    path: '/api/trainings',
    permission: 'training:read',
    federation: (c) => c.req.query('federation'),
    tag: TAG,
    summary: 'Trainings, newest first',
    query: z.strictObject({
      federation: federationId.optional(),
      status: z.enum(TRAINING_STATUSES).optional(),
      ...page(),
    }),
    answers: { 200: { description: 'A page of them', schema: trainingPage } },
    async handle(c, { query, caller }) {
      // Anybody may read of a federation that is open, by naming it.
      const federation = reachOf(caller, query.federation);
      const { items, next } = await trainings.list(caller, defined({ ...query, federation }));
      return c.json({ trainings: items.map((each) => shown(each, caller)), next });
    },
  });

  add({
    method: 'get',
    path: '/api/training/{id}/status',
    permission: 'training:read',
    federation: federationOf,
    tag: TAG,
    summary: 'What a training is at',
    params: byId,
    answers: answer,
    handle: async (c, { params, caller }) =>
      taggedJson(c, shown(await trainings.get(caller, params.id), caller)),
  });

  add({
    method: 'get',
    path: '/api/training/{id}/metrics',
    permission: 'training:read',
    federation: federationOf,
    tag: TAG,
    summary: 'What evaluations said, round by round',
    params: byId,
    query: z.strictObject({
      from: integer({ max: MAX_ROUND, fallback: 0 }),
      limit: integer({ min: 1, max: 1_000, fallback: 1_000 }),
    }),
    answers: { 200: { description: 'Metrics of so many rounds', schema: trainingMetrics } },
    async handle(c, { params, query, caller }) {
      const found = await metrics.ofTraining(caller, params.id, {
        fromRound: query.from,
        rounds: query.limit,
      });
      const rows = found.metrics.map(({ round, name, value }) => ({
        round_number: round,
        metric_type: name,
        value,
      }));
      return c.json({
        training_id: found.training,
        run: found.run,
        metrics: rows,
        nextRound: found.nextRound,
      });
    },
  });

  add({
    method: 'post',
    path: '/api/training/{id}/stop',
    permission: 'training:write',
    federation: federationOf,
    tag: TAG,
    summary: 'Stops a training; the round under way finishes first',
    use,
    params: byId,
    body: z.strictObject({ reason: line(200).optional() }),
    isBodyOptional: true,
    answers: answer,
    handle: async (c, { params, body, caller }) =>
      c.json(shown(await trainings.stop(caller, params.id, body.reason), caller)),
  });

  for (const [verb, summary] of [
    ['pause', 'No new rounds until it is resumed'],
    ['resume', 'Goes on with a training that was paused'],
  ] as const)
    add({
      method: 'post',
      path: `/api/training/{id}/${verb}`,
      permission: 'training:write',
      federation: federationOf,
      tag: TAG,
      summary,
      use,
      params: byId,
      body: z.strictObject({}),
      isBodyOptional: true,
      answers: answer,
      handle: async (c, { params, caller }) =>
        c.json(shown(await trainings[verb](caller, params.id), caller)),
    });

  add({
    method: 'patch',
    path: '/api/training/{id}',
    permission: 'training:write',
    federation: federationOf,
    tag: TAG,
    summary: 'Changes what a training is to reach',
    use,
    params: byId,
    body: trainingConfig,
    answers: answer,
    handle: async (c, { params, body, caller }) =>
      c.json(shown(await trainings.configure(caller, params.id, body as TrainingConfig), caller)),
  });
}

function shown(training: Training, { principal }: Caller) {
  return { ...training, training_id: training.id, createdBy: shownName(principal, training.createdBy) };
}
