import type { Context } from 'hono';
import { check, MurmurationError } from '../../shared/errors/index.ts';

/** A whole number in the query string. @throws `http.bad-request` naming the parameter. */
export function integerQuery(
  c: Context,
  name: string,
  { fallback, min = 0, max }: { fallback?: number; min?: number; max: number },
): number {
  const text = c.req.query(name);
  if (text === undefined && fallback !== undefined) return fallback;
  const value = text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  check(value >= min && value <= max, 'http.bad-request', 'This parameter is wrong.', {
    path: `query.${name}`,
    expected: `a whole number from ${min} to ${max}`,
    received: text === undefined ? 'nothing' : `"${text.slice(0, 32)}"`,
  });
  return value;
}

/** A part of the path that must match. @throws `http.bad-request`. */
export function pathParameter(c: Context, name: string, pattern: RegExp, expected: string): string {
  const text = c.req.param(name) ?? '';
  check(pattern.test(text), 'http.bad-request', 'This address is wrong.', {
    path: name,
    expected,
    received: `"${text.slice(0, 64)}"`,
  });
  return text;
}

/** @throws `http.bad-request` for another content type, or for what is not JSON. */
export async function jsonBody(c: Context): Promise<unknown> {
  // Requiring this type makes a browser ask first before another site's page may send it.
  const type = c.req.header('content-type') ?? 'nothing';
  check(/^application\/json\b/i.test(type), 'http.bad-request', 'The body has the wrong type.', {
    path: 'content-type',
    expected: 'application/json',
    received: type.slice(0, 64),
  });
  const text = await c.req.text();
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new MurmurationError('http.bad-request', 'The body is not JSON.', {
      path: 'body',
      expected: 'one JSON value',
      received: `${text.length} characters that do not parse`,
      cause,
    });
  }
}
