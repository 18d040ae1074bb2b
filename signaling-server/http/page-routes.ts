import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { serveStatic } from '@hono/node-server/serve-static';
import type { Context, Hono } from 'hono';
import { etag } from 'hono/etag';
import { MurmurationError } from '../../shared/errors/index.ts';
import type { Guard } from '../access/guard.ts';

const ONE_YEAR = 'public, max-age=31536000, immutable';

/**
 * The built page. Vite puts a hash of the content into the name of everything under /assets/, so that may be
 * kept for ever; the rest is asked for again each time. An address of the page that is no file gets index.html.
 * To be mounted last: it answers every GET that nothing else did.
 */
export function mountPage(app: Hono, webRoot: string, guard: Guard): void {
  const open = guard('public', { isCounted: false });
  if (!existsSync(join(webRoot, 'index.html'))) {
    app.get('*', open, () => {
      throw new MurmurationError('http.not-found', 'The page has not been built.', {
        remedy: 'Run `npm run build`, then start the server again.',
      });
    });
    return;
  }
  const onFound = (path: string, c: Context): void => {
    const hashed = path.startsWith(join(webRoot, 'assets'));
    c.header('cache-control', hashed ? ONE_YEAR : 'no-cache');
  };
  const file = serveStatic({ root: webRoot, precompressed: true, onFound });
  const index = serveStatic({ root: webRoot, path: 'index.html', precompressed: true, onFound });
  const withEtag = etag();

  app.get('/assets/*', open, file, () => notThere());
  app.get('*', open, withEtag, file, (c, next) => (wantsPage(c) ? index(c, next) : notThere()));
}

/** A browser that navigates asks for HTML; a script, an image or a fetch that found nothing must hear so. */
function wantsPage(c: Context): boolean {
  const reserved = /^\/(?:api|ws|health)(?:\/|$)/.test(c.req.path);
  return !reserved && (c.req.header('accept') ?? '').includes('text/html');
}

function notThere(): never {
  throw new MurmurationError('http.not-found', 'There is nothing at this address.');
}
