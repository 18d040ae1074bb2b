import { z } from '@hono/zod-openapi';
import { check } from '../../shared/errors/index.ts';
import type { Round, RoundService, VersionRow } from '../api/round-service.ts';
import type { Repository } from '../storage/repository.ts';
import type { AddEndpoint } from './endpoint.ts';
import { taggedJson } from './etag.ts';
import { reachOf } from './reach.ts';
import { federationId, integer, pattern } from './schemas/fields.ts';
import { modelVersionPage, round } from './schemas/round.ts';

export interface RoundRoutesContext {
  readonly rounds: RoundService;
  readonly repository: Pick<Repository, 'getRun'>;
}

const TAG = 'Rounds';
const MAX_VERSION = 2 ** 32 - 1;
/** `RUN.ROUND` */
const ROUND_ID = /^([A-Za-z0-9_-]{1,64})\.(\d{1,10})$/;

/** `/api/v1`: the current round, and versions, row by row. */
export function roundRoutes(add: AddEndpoint, { rounds, repository }: RoundRoutesContext): void {
  add({
    method: 'get',
    path: '/api/v1/rounds',
    permission: 'training:participate',
    federation: (c) => c.req.query('federation'),
    tag: TAG,
    summary: 'The current round of a federation',
    description: 'A credential for one federation need not name it.',
    query: z.strictObject({ federation: federationId.optional() }),
    answers: { 200: { description: 'The round', schema: round } },
    handle: async (c, { query, caller }) =>
      c.json(shown(await rounds.current(caller, named(reachOf(caller, query.federation))))),
  });

  add({
    method: 'get',
    path: '/api/v1/rounds/{id}',
    permission: 'training:read',
    federation: async (c) => (await repository.getRun(partsOf(c.req.param('id') ?? '').run)).federation,
    tag: TAG,
    summary: 'One round',
    params: z.object({ id: pattern(ROUND_ID, 'the round_id of a round') }),
    answers: { 200: { description: 'The round', schema: round } },
    async handle(c, { params, caller }) {
      const { run, number } = partsOf(params.id);
      return taggedJson(c, shown(await rounds.get(caller, run, number)));
    },
  });

  add({
    method: 'get',
    path: '/api/v1/model_versions',
    permission: 'model:read',
    federation: (c) => c.req.query('federation'),
    tag: TAG,
    summary: 'Versions of the model of a federation, oldest first',
    query: z.strictObject({
      federation: federationId.optional(),
      after: integer({ max: MAX_VERSION, fallback: 0 }),
      limit: integer({ min: 1, max: 500, fallback: 100 }),
    }),
    answers: { 200: { description: 'A page of them', schema: modelVersionPage } },
    async handle(c, { query: { federation, ...page }, caller }) {
      const { items, next } = await rounds.versions(caller, named(reachOf(caller, federation)), page);
      return taggedJson(c, { model_versions: items.map(rowOf), next });
    },
  });
}

/** Who reaches all federations has to say which. */
function named(federation: string | undefined): string {
  check(federation !== undefined, 'http.bad-request', 'This parameter is wrong.', {
    path: 'query.federation',
    expected: 'the id of a federation',
    received: 'nothing',
  });
  return federation;
}

function partsOf(id: string): { readonly run: string; readonly number: number } {
  const [, run = '', number = ''] = ROUND_ID.exec(id) ?? [];
  return { run, number: Number(number) };
}

function shown({ run, federation, round, status, startedAtMs, completedAtMs, modelVersion }: Round) {
  return {
    round_id: `${run}.${round}`,
    federation,
    round_number: round,
    status,
    started_at: time(startedAtMs),
    completed_at: time(completedAtMs),
    global_model_version: modelVersion === null ? null : String(modelVersion),
  };
}

function rowOf({ run, version, round, accuracy, loss, hash, isStored, createdAtMs }: VersionRow) {
  return {
    version_id: `${run}.${version}`,
    version: String(version),
    round_number: round,
    accuracy,
    loss,
    model_blob_url: isStored ? `/api/runs/${run}/models/${version}?hash=${hash}` : null,
    created_at: new Date(createdAtMs).toISOString(),
  };
}

function time(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
