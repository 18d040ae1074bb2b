/**
 * How much of the time training takes. Between two steps it rests, so that a person's device stays usable, and
 * rests more when its steps have become slow: a device that throttles itself is hot, or busy with other work.
 */
export interface PaceLimits {
  /** Most of the time that training may take, above 0, at most 1. */
  readonly maxDuty: number;
  /** Rest more while steps are slow. */
  readonly coolDown: boolean;
}

export const FULL_PACE: PaceLimits = { maxDuty: 1, coolDown: false };

export interface PaceState {
  /** Durations of the newest steps, at most {@link WINDOW}. */
  readonly window: readonly number[];
  /** The smallest median of a full window so far: what a step takes on a cool, idle device. */
  readonly floorMs: number | undefined;
  /** Training time, without rests, since steps became slow; 0 while they are not. */
  readonly slowMs: number;
  /** They have been slow for long. */
  readonly slowed: boolean;
}

export const INITIAL_PACE: PaceState = { window: [], floorMs: undefined, slowMs: 0, slowed: false };

/** Enough that a short last batch, or one pause of the garbage collector, does not move the median. */
const WINDOW = 15;
const SLOW_FACTOR = 1.5;
/** Lower than the bound above, or it would switch to and fro. */
const RECOVERED_FACTOR = 1.2;
/** A moment of other work is no heat. */
const LONG_MS = 10_000;
/** Slow for this long is how fast the device now is, perhaps to save power: that becomes the floor. */
const RESIGNED_MS = 300_000;
const SLOWED_DUTY = 0.5;

/** Takes note of a step. @returns the next state, and how long to rest for it. */
export function pace(
  state: PaceState,
  limits: PaceLimits,
  stepMs: number,
): { readonly state: PaceState; readonly restMs: number } {
  const next = observe(state, stepMs);
  const duty = limits.maxDuty * (limits.coolDown && next.slowed ? SLOWED_DUTY : 1);
  return { state: next, restMs: stepMs * (1 / duty - 1) };
}

function observe(state: PaceState, stepMs: number): PaceState {
  const window = [...state.window, stepMs].slice(-WINDOW);
  if (window.length < WINDOW) return { ...state, window };
  const medianMs = [...window].sort((a, b) => a - b)[WINDOW >> 1]!;
  const floorMs = Math.min(state.floorMs ?? medianMs, medianMs);
  const factor = medianMs / floorMs;
  if (!state.slowed) {
    const slowMs = factor > SLOW_FACTOR ? state.slowMs + stepMs : 0;
    return slowMs < LONG_MS
      ? { window, floorMs, slowMs, slowed: false }
      : { window, floorMs, slowMs: 0, slowed: true };
  }
  const slowMs = state.slowMs + stepMs;
  if (factor <= RECOVERED_FACTOR) return { window, floorMs, slowMs: 0, slowed: false };
  return slowMs < RESIGNED_MS
    ? { window, floorMs, slowMs, slowed: true }
    : { window, floorMs: medianMs, slowMs: 0, slowed: false };
}

/** Rests between steps for as long as {@link pace} says, and ends at once with the signal. */
export interface Pacer {
  afterStep(stepMs: number, signal: AbortSignal): Promise<void>;
}

/** Timers are coarse: rests are saved up until one is worth setting. */
const MIN_REST_MS = 20;

/**
 * @param limits asked after every step, so that a change holds from the next one on.
 * @param onSlowed told when rests begin or end because steps are slow.
 */
export function createPacer(
  limits: () => PaceLimits,
  onSlowed: (slowed: boolean) => void,
  rest: (restMs: number, signal: AbortSignal) => Promise<void> = restFor,
): Pacer {
  let state = INITIAL_PACE;
  let owedMs = 0;
  return {
    async afterStep(stepMs, signal) {
      const current = limits();
      const { slowed } = state;
      const next = pace(state, current, stepMs);
      state = next.state;
      if (current.coolDown && state.slowed !== slowed) onSlowed(state.slowed);
      owedMs = next.restMs === 0 ? 0 : owedMs + next.restMs;
      if (owedMs < MIN_REST_MS) return;
      const restMs = owedMs;
      owedMs = 0;
      await rest(restMs, signal);
    },
  };
}

function restFor(restMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, restMs);
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  });
}
