import type { Context, MiddlewareHandler } from 'hono';
import { routePath } from 'hono/route';
import type { Metrics } from './metrics.ts';

/** Counts answers by the template of their route, never by the address itself, and times them. Mount it first. */
export function httpMetrics(metrics: Pick<Metrics, 'noteRequest'>): MiddlewareHandler {
  return async (c, next) => {
    const startedAt = performance.now();
    try {
      await next();
    } finally {
      const route = routeOf(c);
      const seconds = (performance.now() - startedAt) / 1000;
      metrics.noteRequest({ method: c.req.method, route, status: c.res.status, seconds });
    }
  };
}

/** The template of the handler that answered; `none` where only catch-alls were there to. */
export function routeOf(c: Context): string {
  const template = routePath(c);
  return c.res.status === 404 && template.endsWith('*') ? 'none' : template;
}

/** `GET /metrics`: for Prometheus. Who may read it is decided where it is mounted. */
export function metricsHandler(
  metrics: Pick<Metrics, 'text' | 'contentType'>,
): (c: Context) => Promise<Response> {
  return async (c) =>
    c.body(await metrics.text(), 200, { 'content-type': metrics.contentType, 'cache-control': 'no-store' });
}
