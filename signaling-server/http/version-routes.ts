import { z } from '@hono/zod-openapi';
import type { MiddlewareHandler } from 'hono';
import type { VersionService } from '../api/version-service.ts';
import type { Repository } from '../storage/repository.ts';
import type { AddEndpoint } from './endpoint.ts';
import { taggedJson } from './etag.ts';
import { federationOfRun } from './reach.ts';
import { promotion } from './schemas/federation.ts';
import { integer, runId, version } from './schemas/fields.ts';
import { checksum, comparison, confirmation, rollBackOrder, rolledBack, versionPage } from './schemas/run.ts';

const MAX_VERSION = 2 ** 32 - 1;
const MAX_PAGE = 1_000;
const TAG = 'Versions';
const byRun = z.object({ run: runId });
const byVersion = z.object({ run: runId, version });

export interface VersionRoutesContext {
  readonly repository: Pick<Repository, 'getRun'>;
  readonly versions: VersionService;
  readonly limitComparisons: MiddlewareHandler;
  readonly limitWrites: MiddlewareHandler;
}

/** `/api/runs/:run/versions`: where each version comes from, how two of them differ, and which one to use. */
export function versionRoutes(
  add: AddEndpoint,
  { repository, versions, limitComparisons, limitWrites }: VersionRoutesContext,
): void {
  const federation = federationOfRun(repository);

  add({
    method: 'get',
    path: '/api/runs/{run}/versions',
    permission: 'model:read',
    federation,
    tag: TAG,
    summary: 'The lineage of a model, oldest first',
    params: byRun,
    query: z.object({
      from: integer({ max: MAX_VERSION, fallback: 0 }),
      limit: integer({ min: 1, max: MAX_PAGE, fallback: MAX_PAGE }),
    }),
    answers: { 200: { description: 'Versions; "next" is to be passed as "from"', schema: versionPage } },
    async handle(c, { params, query, caller }) {
      const { items, next } = await versions.lineage(caller, params.run, query);
      return taggedJson(c, { versions: items, next });
    },
  });

  add({
    method: 'get',
    path: '/api/runs/{run}/versions/compare',
    permission: 'model:read',
    federation,
    tag: TAG,
    summary: 'How two versions differ',
    description: 'On the same held-out examples, where the operator supplied some; distances in any case.',
    use: [limitComparisons],
    params: byRun,
    query: z.object({ from: version, to: version }),
    answers: { 200: { description: 'The comparison', schema: comparison } },
    handle: async (c, { params, query, caller }) =>
      c.json(await versions.compare(caller, params.run, query.from, query.to, c.req.raw.signal)),
  });

  add({
    method: 'get',
    path: '/api/runs/{run}/versions/{version}/checksum',
    permission: 'model:read',
    federation,
    tag: TAG,
    summary: 'Reads the file of a version anew, and says what it is',
    use: [limitComparisons],
    params: byVersion,
    answers: { 200: { description: 'It is what was stored', schema: checksum } },
    handle: async (c, { params, caller }) =>
      c.json(await versions.checksum(caller, params.run, params.version)),
  });

  add({
    method: 'post',
    path: '/api/runs/{run}/versions/{version}/promote',
    permission: 'model:write',
    federation,
    tag: TAG,
    summary: 'Offers a version as the one to use',
    use: [limitWrites],
    params: byVersion,
    body: confirmation,
    answers: { 200: { description: 'Which it is now', schema: promotion } },
    handle: async (c, { params, body, caller }) =>
      c.json(await versions.promote(caller, params.run, params.version, body.hash)),
  });

  add({
    method: 'post',
    path: '/api/runs/{run}/rollback',
    permission: 'model:write',
    federation,
    tag: TAG,
    summary: 'Makes an earlier version the newest again',
    use: [limitWrites],
    params: byRun,
    body: rollBackOrder,
    answers: { 200: { description: 'Which it is', schema: rolledBack } },
    handle: async (c, { params, body, caller }) =>
      c.json(await versions.rollBack(caller, params.run, body, c.req.raw.signal)),
  });
}
