import type { HttpBindings } from '@hono/node-server';
import { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { Logger } from 'pino';
import type { BlobKey } from '../storage/blob-store.ts';
import type { Repository } from '../storage/repository.ts';
import type { ModelVersion } from '../storage/run-repository.ts';
import type { AddEndpoint } from './endpoint.ts';
import { hasAlready, taggedJson } from './etag.ts';
import { federationOfRun } from './reach.ts';
import { run } from './schemas/federation.ts';
import { integer, pattern, runId } from './schemas/fields.ts';
import { models, roundRecords, runMetrics } from './schemas/run.ts';

const MAX_ROUND = 2 ** 32 - 1;
const DEFAULT_PAGE = 1_000;
const MAX_PAGE = 1_000;
const OCTETS = 'application/octet-stream';

export interface RunRoutesContext {
  readonly repository: Repository;
  readonly log: Logger;
}

const TAG = 'Runs';
const byRun = z.object({ run: runId });

/** `/api/runs`: history, metrics, model weights, and transcripts of secure rounds. */
export function runRoutes(add: AddEndpoint, context: RunRoutesContext): void {
  const { repository } = context;
  const federation = federationOfRun(repository);
  const fromRound = integer({ max: MAX_ROUND, fallback: 0 });

  add({
    method: 'get',
    path: '/api/runs/{run}',
    permission: 'training:read',
    federation,
    tag: TAG,
    summary: 'What a run is at',
    params: byRun,
    answers: { 200: { description: 'The run', schema: run } },
    handle: async (c, { params }) => c.json(await repository.getRun(params.run)),
  });

  add({
    method: 'get',
    path: '/api/runs/{run}/rounds',
    permission: 'training:read',
    federation,
    tag: TAG,
    summary: 'The history of a run, oldest first',
    params: byRun,
    query: z.object({
      from: fromRound,
      limit: integer({ min: 1, max: MAX_PAGE, fallback: DEFAULT_PAGE }),
    }),
    answers: { 200: { description: 'Records of rounds', schema: roundRecords } },
    handle: async (c, { params, query }) =>
      c.json({ rounds: await repository.listRecords(params.run, query.from, query.limit) }),
  });

  add({
    method: 'get',
    path: '/api/runs/{run}/metrics',
    permission: 'training:read',
    federation,
    tag: TAG,
    summary: 'What evaluations said',
    params: byRun,
    query: z.object({ from: fromRound }),
    answers: { 200: { description: 'All of them from that round on', schema: runMetrics } },
    handle: async (c, { params, query }) =>
      c.json({ metrics: await repository.listMetrics(params.run, query.from) }),
  });

  add({
    method: 'get',
    path: '/api/runs/{run}/models',
    permission: 'model:read',
    federation,
    tag: TAG,
    summary: 'Versions whose weights this server keeps',
    params: byRun,
    answers: { 200: { description: 'All of them', schema: models } },
    async handle(c, { params }) {
      const versions = await repository.listVersions(params.run);
      return taggedJson(c, {
        models: versions.map(({ version, hash, layoutHash, bytes }) => ({
          version,
          hash,
          layoutHash,
          bytes,
        })),
      });
    },
  });

  add({
    method: 'get',
    path: '/api/runs/{run}/models/{version}',
    permission: 'model:read',
    federation,
    tag: TAG,
    summary: 'Weights of a version, as little-endian float32',
    description: 'With the hash of the version, the answer can never change, and may be kept for ever.',
    params: byRun.extend({
      version: pattern(/^(?:latest|\d{1,10})$/, '"latest" or a version number'),
    }),
    query: z.object({ hash: z.string().optional() }),
    answers: {
      200: { description: 'The weights', type: OCTETS },
      304: { description: 'The client has them already' },
    },
    async handle(c, { params, query, caller }) {
      const { version } = params;
      const found = await repository.findVersion(
        params.run,
        version === 'latest' ? version : Number(version),
      );
      // What somebody got without a credential anybody may; the rest is not for caches that others share.
      const who = caller.principal.kind === 'anonymous' ? 'public' : 'private';
      return weightsResponse(c, context, found, query.hash === found.hash ? who : undefined);
    },
  });

  add({
    method: 'get',
    path: '/api/runs/{run}/rounds/{round}/transcript',
    permission: 'training:read',
    federation,
    tag: TAG,
    summary: "This server's own record of a secure round",
    description: 'A retry of the round may replace it.',
    params: byRun.extend({ round: pattern(/^\d{1,10}$/, 'the number of a round') }),
    answers: {
      200: { description: 'The transcript', type: OCTETS },
      304: { description: 'The client has it already' },
    },
    async handle(c, { params }) {
      const { blob, bytes } = await repository.findTranscript(params.run, Number(params.round));
      return blobResponse(c, context, { blob, bytes, etag: `"${blob}"` }, { 'cache-control': 'no-cache' });
    },
  });
}

function weightsResponse(
  c: Context,
  context: RunRoutesContext,
  model: ModelVersion,
  keptBy: 'public' | 'private' | undefined,
): Promise<Response> {
  const { blob, bytes } = model;
  return blobResponse(
    c,
    context,
    { blob, bytes, etag: `"${model.hash}"` },
    {
      'cache-control': keptBy === undefined ? 'no-cache' : `${keptBy}, max-age=31536000, immutable`,
      // The same address may be for everybody once, and later not.
      vary: 'authorization',
      'x-model-version': String(model.version),
      'x-model-hash': model.hash,
      'x-layout-hash': model.layoutHash,
    },
  );
}

/** The bytes of a blob as a stream, or the answer that the client has them already. */
async function blobResponse(
  c: Context,
  { repository, log }: RunRoutesContext,
  { blob, bytes, etag }: { readonly blob: BlobKey; readonly bytes: number; readonly etag: string },
  more: Readonly<Record<string, string>>,
): Promise<Response> {
  const headers = { etag, ...more };
  if (hasAlready(c, etag)) return c.body(null, 304, headers);
  const full = {
    ...headers,
    'content-type': OCTETS,
    'content-length': String(bytes),
  };
  if (c.req.method === 'HEAD') return c.body(null, 200, full);
  const pieces = repository.blobs.get(blob)[Symbol.asyncIterator]();
  // A file that is missing, or small and damaged, is found before anything is sent.
  const first = await pieces.next();
  const { outgoing } = (c.env ?? {}) as Partial<HttpBindings>;
  const cut = (error: unknown): void => {
    log.error({ err: error, blob }, 'a file could not be sent to its end');
    outgoing?.destroy();
  };
  return c.body(streamOf(first, pieces, cut), 200, full);
}

/** @param cut Ends the connection: a stream that fails would otherwise get its error's text as a last piece. */
function streamOf(
  first: IteratorResult<Uint8Array>,
  rest: AsyncIterator<Uint8Array>,
  cut: (error: unknown) => void,
): ReadableStream {
  let next: IteratorResult<Uint8Array> | undefined = first;
  return new ReadableStream(
    {
      async pull(controller) {
        try {
          const piece = next ?? (await rest.next());
          next = undefined;
          if (piece.done) controller.close();
          else controller.enqueue(piece.value);
        } catch (error) {
          cut(error);
        }
      },
      async cancel() {
        await rest.return?.();
      },
    },
    { highWaterMark: 0 },
  );
}
