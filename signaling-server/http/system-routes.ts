import { z } from '@hono/zod-openapi';
import type { MiddlewareHandler } from 'hono';
import { MurmurationError } from '../../shared/errors/index.ts';
import type { Services } from '../api/services.ts';
import type { SystemService } from '../api/system-service.ts';
import type { OperationsRepository } from '../jobs/operations-repository.ts';
import type { AddEndpoint } from './endpoint.ts';
import { opaqueId, page } from './schemas/fields.ts';
import {
  drainState,
  incident,
  incidentPage,
  stopAllOrder,
  stoppedAll,
  systemHealth,
} from './schemas/system.ts';

export interface SystemRoutesContext {
  readonly system: SystemService;
  readonly trainings: Services['trainings'];
  readonly incidents: Pick<OperationsRepository, 'listIncidents'>;
  readonly limitWrites: MiddlewareHandler;
}

const TAG = 'System';
/** Somebody stops everything a few times a year. */
const MAX_INCIDENTS = 1_000;

/** The server as a whole: how it is, draining it, and stopping everything at once. */
export function systemRoutes(
  add: AddEndpoint,
  { system, trainings, incidents, limitWrites }: SystemRoutesContext,
): void {
  const use = [limitWrites];
  const noBody = { body: z.strictObject({}), isBodyOptional: true };
  const drained = { 200: { description: 'How far it is', schema: drainState } };

  add({
    method: 'get',
    path: '/api/system/health',
    permission: 'system:read',
    tag: TAG,
    summary: 'How the parts of the server are, and what it has to do',
    answers: { 200: { description: 'Its health', schema: systemHealth } },
    async handle(c, { caller }) {
      const [health, statistics] = await Promise.all([system.health(caller), system.statistics(caller)]);
      return c.json({ ...health, health_status: health.status, statistics });
    },
  });

  add({
    method: 'get',
    path: '/api/system/drain',
    permission: 'system:read',
    tag: TAG,
    summary: 'Whether this server is draining, and how far it is',
    answers: drained,
    handle: (c) => c.json(trainings.drainState()),
  });

  add({
    method: 'post',
    path: '/api/system/drain',
    permission: 'system:write',
    tag: TAG,
    summary: 'Begins no new rounds anywhere; those under way finish',
    use,
    ...noBody,
    answers: drained,
    handle: async (c, { caller }) => c.json(await trainings.drain(caller)),
  });

  add({
    method: 'delete',
    path: '/api/system/drain',
    permission: 'system:write',
    tag: TAG,
    summary: 'Begins rounds again after draining',
    use,
    answers: drained,
    handle: async (c, { caller }) => c.json(await trainings.undrain(caller)),
  });

  add({
    method: 'post',
    path: '/api/system/stop-all',
    permission: 'system:write',
    tag: TAG,
    summary: 'Abandons every round now, and begins none before it is resumed',
    use,
    body: stopAllOrder,
    answers: { 200: { description: 'What was stopped, and the incident that says so', schema: stoppedAll } },
    async handle(c, { body, caller }) {
      const stopped = await trainings.stopAll(caller, body.reason);
      const [newest] = await incidents.listIncidents(1);
      const shown = stopped.trainings.map((training) => ({ ...training, training_id: training.id }));
      return c.json({ trainings: shown, federations: stopped.federations, incident: newest?.id ?? null });
    },
  });

  add({
    method: 'post',
    path: '/api/system/resume',
    permission: 'system:write',
    tag: TAG,
    summary: 'Lets rounds begin again after everything was stopped',
    use,
    ...noBody,
    answers: drained,
    async handle(c, { caller }) {
      await trainings.resumeAll(caller);
      return c.json(trainings.drainState());
    },
  });

  add({
    method: 'get',
    path: '/api/incidents',
    permission: 'system:read',
    tag: TAG,
    summary: 'When everything was stopped, and why; newest first',
    query: z.strictObject(page({ fallback: 50, max: 200 })),
    answers: { 200: { description: 'A page of them', schema: incidentPage } },
    async handle(c, { query: { after, limit } }) {
      const all = await incidents.listIncidents(MAX_INCIDENTS);
      const start = after === undefined ? 0 : all.findIndex(({ id }) => id === after) + 1;
      const items = all.slice(start, start + limit);
      return c.json({ incidents: items, next: all.length > start + limit ? items.at(-1)!.id : null });
    },
  });

  add({
    method: 'get',
    path: '/api/incidents/{id}',
    permission: 'system:read',
    tag: TAG,
    summary: 'The report of an incident',
    params: z.strictObject({ id: opaqueId }),
    answers: { 200: { description: 'The incident', schema: incident } },
    async handle(c, { params }) {
      const found = (await incidents.listIncidents(MAX_INCIDENTS)).find(({ id }) => id === params.id);
      if (found !== undefined) return c.json(found);
      throw new MurmurationError('http.not-found', 'There is no such incident.');
    },
  });
}
