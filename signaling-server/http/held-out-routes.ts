import { z } from '@hono/zod-openapi';
import type { Context, MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type { Logger } from 'pino';
import { readIdx, writeSampleShard } from '../../shared/dataset/index.ts';
import { check, MurmurationError } from '../../shared/errors/index.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import { type HeldOutFiles, MAX_HELD_OUT_BYTES } from '../evaluation/held-out-files.ts';
import { formatsFor, type HeldOutFormat } from '../evaluation/held-out-reader.ts';
import type { Judges } from '../evaluation/judges.ts';
import type { Repository } from '../storage/repository.ts';
import type { AddEndpoint } from './endpoint.ts';

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
  readonly audit: Pick<AuditLog, 'record'>;
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

const TAG = 'Evaluation';
const FORMATS = ['csv', 'json', 'txt', 'images'] as const;
const byId = z.object({ id: z.string() });
const heldOut = z
  .object({ source: z.enum(['file', 'digits', 'none']), format: z.enum(FORMATS).nullable() })
  .openapi('HeldOut');
const supplied = z
  .object({
    federation: z.string(),
    format: z.enum(FORMATS),
    examples: z.int(),
    classes: z.record(z.string(), z.int()).nullable(),
  })
  .openapi('HeldOutSupplied');
const bytes = { type: 'string', format: 'binary' };

/** `/api/federations/:id/held-out`: the examples that the server evaluates models on. Never given out. */
export function heldOutRoutes(add: AddEndpoint, context: HeldOutRoutesContext): void {
  const { repository, files, judges, audit, limitWrites, log } = context;
  const federationOf = (c: Context) => repository.getFederation(c.req.param('id') ?? '');
  const path = '/api/federations/{id}/held-out';
  const federation = (c: Context) => c.req.param('id');

  add({
    method: 'get',
    path,
    permission: 'model:write',
    federation,
    tag: TAG,
    summary: 'Where held-out examples come from',
    params: byId,
    answers: { 200: { description: 'Their source', schema: heldOut } },
    async handle(c) {
      const source = await files.find(await federationOf(c));
      return c.json({ source: source.kind, format: source.kind === 'file' ? source.format : null });
    },
  });

  add({
    method: 'put',
    path,
    permission: 'model:write',
    federation,
    tag: TAG,
    summary: 'Supplies held-out examples',
    description:
      'Every row is checked before anything is replaced; models are judged by the new set from then on.',
    use: [limitWrites, limitBody],
    params: byId,
    ownBody: Object.fromEntries([...Object.keys(TYPES), IDX].map((type) => [type, bytes])),
    answers: { 200: { description: 'What came', schema: supplied } },
    async handle(c, { caller }) {
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
      const { examples, classes } = await audit.record(caller, {
        action: 'held-out.supply',
        subject: `federation:${federation.id}`,
        after: { format },
        effect: () => files.put(federation, format, bytes),
        found: ({ examples }) => ({ after: { format, examples } }),
      });
      judges.reload(federation.id);
      log.info({ federation: federation.id, format, examples }, 'a held-out set was supplied');
      return c.json({ federation: federation.id, format, examples, classes: classes ?? null });
    },
  });

  add({
    method: 'delete',
    path,
    permission: 'model:write',
    federation,
    tag: TAG,
    summary: 'Takes held-out examples away',
    use: [limitWrites],
    params: byId,
    answers: { 204: { description: 'They are gone' } },
    async handle(c, { caller }) {
      const federation = await federationOf(c);
      const { id } = federation;
      const { kind } = await files.find(federation);
      check(kind === 'file', 'http.not-found', 'No held-out set was supplied for this federation.');
      await audit.record(caller, {
        action: 'held-out.remove',
        subject: `federation:${id}`,
        effect: () => files.remove(id),
      });
      judges.reload(id);
      log.info({ federation: id }, 'a held-out set was taken away');
      return c.body(null, 204);
    },
  });
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
