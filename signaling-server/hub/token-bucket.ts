/** A rate with bursts: holds up to `capacity` tokens, and gains `perSecond` of them. */
export interface TokenBucket {
  /**
   * Takes tokens, into debt if need be: what has arrived cannot be sent back.
   * @returns how long to wait, in ms, until the debt is paid; 0 when there is none.
   */
  take(amount: number, nowMs: number): number;
}

export function createTokenBucket(perSecond: number, capacity: number, startMs: number): TokenBucket {
  let tokens = capacity;
  let filledAtMs = startMs;
  return {
    take(amount, nowMs) {
      const elapsedMs = Math.max(0, nowMs - filledAtMs); // a clock may be set back
      tokens = Math.min(capacity, tokens + (elapsedMs / 1000) * perSecond) - amount;
      filledAtMs = nowMs;
      return tokens >= 0 ? 0 : Math.ceil((-tokens / perSecond) * 1000);
    },
  };
}
