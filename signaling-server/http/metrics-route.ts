import type { Context } from 'hono';
import type { Guard } from '../access/guard.ts';
import { metricsHandler } from '../observe/http-metrics.ts';
import type { Metrics } from '../observe/metrics.ts';
import { type Api, endpointsOf } from './endpoint.ts';

/**
 * `GET /metrics` for Prometheus: for anybody where it is `isPublic`, else for whoever asks from this very machine, or holds `system:read`.
 */
export function metricsRoute(
  api: Api,
  {
    metrics,
    guard,
    isPublic,
  }: { readonly metrics: Metrics; readonly guard: Guard; readonly isPublic: boolean },
): void {
  endpointsOf(
    api,
    localOr(guard),
  )({
    method: 'get',
    path: '/metrics',
    permission: isPublic ? 'public' : 'system:read',
    tag: 'System',
    summary: 'What is counted and measured, for Prometheus',
    answers: { 200: { description: 'In the text exposition format', type: 'text/plain' } },
    handle: metricsHandler(metrics),
  });
}

/** The guard of a permission, which whoever asks from this machine passes as at a public route. */
function localOr(guard: Guard): Guard {
  return (permission, options) => {
    const closed = guard(permission, options);
    const open = guard('public');
    return Object.assign((c: Context, next: () => Promise<void>) => (isLocal(c) ? open : closed)(c, next), {
      permission,
    });
  };
}

const LOOPBACK = /^(?:::ffff:)?127\.|^::1$/;
/** A proxy on this machine adds one of them: what it passes on comes from elsewhere. */
const FORWARDED = [
  'forwarded',
  'via',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-real-ip',
];

function isLocal(c: Context): boolean {
  const env = c.env as { incoming?: { socket?: { remoteAddress?: string } } } | undefined;
  const remote = env?.incoming?.socket?.remoteAddress ?? '';
  return LOOPBACK.test(remote) && FORWARDED.every((name) => c.req.header(name) === undefined);
}
