import type { MiddlewareHandler } from 'hono';
import { MurmurationError } from '../../shared/errors/index.ts';
import { addressOf, type Meter, type Metered } from '../access/guard.ts';
import type { Caller } from '../access/principal.ts';
import { problemResponse } from './problem.ts';

const WINDOW_MS = 60_000;
/** Keys counted in one window; beyond it, new ones wait for the next. About 10 MB. */
const MAX_KEYS = 100_000;

export interface Taken {
  /** Milliseconds to wait, or 0 when this one is let through. */
  readonly waitMs: number;
  /** How many more there are before the window ends. */
  readonly remaining: number;
  /** Until the window ends. */
  readonly resetMs: number;
}

/** Counts by key, in windows; shared by all replicas where there are several. */
export interface RateCounter {
  take(key: string, limit: number, windowMs: number): Promise<Taken>;
}

/** Counts in this process. */
export function localRateCounter(nowMs: () => number): RateCounter {
  const windows = new Map<number, { startMs: number; readonly counts: Map<string, number> }>();
  const windowOf = (windowMs: number, now: number) => {
    let window = windows.get(windowMs);
    if (window === undefined) {
      window = { startMs: now, counts: new Map() };
      windows.set(windowMs, window);
    } else if (now - window.startMs >= windowMs) {
      window.startMs = now;
      window.counts.clear();
    }
    return window;
  };
  return {
    async take(key, limit, windowMs) {
      const now = nowMs();
      const { startMs, counts } = windowOf(windowMs, now);
      const resetMs = startMs + windowMs - now;
      const count = counts.get(key) ?? 0;
      if (count >= limit || (count === 0 && counts.size >= MAX_KEYS)) {
        return { waitMs: resetMs, remaining: 0, resetMs };
      }
      counts.set(key, count + 1);
      return { waitMs: 0, remaining: limit - count - 1, resetMs };
    },
  };
}

export interface MeterOptions {
  readonly counter: RateCounter;
  /** For each principal; and for each address, of those who show nothing. */
  readonly requestsPerMinute: number;
  /** From one address, credentials that are not good. */
  readonly failuresPerMinute?: number;
}

const FAILURES_PER_MINUTE = 60;

/** Counts every request that comes to a guard, and credentials that were not good at any door. */
export function createMeter({
  counter,
  requestsPerMinute,
  failuresPerMinute = FAILURES_PER_MINUTE,
}: MeterOptions): Meter {
  return {
    async request(caller) {
      const taken = await counter.take(`request ${whoOf(caller)}`, requestsPerMinute, WINDOW_MS);
      return metered(taken, requestsPerMinute, 'Too many requests.');
    },
    async failure(address) {
      const taken = await counter.take(`failure ${address}`, failuresPerMinute, WINDOW_MS);
      return metered(taken, failuresPerMinute, 'Too many credentials from this address were not good.');
    },
  };
}

export interface RateLimitOptions {
  readonly counter: RateCounter;
  /** Tells what is limited from what else is. */
  readonly name: string;
  readonly perMinute: number;
  readonly trustProxy: boolean;
}

/** Lets each principal, and each address of those who show nothing, do something so often. Stands after the guard, if any. */
export function rateLimit({ counter, name, perMinute, trustProxy }: RateLimitOptions): MiddlewareHandler {
  return async (c, next) => {
    const caller: Caller | undefined = c.get('caller');
    const who = caller === undefined ? addressOf(c, trustProxy) : whoOf(caller);
    const taken = await counter.take(`${name} ${who}`, perMinute, WINDOW_MS);
    const { headers, refusal } = metered(taken, perMinute, 'Too many requests.');
    if (refusal !== undefined) return problemResponse(refusal, headers);
    return next();
  };
}

/** For doors without routes: the same count as of a {@link rateLimit} of this name. @returns what throws `wire.rate-limited`. */
export function callLimit({
  counter,
  name,
  perMinute,
}: Omit<RateLimitOptions, 'trustProxy'>): (caller: Caller) => Promise<void> {
  return async (caller) => {
    const taken = await counter.take(`${name} ${whoOf(caller)}`, perMinute, WINDOW_MS);
    const { refusal } = metered(taken, perMinute, 'Too many requests.');
    if (refusal !== undefined) throw refusal;
  };
}

/** By whom requests are counted. */
export function whoOf({ principal, origin }: Caller): string {
  return principal.kind === 'anonymous' ? origin.address : principal.name;
}

/** Header fields by draft-ietf-httpapi-ratelimit-headers-10; Retry-After by RFC 9110, section 10.2.3. */
function metered({ waitMs, remaining, resetMs }: Taken, limit: number, summary: string): Metered {
  const seconds = Math.ceil(Math.max(waitMs, resetMs) / 1000);
  const headers = {
    'ratelimit-policy': `"minute";q=${limit};w=${WINDOW_MS / 1000}`,
    ratelimit: `"minute";r=${remaining};t=${seconds}`,
  };
  if (waitMs === 0) return { headers, refusal: undefined, waitMs };
  const refusal = new MurmurationError('wire.rate-limited', summary, {
    expected: `at most ${limit} a minute`,
    remedy: `Try again in ${seconds} seconds.`,
  });
  return { headers: { ...headers, 'retry-after': String(seconds) }, refusal, waitMs };
}
