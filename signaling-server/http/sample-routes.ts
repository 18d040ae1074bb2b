import { type Context, Hono } from 'hono';
import { check } from '../../shared/errors/index.ts';
import { MAX_SHARD_DIGITS, type SampleData } from '../sample-data.ts';
import { integerQuery } from './parameters.ts';

/** Pixels are mostly black: worth compressing, unlike weights. */
export const SAMPLE_TYPE = 'application/vnd.murmuration.sample';
const TRAIN_DIGITS = 60_000;
const LABELS = /^\d(?:,\d){0,9}$/;

/** `/api/sample/digits`: public handwritten digits, so that the system can be tried without data of one's own. */
export function sampleRoutes(samples: SampleData): Hono {
  const routes = new Hono();

  routes.get('/digits/train', async (c) => {
    const offset = integerQuery(c, 'offset', { fallback: 0, max: TRAIN_DIGITS - 1 });
    const count = integerQuery(c, 'count', { min: 1, max: MAX_SHARD_DIGITS });
    const labels = labelsQuery(c);
    return answer(
      c,
      await samples.trainShard({ offset, count, ...(labels === undefined ? {} : { labels }) }),
    );
  });
  routes.get('/digits/test', async (c) => answer(c, await samples.test()));
  return routes;
}

function labelsQuery(c: Context): number[] | undefined {
  const text = c.req.query('labels');
  if (text === undefined) return undefined;
  check(LABELS.test(text), 'http.bad-request', 'This parameter is wrong.', {
    path: 'query.labels',
    expected: 'digits with commas between them, such as 4,5',
    received: `"${text.slice(0, 32)}"`,
  });
  return text.split(',').map(Number);
}

function answer(c: Context, shard: Uint8Array<ArrayBuffer>): Response {
  return c.body(shard, 200, { 'content-type': SAMPLE_TYPE, 'cache-control': 'public, max-age=86400' });
}
