import type { Clock } from './clock.ts';

/** Paths between two participants, best first. */
export type PeerPath = 'direct' | 'relay';

export interface LadderLimits {
  /** How long a direct connection may take; for the first, nothing else is tried meanwhile. */
  readonly directTimeoutMs: number;
  readonly relayTimeoutMs: number;
  /** Waits before a path that failed is tried again; the last one repeats. */
  readonly retryMs: readonly number[];
  /** A pipe that dies younger than this counts as a failed attempt: repaired at once the first time, not again. */
  readonly stableMs: number;
  /** The side that does not initiate waits this long for a path before it asks, and again before each repeat. */
  readonly askMs: number;
  readonly lostAfterMs: number;
}

export const LADDER_LIMITS: LadderLimits = {
  directTimeoutMs: 8_000,
  relayTimeoutMs: 5_000,
  retryMs: [5_000, 15_000, 60_000],
  stableMs: 3_000,
  askMs: 3_000,
  lostAfterMs: 10_000,
};

export interface LadderOptions {
  readonly initiator: boolean;
  /** Paths that the federation, the user and this device allow. */
  readonly paths: ReadonlySet<PeerPath>;
  readonly clock: Clock;
  readonly limits: LadderLimits;
  /**
   * Calls back when one more direct attempt may run. @returns what ends the wait or frees the place.
   */
  readonly takePlace: (start: () => void) => () => void;
  /** Begins an attempt; `ready` or `failed` follows, or `abandon` is called. Initiator only. */
  readonly attempt: (path: PeerPath) => void;
  readonly abandon: (path: PeerPath) => void;
  /** Has the initiator try. */
  readonly ask: () => void;
  /** No path for too long. */
  readonly onLost: () => void;
}

/**
 * Which ways to one peer are tried when. Down at once when a path dies, up again with patience. Only one side
 * initiates, so that attempts never cross.
 */
export interface Ladder {
  /**
   * The hub is open and the peer is there.
   * @param renewed it was started again, says the hub: try as if there were no pipes, but keep those that live.
   */
  reachable(renewed?: boolean): void;
  /** The peer left the hub. Without a direct pipe it is lost. */
  departed(): void;
  /** The hub is closed: direct pipes go on. */
  unreachable(): void;
  ready(path: PeerPath): void;
  /** A pipe that had been ready is gone. */
  closed(path: PeerPath): void;
  /** @param declined the other side does not take this path at all. */
  failed(path: PeerPath, declined?: boolean): void;
  asked(): void;
  /** The peer said goodbye: rest until it is reachable anew. */
  rest(): void;
}

interface Rung {
  pipes: number;
  upSinceMs: number;
  failures: number;
  diedYoung: boolean;
  /** Set while an attempt runs or waits for its place. */
  cancelAttempt: (() => void) | undefined;
  /** Set while waiting to try again. */
  cancelRetry: (() => void) | undefined;
  declined: boolean;
}

export function createLadder(options: LadderOptions): Ladder {
  const { initiator, paths, clock, limits } = options;
  const rungs: Record<PeerPath, Rung> = { direct: createRung(), relay: createRung() };
  let canSignal = false;
  let wasUp = false;
  /** The hub said that the peer left, and not since that it came back. */
  let isGone = false;
  /** The direct path may still have its first seconds to itself. */
  let isFirst = true;
  let isRenewed = false;
  let cancelLost: (() => void) | undefined;
  let cancelAsk: (() => void) | undefined;

  const isUp = (): boolean => rungs.direct.pipes + rungs.relay.pipes > 0;

  return {
    reachable(renewed = false) {
      canSignal = true;
      isGone = false;
      isFirst ||= renewed;
      isRenewed ||= renewed;
      for (const rung of Object.values(rungs)) {
        rung.declined = false;
        forgive(rung);
      }
      climb();
    },
    departed() {
      canSignal = false;
      isGone = true;
      stopAttempts();
      if (!isUp()) lose();
    },
    unreachable() {
      canSignal = false;
      stopAttempts();
    },
    ready(path) {
      const rung = rungs[path];
      endAttempt(rung);
      rung.pipes++;
      rung.upSinceMs = clock.nowMs();
      wasUp = true;
      isRenewed = false;
      cancelLost?.();
      cancelLost = undefined;
      cancelAsk?.();
      cancelAsk = undefined;
      // A better path makes the attempt at a worse one idle.
      if (path === 'direct' && rungs.relay.cancelAttempt !== undefined) abandon('relay');
    },
    closed(path) {
      const rung = rungs[path];
      if (rung.pipes === 0 || --rung.pipes > 0) return;
      if (rungs.direct.cancelAttempt === undefined) isFirst = false;
      const isStable = clock.nowMs() - rung.upSinceMs >= limits.stableMs;
      if (isStable) forgive(rung);
      else if (rung.diedYoung) postpone(path);
      rung.diedYoung = !isStable;
      if (!isUp() && wasUp) {
        if (isGone) return lose();
        cancelLost ??= clock.after(limits.lostAfterMs, lose);
        if (!initiator && canSignal) ask();
      }
      climb();
    },
    failed(path, declined = false) {
      endAttempt(rungs[path]);
      rungs[path].declined ||= declined;
      isFirst = false;
      postpone(path);
      climb();
    },
    asked() {
      if (!initiator || !canSignal) return;
      // Asked before the newest pipe was up there too; if that is not so, it asks again.
      const isRecent = (rung: Rung): boolean =>
        rung.pipes > 0 && clock.nowMs() - rung.upSinceMs < limits.askMs;
      if (Object.values(rungs).some(isRecent)) return;
      for (const path of paths) {
        // The other side knows best that a pipe is dead; but it does not get to hurry a failing path.
        if (rungs[path].failures === 0) rungs[path].cancelRetry?.();
        if (rungs[path].cancelAttempt === undefined && rungs[path].failures === 0) begin(path);
      }
      climb();
    },
    rest() {
      canSignal = false;
      wasUp = false;
      isFirst = true;
      stopAttempts();
      for (const rung of Object.values(rungs)) rung.pipes = 0;
      cancelLost?.();
      cancelLost = undefined;
    },
  };

  function climb(): void {
    if (!canSignal) return;
    if (!initiator) {
      if (!isUp()) cancelAsk ??= clock.after(limits.directTimeoutMs + limits.askMs, ask);
      return;
    }
    const { direct } = rungs;
    if (isOpenTo('direct') && (direct.pipes === 0 || isRenewed)) begin('direct');
    const firstChance = isFirst && direct.cancelAttempt !== undefined;
    if (isOpenTo('relay') && (!isUp() || isRenewed) && !firstChance) begin('relay');
  }

  function isOpenTo(path: PeerPath): boolean {
    const rung = rungs[path];
    return (
      paths.has(path) && !rung.declined && rung.cancelAttempt === undefined && rung.cancelRetry === undefined
    );
  }

  function begin(path: PeerPath): void {
    const rung = rungs[path];
    rung.cancelRetry?.();
    rung.cancelRetry = undefined;
    let cancelTimer = (): void => undefined;
    let free = (): void => undefined;
    rung.cancelAttempt = () => {
      cancelTimer();
      free();
    };
    const start = (): void => {
      const timeoutMs = path === 'direct' ? limits.directTimeoutMs : limits.relayTimeoutMs;
      cancelTimer = clock.after(timeoutMs, () => {
        abandon(path);
        isFirst = false;
        postpone(path);
        climb();
      });
      options.attempt(path);
    };
    if (path === 'direct') free = options.takePlace(start);
    else start();
    // An attempt may have ended before its place was known.
    if (rung.cancelAttempt === undefined) free();
  }

  function abandon(path: PeerPath): void {
    endAttempt(rungs[path]);
    options.abandon(path);
  }

  function endAttempt(rung: Rung): void {
    const cancel = rung.cancelAttempt;
    rung.cancelAttempt = undefined;
    cancel?.();
  }

  function postpone(path: PeerPath): void {
    const rung = rungs[path];
    rung.cancelRetry?.();
    const waitMs = limits.retryMs[Math.min(rung.failures, limits.retryMs.length - 1)] ?? 60_000;
    rung.failures++;
    rung.cancelRetry = clock.after(waitMs, () => {
      rung.cancelRetry = undefined;
      climb();
    });
  }

  function forgive(rung: Rung): void {
    rung.cancelRetry?.();
    rung.cancelRetry = undefined;
    rung.failures = 0;
  }

  function ask(): void {
    cancelAsk?.();
    cancelAsk = undefined;
    if (!canSignal || isUp()) return;
    options.ask();
    cancelAsk = clock.after(limits.askMs, ask);
  }

  function stopAttempts(): void {
    cancelAsk?.();
    cancelAsk = undefined;
    for (const path of ['direct', 'relay'] as const) {
      forgive(rungs[path]);
      if (rungs[path].cancelAttempt !== undefined) abandon(path);
    }
  }

  function lose(): void {
    cancelLost?.();
    cancelLost = undefined;
    if (!wasUp) return;
    wasUp = false;
    isFirst = true;
    options.onLost();
    climb();
  }
}

function createRung(): Rung {
  return {
    pipes: 0,
    upSinceMs: 0,
    failures: 0,
    diedYoung: false,
    cancelAttempt: undefined,
    cancelRetry: undefined,
    declined: false,
  };
}
