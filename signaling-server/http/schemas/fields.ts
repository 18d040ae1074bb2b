import { z } from '@hono/zod-openapi';
import { isParticipantId } from '../../../shared/identity/index.ts';

/** Parts of requests and answers that many routes have. */

const DIGITS = /^\d{1,15}$/;

/** A whole number in a query or a path; `fallback` where it is left out. */
export function integer(options: {
  readonly min?: number;
  readonly max: number;
  readonly fallback?: number;
}) {
  const { min = 0, max, fallback } = options;
  const expected = `a whole number from ${min} to ${max}`;
  const number = z
    .string({ error: expected })
    .refine((text) => DIGITS.test(text) && Number(text) >= min && Number(text) <= max, { error: expected })
    .transform(Number);
  const schema = fallback === undefined ? number : number.prefault(String(fallback));
  return schema.openapi({
    type: 'integer',
    minimum: min,
    maximum: max,
    ...(fallback === undefined ? {} : { default: fallback }),
  });
}

/** A text of a certain form. */
export function pattern(form: RegExp, expected: string) {
  return z.string({ error: expected }).regex(form, expected);
}

/** No database holds U+0000, or half a surrogate pair. */
const UNSTORABLE = /\p{Surrogate}|\0/u;
export function line(max: number, min = 1) {
  return z
    .string()
    .trim()
    .min(min)
    .max(max)
    .refine((text) => !UNSTORABLE.test(text), { error: 'no U+0000 and no unpaired surrogate' });
}

export const runId = pattern(/^[A-Za-z0-9_-]{1,64}$/, 'the id of a run');
export const federationId = pattern(/^[a-z0-9][a-z0-9-]{0,62}$/, 'the id of a federation');
export const opaqueId = pattern(/^[\w-]{1,64}$/, 'an id that this server gave');
export const participantId = z
  .string()
  .refine((text) => isParticipantId(text), { error: 'the id of a participant' })
  .openapi({ example: 'AAAAAAAAAAAAAAAAAAAAAA' });
export const modelHash = pattern(/^[0-9a-f]{64}$/, 'the hash of a model, 64 hexadecimal digits');
export const version = integer({ max: 2 ** 32 - 1 });
/** Milliseconds since the Unix epoch. */
export const atMs = z.int().min(0).openapi({ description: 'Milliseconds since the Unix epoch' });

/** `?after=&limit=`: the `next` of the page before, and how many. */
export function page(options: { readonly fallback?: number; readonly max?: number } = {}) {
  const { fallback = 100, max = 500 } = options;
  return {
    after: pattern(/^[\x21-\x7e]{1,200}$/, 'the "next" of the page before').optional(),
    limit: integer({ min: 1, max, fallback }),
  };
}
export const next = z
  .string()
  .nullable()
  .openapi({ description: 'To be passed as "after"; null at the end' });
