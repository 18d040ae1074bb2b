import { z } from '@hono/zod-openapi';
import type { MiddlewareHandler } from 'hono';
import type { AlertService } from '../alerts/alert.ts';
import { defined } from './defined.ts';
import type { AddEndpoint } from './endpoint.ts';
import { reachOf } from './reach.ts';
import {
  alert,
  alertPage,
  alertQuery,
  newWebhook,
  silence,
  silenceOrder,
  webhook,
  webhookOrder,
} from './schemas/alert.ts';
import { opaqueId } from './schemas/fields.ts';

export interface AlertRoutesContext {
  readonly alerts: AlertService;
  readonly limitWrites: MiddlewareHandler;
}

const TAG = 'Alerts';
const byId = z.strictObject({ id: opaqueId });

/** Conditions that somebody should know of, and who is told. */
export function alertRoutes(add: AddEndpoint, { alerts, limitWrites }: AlertRoutesContext): void {
  const use = [limitWrites];

  add({
    method: 'get',
    path: '/api/alerts',
    permission: 'alert:read',
    federation: (c) => c.req.query('federation'),
    tag: TAG,
    summary: 'Alerts, newest first',
    query: alertQuery,
    answers: { 200: { description: 'A page of them', schema: alertPage } },
    async handle(c, { query: { training_id, ...query }, caller }) {
      const federation = reachOf(caller, query.federation);
      const training = query.training ?? training_id;
      const { items, next } = await alerts.list(caller, defined({ ...query, training, federation }));
      return c.json({ alerts: items, next });
    },
  });

  add({
    method: 'post',
    path: '/api/alerts/{id}/acknowledge',
    permission: 'alert:write',
    // The service answers for no more than the caller reaches.
    federation: () => undefined,
    tag: TAG,
    summary: 'Says that somebody takes care of it',
    use,
    params: byId,
    body: z.strictObject({}),
    isBodyOptional: true,
    answers: { 200: { description: 'The alert', schema: alert } },
    handle: async (c, { params, caller }) => c.json(await alerts.acknowledge(caller, params.id)),
  });

  add({
    method: 'get',
    path: '/api/alerts/silences',
    permission: 'alert:read',
    tag: TAG,
    summary: 'What nobody is told of, and until when',
    answers: { 200: { description: 'All that last', schema: z.object({ silences: z.array(silence) }) } },
    handle: async (c, { caller }) => c.json({ silences: await alerts.listSilences(caller) }),
  });

  add({
    method: 'post',
    path: '/api/alerts/silences',
    permission: 'alert:write',
    federation: async (c) => {
      const named = z.object({ federation: z.string() }).safeParse(await c.req.json().catch(() => undefined));
      return named.data?.federation;
    },
    tag: TAG,
    summary: 'Tells nobody of alerts of a kind, or of a federation, for a while',
    use,
    body: silenceOrder,
    answers: { 201: { description: 'The silence', schema: silence } },
    async handle(c, { body, caller }) {
      const federation = reachOf(caller, body.federation ?? undefined) ?? null;
      return c.json(await alerts.silence(caller, { ...body, federation }), 201);
    },
  });

  add({
    method: 'delete',
    path: '/api/alerts/silences/{id}',
    permission: 'alert:write',
    tag: TAG,
    summary: 'Ends a silence',
    use,
    params: byId,
    answers: { 204: { description: 'It has ended' } },
    async handle(c, { params, caller }) {
      await alerts.endSilence(caller, params.id);
      return c.body(null, 204);
    },
  });

  add({
    method: 'get',
    path: '/api/alerts/webhooks',
    permission: 'alert:write',
    tag: TAG,
    summary: 'Who is told of alerts',
    answers: { 200: { description: 'All of them', schema: z.object({ webhooks: z.array(webhook) }) } },
    handle: async (c, { caller }) => c.json({ webhooks: await alerts.listWebhooks(caller) }),
  });

  add({
    method: 'post',
    path: '/api/alerts/webhooks',
    permission: 'alert:write',
    tag: TAG,
    summary: 'Sends alerts to an address',
    description:
      'The secret that deliveries are signed with (HMAC-SHA-256 of the body) is in this answer only.',
    use,
    body: webhookOrder,
    answers: { 201: { description: 'The webhook, with its secret', schema: newWebhook } },
    handle: async (c, { body, caller }) => c.json(await alerts.addWebhook(caller, body), 201),
  });

  add({
    method: 'delete',
    path: '/api/alerts/webhooks/{id}',
    permission: 'alert:write',
    tag: TAG,
    summary: 'Sends no more to an address',
    use,
    params: byId,
    answers: { 204: { description: 'It is gone' } },
    async handle(c, { params, caller }) {
      await alerts.removeWebhook(caller, params.id);
      return c.body(null, 204);
    },
  });
}
