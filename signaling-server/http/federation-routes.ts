import { z } from '@hono/zod-openapi';
import type { Context, MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { MurmurationError } from '../../shared/errors/index.ts';
import { shownName } from '../access/shown-name.ts';
import type { Services } from '../api/services.ts';
import type { Repository } from '../storage/repository.ts';
import { defined } from './defined.ts';
import type { AddEndpoint } from './endpoint.ts';
import { taggedJson } from './etag.ts';
import { jsonBody } from './parameters.ts';
import {
  federationBody,
  federationDocument,
  federationPage,
  federationStatuses,
  promotion,
  run,
  settings,
  settingsChange,
} from './schemas/federation.ts';
import { federationId, page } from './schemas/fields.ts';

const MAX_DOCUMENT_BYTES = 256 * 1024;
const TAG = 'Federations';

const limitDocument = bodyLimit({
  maxSize: MAX_DOCUMENT_BYTES,
  onError: () => {
    throw new MurmurationError('http.too-large', 'The federation document is too large.', {
      expected: `at most ${MAX_DOCUMENT_BYTES} bytes`,
      remedy: 'Shorten it: descriptions and lists of values take the most room.',
    });
  },
});

export interface FederationRoutesContext {
  readonly services: Pick<Services, 'federations' | 'versions'>;
  readonly repository: Pick<Repository, 'getFederation' | 'currentRun'>;
  readonly limitWrites: MiddlewareHandler;
}

/** An id that is none is one that nobody has: `federation.unknown`. */
const byId = z.object({ id: z.string() });

/** Documents, what this server adds to them, and the run that each is at. */
export function federationRoutes(
  add: AddEndpoint,
  { services: { federations, versions }, repository, limitWrites }: FederationRoutesContext,
): void {
  const ofFederation = (c: Context) => c.req.param('id');

  add({
    method: 'get',
    path: '/api/federations',
    permission: 'public',
    tag: TAG,
    summary: 'Federations that the caller may see, in the order of their ids',
    query: z.object(page()),
    answers: { 200: { description: 'A page of documents', schema: federationPage } },
    async handle(c, { query, caller }) {
      const { items, next } = await federations.list(caller, query);
      return taggedJson(c, { federations: items, next });
    },
  });

  add({
    method: 'post',
    path: '/api/federations',
    permission: 'public',
    tag: TAG,
    summary: 'Keeps a federation document, or a higher revision of one',
    description: 'Whoever shows a credential owns what it creates: nobody else may revise it.',
    use: [limitWrites, limitDocument],
    ownBody: { 'application/json': federationBody },
    answers: {
      200: { description: 'The document, known before or revised', schema: federationDocument },
      201: { description: 'The document', schema: federationDocument },
    },
    async handle(c, { caller }) {
      const { federation, outcome } = await federations.create(caller, await jsonBody(c));
      const location = { location: `/api/federations/${federation.id}` };
      return c.json(federation, outcome === 'created' ? 201 : 200, location);
    },
  });

  add({
    method: 'get',
    path: '/api/federations/{id}',
    permission: 'federation:read',
    federation: ofFederation,
    tag: TAG,
    summary: 'The document of a federation',
    params: byId,
    answers: { 200: { description: 'The document', schema: federationDocument } },
    handle: async (c, { params, caller }) => taggedJson(c, await federations.get(caller, params.id)),
  });

  add({
    method: 'get',
    path: '/api/federations/{id}/run',
    permission: 'federation:read',
    federation: ofFederation,
    tag: TAG,
    summary: 'The run that a federation is at',
    params: byId,
    answers: { 200: { description: 'The run', schema: run } },
    handle: async (c, { params }) =>
      c.json(await repository.currentRun(await repository.getFederation(params.id))),
  });

  add({
    method: 'get',
    path: '/api/federations/{id}/settings',
    permission: 'federation:read',
    federation: ofFederation,
    tag: TAG,
    summary: 'Who is admitted, and who paces rounds',
    params: byId,
    answers: { 200: { description: 'The settings', schema: settings } },
    async handle(c, { params, caller }) {
      const { owner, ...others } = await federations.settings(caller, params.id);
      return taggedJson(c, { ...others, owner: owner && shownName(caller.principal, owner) });
    },
  });

  for (const method of ['put', 'patch'] as const)
    add({
      method,
      path: '/api/federations/{id}/settings',
      permission: 'federation:write',
      federation: ofFederation,
      tag: TAG,
      summary: 'Changes the settings of a federation',
      use: [limitWrites],
      params: byId,
      body: method === 'put' ? settingsChange.required() : settingsChange,
      answers: { 200: { description: 'The settings', schema: settings } },
      handle: async (c, { params, body, caller }) =>
        c.json(await federations.configure(caller, params.id, defined(body))),
    });

  add({
    method: 'get',
    path: '/api/federations/{id}/promoted',
    permission: 'model:read',
    federation: ofFederation,
    tag: TAG,
    summary: 'The version that is offered as the one to use',
    params: byId,
    answers: { 200: { description: 'Which it is', schema: promotion } },
    async handle(c, { params, caller }) {
      const { promotedBy, ...promoted } = await versions.promoted(caller, params.id);
      return taggedJson(c, { ...promoted, promotedBy: shownName(caller.principal, promotedBy) });
    },
  });

  add({
    method: 'get',
    path: '/api/federation/status',
    permission: 'public',
    tag: TAG,
    summary: 'What federations are at, of those that the caller may see',
    query: z.strictObject({ federation: federationId.optional(), ...page({ fallback: 20, max: 100 }) }),
    answers: { 200: { description: 'A page of them', schema: federationStatuses } },
    async handle(c, { query, caller }) {
      const { items, next } =
        query.federation === undefined
          ? await federations.list(caller, query)
          : { items: [await federations.get(caller, query.federation)], next: null };
      const found = await Promise.all(items.map(({ id }) => federations.status(caller, id)));
      return c.json({ timestamp: new Date().toISOString(), federations: found, next });
    },
  });
}
