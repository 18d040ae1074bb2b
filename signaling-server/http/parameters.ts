import type { Context } from 'hono';
import { check, MurmurationError } from '../../shared/errors/index.ts';

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
