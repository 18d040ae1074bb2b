import { type Context, Hono } from 'hono';
import type { Repository } from '../storage/repository.ts';
import type { ModelVersion } from '../storage/run-repository.ts';
import { integerQuery, pathParameter } from './parameters.ts';

const MAX_ROUND = 2 ** 32 - 1;
const DEFAULT_PAGE = 1_000;
const MAX_PAGE = 1_000;

/** `/api/runs`: history, metrics and model weights. */
export function runRoutes(repository: Repository): Hono {
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
    return weightsResponse(c, repository, found);
  });

  return routes;
}

async function weightsResponse(c: Context, repository: Repository, model: ModelVersion): Promise<Response> {
  const pinned = c.req.query('hash') === model.hash;
  const etag = `"${model.hash}"`;
  const headers = {
    etag,
    'cache-control': pinned ? 'public, max-age=31536000, immutable' : 'no-cache',
    'x-model-version': String(model.version),
    'x-model-hash': model.hash,
    'x-layout-hash': model.layoutHash,
  };
  if (c.req.header('if-none-match')?.includes(etag)) return c.body(null, 304, headers);
  const full = {
    ...headers,
    'content-type': 'application/octet-stream',
    'content-length': String(model.bytes),
  };
  if (c.req.method === 'HEAD') return c.body(null, 200, full);
  const pieces = repository.blobs.get(model.blob)[Symbol.asyncIterator]();
  // A file that is missing, or small and damaged, is found before anything is sent.
  const first = await pieces.next();
  return c.body(streamOf(first, pieces), 200, full);
}

function streamOf(first: IteratorResult<Uint8Array>, rest: AsyncIterator<Uint8Array>): ReadableStream {
  let next: IteratorResult<Uint8Array> | undefined = first;
  return new ReadableStream(
    {
      async pull(controller) {
        const piece = next ?? (await rest.next());
        next = undefined;
        if (piece.done) controller.close();
        else controller.enqueue(piece.value);
      },
      async cancel() {
        await rest.return?.();
      },
    },
    { highWaterMark: 0 },
  );
}
