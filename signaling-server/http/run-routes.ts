import type { HttpBindings } from '@hono/node-server';
import { type Context, Hono } from 'hono';
import type { Logger } from 'pino';
import type { BlobKey } from '../storage/blob-store.ts';
import type { Repository } from '../storage/repository.ts';
import type { ModelVersion } from '../storage/run-repository.ts';
import { integerQuery, pathParameter } from './parameters.ts';

const MAX_ROUND = 2 ** 32 - 1;
const DEFAULT_PAGE = 1_000;
const MAX_PAGE = 1_000;

export interface RunRoutesContext {
  readonly repository: Repository;
  readonly log: Logger;
}

/** `/api/runs`: history, metrics, model weights, and transcripts of secure rounds. */
export function runRoutes(context: RunRoutesContext): Hono {
  const { repository } = context;
  const routes = new Hono();
  const runOf = (c: Context): string => pathParameter(c, 'run', /^[A-Za-z0-9_-]{1,64}$/, 'the id of a run');

  routes.get('/:run', async (c) => c.json(await repository.getRun(runOf(c))));

  routes.get('/:run/rounds', async (c) => {
    const from = integerQuery(c, 'from', { fallback: 0, max: MAX_ROUND });
    const limit = integerQuery(c, 'limit', { fallback: DEFAULT_PAGE, min: 1, max: MAX_PAGE });
    return c.json({ rounds: await repository.listRecords(runOf(c), from, limit) });
  });

  routes.get('/:run/metrics', async (c) => {
    const from = integerQuery(c, 'from', { fallback: 0, max: MAX_ROUND });
    return c.json({ metrics: await repository.listMetrics(runOf(c), from) });
  });

  routes.get('/:run/models', async (c) => {
    const versions = await repository.listVersions(runOf(c));
    return c.json({
      models: versions.map(({ version, hash, layoutHash, bytes }) => ({ version, hash, layoutHash, bytes })),
    });
  });

  /** Little-endian float32 weights. With `?hash=` the answer can never change, and may be kept for ever. */
  routes.get('/:run/models/:version', async (c) => {
    const version = pathParameter(c, 'version', /^(?:latest|\d{1,10})$/, '"latest" or a version number');
    const found = await repository.findVersion(runOf(c), version === 'latest' ? version : Number(version));
    return weightsResponse(c, context, found);
  });

  /** The server's own record of a secure round; a retry of the round may replace it. */
  routes.get('/:run/rounds/:round/transcript', async (c) => {
    const round = Number(pathParameter(c, 'round', /^\d{1,10}$/, 'the number of a round'));
    const { blob, bytes } = await repository.findTranscript(runOf(c), round);
    return blobResponse(c, context, { blob, bytes, etag: `"${blob}"` }, { 'cache-control': 'no-cache' });
  });

  return routes;
}

function weightsResponse(c: Context, context: RunRoutesContext, model: ModelVersion): Promise<Response> {
  const pinned = c.req.query('hash') === model.hash;
  const { blob, bytes } = model;
  return blobResponse(
    c,
    context,
    { blob, bytes, etag: `"${model.hash}"` },
    {
      'cache-control': pinned ? 'public, max-age=31536000, immutable' : 'no-cache',
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
  if (c.req.header('if-none-match')?.includes(etag)) return c.body(null, 304, headers);
  const full = {
    ...headers,
    'content-type': 'application/octet-stream',
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
