import { Hono, type MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { MurmurationError } from '../../shared/errors/index.ts';
import { parseFederation } from '../../shared/federation/index.ts';
import type { Repository } from '../storage/repository.ts';
import { integerQuery, jsonBody } from './parameters.ts';

const MAX_DOCUMENT_BYTES = 256 * 1024;
const DEFAULT_PAGE = 100;
const MAX_PAGE = 500;

const limitDocument = bodyLimit({
  maxSize: MAX_DOCUMENT_BYTES,
  onError: () => {
    throw new MurmurationError('http.too-large', 'The federation document is too large.', {
      expected: `at most ${MAX_DOCUMENT_BYTES} bytes`,
      remedy: 'Shorten it: descriptions and lists of values take the most room.',
    });
  },
});

/** `/api/federations`: documents, and the run that each is at. */
export function federationRoutes(repository: Repository, limitWrites: MiddlewareHandler): Hono {
  const routes = new Hono();

  routes.get('/', async (c) => {
    const limit = integerQuery(c, 'limit', { fallback: DEFAULT_PAGE, min: 1, max: MAX_PAGE });
    const federations = await repository.listFederations({ after: c.req.query('after'), limit });
    return c.json({ federations });
  });

  routes.post('/', limitWrites, limitDocument, async (c) => {
    const federation = parseFederation(await jsonBody(c));
    const outcome = await repository.putFederation(federation);
    // The run exists before anyone asks for it, so that asking changes nothing.
    await repository.currentRun(federation);
    const location = { location: `/api/federations/${federation.id}` };
    return c.json(federation, outcome === 'created' ? 201 : 200, location);
  });

  routes.get('/:id', async (c) => c.json(await repository.getFederation(c.req.param('id'))));

  routes.get('/:id/run', async (c) => {
    const federation = await repository.getFederation(c.req.param('id'));
    return c.json(await repository.currentRun(federation));
  });

  return routes;
}
