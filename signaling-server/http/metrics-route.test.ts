import { afterEach, beforeEach, expect, test } from 'vitest';
import { MurmurationError } from '../../shared/errors/index.ts';
import { createGuard } from '../access/guard.ts';
import { SYSTEM } from '../access/principal.ts';
import { createMetrics, type Metrics } from '../observe/metrics.ts';
import { createApi } from './endpoint.ts';
import { metricsRoute } from './metrics-route.ts';

let metrics: Metrics;
beforeEach(() => {
  metrics = createMetrics({ backlogThreshold: 1 });
});
afterEach(() => metrics.close());

/** The status with which somebody at this address is answered, who may nothing but what is public. */
async function ask(
  remoteAddress: string,
  headers: Record<string, string> = {},
  isPublic = false,
): Promise<number> {
  const api = createApi();
  const guard = createGuard({
    authenticate: async () => SYSTEM.principal,
    async authorize(_principal, permission) {
      if (permission !== 'public') throw new MurmurationError('http.forbidden', 'This is not for you.');
    },
    trustProxy: false,
  });
  metricsRoute(api, { metrics, guard, isPublic });
  const env = { incoming: { socket: { remoteAddress } } };
  return (await api.request('/metrics', { headers }, env)).status;
}

test.each(['127.0.0.1', '127.8.9.10', '::1', '::ffff:127.0.0.1'])('%s is this machine', async (address) => {
  expect(await ask(address)).toBe(200);
});

test.each(['10.0.0.1', '::ffff:10.0.0.1', '2001:db8::127', '', '128.127.0.1'])(
  'whoever asks from "%s" needs the scope',
  async (address) => {
    expect(await ask(address)).toBe(403);
    expect(await ask(address, {}, true)).toBe(200);
  },
);

test.each(['X-Forwarded-For', 'Forwarded', 'Via', 'X-Real-IP', 'X-Forwarded-Proto', 'X-Forwarded-Host'])(
  'what a proxy on this machine passes on, by its %s, comes from elsewhere',
  async (header) => expect(await ask('127.0.0.1', { [header]: '203.0.113.7' })).toBe(403),
);
