import type { MiddlewareHandler } from 'hono';

/** A host name or address with an optional port, as a Host header or an origin carries it. */
const HOST = /^(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?$/i;

/**
 * The page may load and talk to this server only. WebRTC is not subject to a content security policy.
 * Styles need no 'unsafe-inline': Lit adopts constructed style sheets, and uPlot sets properties from script.
 */
export function contentSecurityPolicy(
  host: string | undefined,
  more: { readonly scripts?: readonly string[]; readonly styles?: readonly string[] } = {},
): string {
  // 'self' covers the WebSocket too in current browsers, but not in older ones.
  const sockets = host !== undefined && HOST.test(host) ? ` ws://${host} wss://${host}` : '';
  return [
    "default-src 'none'",
    ["script-src 'self' 'wasm-unsafe-eval'", ...(more.scripts ?? [])].join(' '),
    "worker-src 'self'",
    `connect-src 'self'${sockets}`,
    "img-src 'self' data: blob:",
    ["style-src 'self'", ...(more.styles ?? [])].join(' '),
    "font-src 'self'",
    "manifest-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}

const FIXED = {
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'geolocation=(), payment=(), usb=(), serial=(), midi=(), display-capture=()',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
} as const;
const ONE_YEAR_SECONDS = 31_536_000;

/** @param publicOrigin Where browsers see this server; undefined: where the request says it was sent. */
export function securityHeaders(publicOrigin: string | undefined): MiddlewareHandler {
  const publicHost = publicOrigin === undefined ? undefined : new URL(publicOrigin).host;
  return async (c, next) => {
    await next();
    for (const [name, value] of Object.entries(FIXED)) c.res.headers.set(name, value);
    // A page with a script of its own has said so.
    if (!c.res.headers.has('content-security-policy')) {
      const policy = contentSecurityPolicy(publicHost ?? c.req.header('host'));
      c.res.headers.set('content-security-policy', policy);
    }
    if (publicOrigin?.startsWith('https:')) {
      c.res.headers.set('strict-transport-security', `max-age=${ONE_YEAR_SECONDS}`);
    }
  };
}
