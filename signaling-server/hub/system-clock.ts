import type { Clock } from '../../shared/transport/clock.ts';

/** The machine's clock; its timers do not keep a stopping process alive. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
};
