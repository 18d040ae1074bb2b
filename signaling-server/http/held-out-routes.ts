import { type Context, Hono, type MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type { Logger } from 'pino';
import { readIdx, writeSampleShard } from '../../shared/dataset/index.ts';
import { check, MurmurationError } from '../../shared/errors/index.ts';
import { type HeldOutFiles, MAX_HELD_OUT_BYTES } from '../evaluation/held-out-files.ts';
import { formatsFor, type HeldOutFormat } from '../evaluation/held-out-reader.ts';
import type { Judges } from '../evaluation/judges.ts';
import type { Repository } from '../storage/repository.ts';

const TYPES: Readonly<Record<string, HeldOutFormat>> = {
  'text/csv': 'csv',
  'text/tab-separated-values': 'csv',
  'application/json': 'json',
  'application/x-ndjson': 'json',
  'text/plain': 'txt',
};
const IDX = 'multipart/form-data';

export interface HeldOutRoutesContext {
  readonly repository: Pick<Repository, 'getFederation'>;
  readonly files: HeldOutFiles;
  readonly judges: Pick<Judges, 'reload'>;
  readonly operatorOnly: MiddlewareHandler;
  readonly limitWrites: MiddlewareHandler;
  readonly log: Pick<Logger, 'info'>;
}

const limitBody = bodyLimit({
  maxSize: MAX_HELD_OUT_BYTES,
  onError: () => {
    throw new MurmurationError('http.too-large', 'The held-out set is too large.', {
      expected: `at most ${MAX_HELD_OUT_BYTES} bytes`,
      remedy: 'Leave examples out: a few thousand tell accuracy to within a point.',
    });
  },
});

/** `/api/federations/:id/held-out`: the examples that the server evaluates models on. The operator's, and never given out. */
export function heldOutRoutes(context: HeldOutRoutesContext): Hono {
  const { repository, files, judges, operatorOnly, limitWrites, log } = context;
  const routes = new Hono();
  const federationOf = (c: Context) => repository.getFederation(c.req.param('id') ?? '');

  routes.get('/:id/held-out', operatorOnly, async (c) => {
    const source = await files.find(await federationOf(c));
    return c.json({ source: source.kind, format: source.kind === 'file' ? source.format : null });
  });

  /** Checks every row before it replaces anything; models are judged by the new set from then on. */
  routes.put('/:id/held-out', limitWrites, operatorOnly, limitBody, async (c) => {
    const federation = await federationOf(c);
    const [type = ''] = (c.req.header('content-type') ?? '').toLowerCase().split(';');
    const format = type.trim() === IDX ? 'images' : TYPES[type.trim()];
    const formats = formatsFor(federation.data);
    check(
      format !== undefined && formats.includes(format),
      'http.bad-request',
      'The body has the wrong type for the data of this federation.',
      {
        path: 'content-type',
        expected: typesFor(formats).join(' or '),
        received: type.slice(0, 64) || 'nothing',
      },
    );
    const bytes = format === 'images' ? await imagesOf(c) : new Uint8Array(await c.req.arrayBuffer());
    const { examples, classes } = await files.put(federation, format, bytes);
    judges.reload(federation.id);
    log.info({ federation: federation.id, format, examples }, 'the operator supplied a held-out set');
    return c.json({ federation: federation.id, format, examples, classes: classes ?? null });
  });

  routes.delete('/:id/held-out', limitWrites, operatorOnly, async (c) => {
    const { id } = await federationOf(c);
    const existed = await files.remove(id);
    check(existed, 'http.not-found', 'No held-out set was supplied for this federation.');
    judges.reload(id);
    log.info({ federation: id }, 'the operator took a held-out set away');
    return c.body(null, 204);
  });

  return routes;
}

function typesFor(formats: readonly HeldOutFormat[]): string[] {
  if (formats.includes('images')) return [`${IDX} with the IDX files "images" and "labels"`];
  return Object.keys(TYPES).filter((type) => formats.includes(TYPES[type]!));
}

/** Two IDX files as one file of the server's own. @throws `data.unreadable`, `data.wrong-shape`, `http.bad-request`. */
async function imagesOf(c: Context): Promise<Uint8Array> {
  let form: Awaited<ReturnType<typeof c.req.parseBody>>;
  try {
    form = await c.req.parseBody();
  } catch (cause) {
    throw new MurmurationError('http.bad-request', 'The body is not a form.', {
      path: 'body',
      expected: `${IDX} with a boundary`,
      cause,
    });
  }
  const [images, labels] = await Promise.all(['images', 'labels'].map((name) => idxOf(form[name], name)));
  const [count = 0, height = 0, width = 0] = images!.shape;
  check(images!.shape.length === 3, 'data.wrong-shape', 'This is not a file of grey images.', {
    path: 'images',
    expected: '3 dimensions: images, rows, columns',
    received: `${images!.shape.length} dimensions`,
  });
  check(
    labels!.shape.length === 1 && labels!.shape[0] === count,
    'data.wrong-shape',
    'The two files do not belong together.',
    {
      path: 'labels',
      expected: `${count} labels for ${count} images`,
      received: `${labels!.shape.join(' × ')}`,
    },
  );
  return writeSampleShard({
    count,
    width,
    height,
    pixels: Uint8Array.from(images!.data),
    labels: Uint8Array.from(labels!.data),
  });
}

async function idxOf(part: unknown, name: string) {
  check(part instanceof File, 'http.bad-request', 'A file is missing from the form.', {
    path: name,
    expected: 'an IDX file',
    received: part === undefined ? 'nothing' : 'something else',
  });
  return readIdx(new Uint8Array(await part.arrayBuffer()));
}
