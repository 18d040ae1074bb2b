import { Hono } from 'hono';
import { describe, expect, test } from 'vitest';
import { contentSecurityPolicy, securityHeaders } from './security-headers.ts';

describe('the content security policy', () => {
  test('allows this server only: its scripts, WebAssembly, workers and sockets', () => {
    expect(contentSecurityPolicy('learn.example.org:8787').split('; ')).toEqual([
      "default-src 'none'",
      "script-src 'self' 'wasm-unsafe-eval'",
      "worker-src 'self'",
      "connect-src 'self' ws://learn.example.org:8787 wss://learn.example.org:8787",
      "img-src 'self' data: blob:",
      "style-src 'self'",
      "font-src 'self'",
      "manifest-src 'self'",
      "form-action 'self'",
      "base-uri 'none'",
      "frame-ancestors 'none'",
    ]);
  });

  test.each(['a.example; script-src *', 'a.example *', 'a.example/path', "'unsafe-eval'"])(
    'a Host header cannot add to it: %s',
    (host) => {
      expect(contentSecurityPolicy(host)).toBe(contentSecurityPolicy(undefined));
    },
  );
});

test('the public origin decides over the Host header, and HTTPS is to stay', async () => {
  const app = new Hono();
  app.use(securityHeaders('https://learn.example.org'));
  const { headers } = await app.request('/', { headers: { host: 'other.example' } });
  expect(headers.get('content-security-policy')).toContain('wss://learn.example.org;');
  expect(headers.get('content-security-policy')).not.toContain('other.example');
  expect(headers.get('strict-transport-security')).toBe('max-age=31536000');
});
