import type { Context, MiddlewareHandler } from 'hono';
import { MurmurationError } from '../../shared/errors/index.ts';
import { problemResponse } from './problem.ts';

const WINDOW_MS = 60_000;
/** Addresses counted in one window; beyond it, new ones wait for the next. About 10 MB. */
const MAX_ADDRESSES = 100_000;

/** Counts per key in windows of a minute. */
export class WindowCounter {
  readonly #limit: number;
  readonly #counts = new Map<string, number>();
  #windowStartMs = -Infinity;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** @returns milliseconds to wait, or 0 when this one is let through. */
  take(key: string, nowMs: number): number {
    if (nowMs - this.#windowStartMs >= WINDOW_MS) {
      this.#windowStartMs = nowMs;
      this.#counts.clear();
    }
    const count = this.#counts.get(key) ?? 0;
    if (count >= this.#limit || (count === 0 && this.#counts.size >= MAX_ADDRESSES)) {
      return this.#windowStartMs + WINDOW_MS - nowMs;
    }
    this.#counts.set(key, count + 1);
    return 0;
  }
}

/** Lets each address send so many requests a minute. */
export function rateLimit(perMinute: number, trustProxy: boolean, nowMs: () => number): MiddlewareHandler {
  const counter = new WindowCounter(perMinute);
  return async (c, next) => {
    const waitMs = counter.take(addressOf(c, trustProxy), nowMs());
    if (waitMs === 0) return next();
    const seconds = Math.ceil(waitMs / 1000);
    const error = new MurmurationError('wire.rate-limited', 'Too many requests from this address.', {
      expected: `at most ${perMinute} a minute`,
      remedy: `Try again in ${seconds} seconds.`,
    });
    return problemResponse(error, { 'retry-after': String(seconds) });
  };
}

/** A proxy appends the address it saw; the entries before it are the client's own claims. */
function addressOf(c: Context, trustProxy: boolean): string {
  const forwarded = trustProxy ? c.req.header('x-forwarded-for')?.split(',').at(-1)?.trim() : undefined;
  const incoming = (c.env as { incoming?: { socket?: { remoteAddress?: string } } } | undefined)?.incoming;
  return forwarded ?? incoming?.socket?.remoteAddress ?? 'unknown';
}
