import { setTimeout as wait } from 'node:timers/promises';
import { z } from 'zod';
import { check, MurmurationError } from '../../shared/errors/index.ts';
import type { NewKey } from '../access/access-service.ts';
import { keyReport, type MadeKey } from './create-key.ts';
import { failed, passed, type Report, reportOf, warned } from './report.ts';

/** A server that runs, and who asks it. */
export interface RemoteServer {
  readonly url: string;
  /** An operator's key. */
  readonly key: string;
}

const REQUEST_TIMEOUT_MS = 30_000;
const POLL_MS = 500;

const drainState = z.object({ draining: z.boolean(), empty: z.boolean(), roundsUnderWay: z.number() });
const madeKey = z.object({
  secret: z.string(),
  key: z.object({
    id: z.string(),
    role: z.enum(['participant', 'owner', 'operator', 'auditor']),
    expiresAtMs: z.number().nullable(),
  }),
});
const health = z.object({
  status: z.string(),
  components: z.record(z.string(), z.unknown()).optional(),
});

export async function remoteHealth(server: RemoteServer, nowMs: number): Promise<Report> {
  const body = await ask(server, 'GET', '/api/system/health', undefined);
  const { status } = parsed(health, body);
  const one = status === 'healthy' || status === 'ok' ? passed : status === 'degraded' ? warned : failed;
  return reportOf('health-check', nowMs, [one('server', `It says: ${status}.`)], { health: body });
}

/** Asks it to begin no more rounds, and waits until those under way are over. */
export async function remoteDrain(
  server: RemoteServer,
  { on, waitMs, nowMs }: { readonly on: boolean; readonly waitMs: number; readonly nowMs: number },
): Promise<Report> {
  let state = parsed(drainState, await ask(server, on ? 'POST' : 'DELETE', '/api/system/drain', undefined));
  const endMs = performance.now() + waitMs;
  while (on && !state.empty && performance.now() < endMs) {
    await wait(POLL_MS);
    state = parsed(drainState, await ask(server, 'GET', '/api/system/drain', undefined));
  }
  const name = 'drain';
  if (!on) return reportOf(name, nowMs, [passed(name, 'Rounds may start again.')]);
  const detail = `${state.roundsUnderWay} rounds are still under way after ${waitMs / 1000} s.`;
  return reportOf(name, nowMs, [
    state.empty ? passed(name, 'Empty: no round is under way.') : failed(name, detail),
  ]);
}

export async function remoteKey(server: RemoteServer, order: NewKey, nowMs: number): Promise<MadeKey> {
  const { key, secret } = parsed(madeKey, await ask(server, 'POST', '/api/keys', order));
  return { report: keyReport(key, nowMs), secret };
}

async function ask(
  { url, key }: RemoteServer,
  method: string,
  path: string,
  body: unknown,
): Promise<unknown> {
  let response: Response;
  try {
    response = await fetch(new URL(path, url), {
      method,
      headers: {
        authorization: `Bearer ${key}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      redirect: 'error',
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    });
  } catch (cause) {
    throw new MurmurationError('http.unavailable', 'The server does not answer.', {
      expected: `an answer from ${new URL(url).origin}`,
      remedy: 'Check the address, and that it runs.',
      cause,
    });
  }
  const text = await response.text();
  check(response.ok || response.status === 503, 'http.unavailable', 'The server refused.', {
    received: `status ${response.status}${codeOf(text)}`,
    remedy: 'Check the key and what it may do.',
  });
  return jsonOf(text);
}

/** The code of problem details (RFC 9457). */
function codeOf(text: string): string {
  const code = z.object({ code: z.string().max(64) }).safeParse(jsonOf(text));
  return code.success ? `, ${code.data.code}` : '';
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined; // no JSON: what is expected of it will be missed by name
  }
}

function parsed<T>(schema: z.ZodType<T>, body: unknown): T {
  const result = schema.safeParse(body);
  check(result.success, 'http.unavailable', 'The server answers in another way than this program expects.', {
    remedy: 'Use the commands of the version that runs there.',
  });
  return result.data;
}
