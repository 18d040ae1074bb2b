import type { Context } from 'hono';
import { MurmurationError } from '../../shared/errors/index.ts';

const JSON_TYPE = /^application\/json\s*(?:;|$)/i;

/**
 * The JSON that a request carries; `{}` where it may be left out and is. Read once, however often it is asked for.
 * @throws `http.unsupported-type` for another content type; `http.bad-request` for what is not JSON.
 */
export async function readJson(c: Context, optional = false): Promise<unknown> {
  const type = c.req.header('content-type');
  const text = await c.req.text();
  if (type === undefined && text === '' && optional) return {};
  // Requiring this type makes a browser ask first before another site's page may send it.
  if (type === undefined || !JSON_TYPE.test(type))
    throw new MurmurationError('http.unsupported-type', 'The body has a type that is not taken here.', {
      path: 'content-type',
      expected: 'application/json',
      received: type === undefined ? 'nothing' : type.slice(0, 64),
    });
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
