import { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { MAX_SHARD_DIGITS, type SampleData } from '../sample-data.ts';
import type { AddEndpoint } from './endpoint.ts';
import { integer, pattern } from './schemas/fields.ts';

/** Pixels are mostly black: worth compressing, unlike weights. */
export const SAMPLE_TYPE = 'application/vnd.murmuration.sample';
const TRAIN_DIGITS = 60_000;
const LABELS = /^\d(?:,\d){0,9}$/;

/** `/api/sample/digits`: public handwritten digits, so that the system can be tried without data of one's own. */
export function sampleRoutes(add: AddEndpoint, samples: SampleData): void {
  const answers = { 200: { description: 'Images and labels', type: SAMPLE_TYPE } };
  const tag = 'Samples';

  add({
    method: 'get',
    path: '/api/sample/digits/train',
    permission: 'public',
    tag,
    summary: 'Handwritten digits to train on',
    query: z.object({
      offset: integer({ max: TRAIN_DIGITS - 1, fallback: 0 }),
      count: integer({ min: 1, max: MAX_SHARD_DIGITS }),
      labels: pattern(LABELS, 'digits with commas between them, such as 4,5').optional(),
    }),
    answers,
    async handle(c, { query: { offset, count, labels } }) {
      const wanted = labels === undefined ? {} : { labels: labels.split(',').map(Number) };
      return answer(c, await samples.trainShard({ offset, count, ...wanted }));
    },
  });

  add({
    method: 'get',
    path: '/api/sample/digits/test',
    permission: 'public',
    tag,
    summary: 'Handwritten digits to test on',
    answers,
    handle: async (c) => answer(c, await samples.test()),
  });
}

function answer(c: Context, shard: Uint8Array<ArrayBuffer>): Response {
  return c.body(shard, 200, { 'content-type': SAMPLE_TYPE, 'cache-control': 'public, max-age=86400' });
}
