import { createHash } from 'node:crypto';
import type { Context } from 'hono';

/** Whether a client has this already (RFC 9110, section 13.1.2): compared weakly, since compression makes tags weak. */
export function hasAlready(c: Context, etag: string): boolean {
  const shown = c.req.header('if-none-match');
  if (shown === undefined) return false;
  if (shown.trim() === '*') return true;
  return shown.split(',').some((each) => each.trim().replace(/^W\//, '') === etag);
}

/** JSON with a tag of what it says, or 304. */
export function taggedJson(
  c: Context,
  value: unknown,
  headers: Readonly<Record<string, string>> = {},
): Response {
  const text = JSON.stringify(value);
  const etag = `"${createHash('sha256').update(text).digest('base64url').slice(0, 22)}"`;
  const all = { 'cache-control': 'no-cache', ...headers, etag };
  if (hasAlready(c, etag)) return c.body(null, 304, all);
  return c.body(text, 200, { ...all, 'content-type': 'application/json' });
}
