import type { Clock } from '../transport/clock.ts';
import {
  type FramePipe,
  LOW_WATER_BYTES,
  MAX_HEADER_BYTES,
  MAX_PAYLOAD_BYTES,
} from '../transport/frame-pipe.ts';
import { createPipeInlet } from '../transport/pipe-inlet.ts';
import type { Path } from '../transport/port.ts';

export interface MemoryPipeOptions {
  readonly clock: Clock;
  readonly path?: Path;
  readonly latencyMs?: number;
  /** How fast frames leave; unlimited if absent. */
  readonly bytesPerMs?: number;
}

export interface MemoryPipePair {
  readonly a: FramePipe;
  readonly b: FramePipe;
  /** What has not arrived is lost. The far end learns of it after `noticeMs`, if ever. */
  cut(noticeMs?: { readonly a?: number; readonly b?: number }): void;
}

/** Two ends of a pipe in one process: reliable and in order until it is closed or cut. */
export function memoryPipePair(options: MemoryPipeOptions): MemoryPipePair {
  const { clock } = options;
  const a = createEnd(options, () => b);
  const b = createEnd(options, () => a);
  return {
    a: a.pipe,
    b: b.pipe,
    cut({ a: noticeA = 0, b: noticeB = 0 } = {}) {
      a.sever();
      b.sever();
      for (const [end, noticeMs] of [
        [a, noticeA],
        [b, noticeB],
      ] as const) {
        if (noticeMs === 0) end.pipe.close();
        else if (noticeMs < Infinity) clock.after(noticeMs, () => end.pipe.close());
      }
    },
  };
}

interface End {
  readonly pipe: FramePipe;
  sever(): void;
  deliver(frame: Uint8Array<ArrayBuffer>): void;
  closedByPeer(): void;
}

function createEnd(options: MemoryPipeOptions, other: () => End): End {
  const { clock, path = 'direct', latencyMs = 1, bytesPerMs = Infinity } = options;
  const inlet = createPipeInlet();
  let buffered = 0;
  let freeAtMs = clock.nowMs();
  let severed = false;
  const departures = createLine(clock);
  const arrivals = createLine(clock);

  const pipe: FramePipe = {
    path,
    maxFrameBytes: MAX_PAYLOAD_BYTES + MAX_HEADER_BYTES,
    overheadBytes: 0,
    get bufferedBytes() {
      return buffered;
    },
    send(frame) {
      if (inlet.closed || severed) return;
      freeAtMs = Math.max(freeAtMs, clock.nowMs()) + frame.length / bytesPerMs;
      if (freeAtMs > clock.nowMs()) {
        buffered += frame.length;
        departures.add(freeAtMs, () => {
          const before = buffered;
          buffered -= frame.length;
          if (before > LOW_WATER_BYTES && buffered <= LOW_WATER_BYTES) inlet.drain();
        });
      }
      arrivals.add(freeAtMs + latencyMs, () => other().deliver(frame));
    },
    open: (handlers) => inlet.open(handlers),
    close() {
      if (!inlet.close()) return;
      if (severed) return;
      arrivals.add(Math.max(freeAtMs, clock.nowMs()) + latencyMs, () => other().closedByPeer());
    },
  };

  return {
    pipe,
    sever() {
      severed = true;
      departures.clear();
      arrivals.clear();
    },
    deliver: (frame) => inlet.frame(frame),
    closedByPeer() {
      inlet.close();
    },
  };
}

interface Line {
  add(atMs: number, action: () => void): void;
  clear(): void;
}

/** First in, first out: host timers of unequal delays may fire in another order than they are due. */
function createLine(clock: Clock): Line {
  let actions: (() => void)[] = [];
  let cancels: (() => void)[] = [];
  return {
    add(atMs, action) {
      actions.push(action);
      const cancel = clock.after(atMs - clock.nowMs(), () => {
        cancels = cancels.filter((other) => other !== cancel);
        actions.shift()?.();
      });
      cancels.push(cancel);
    },
    clear() {
      for (const cancel of cancels) cancel();
      actions = [];
      cancels = [];
    },
  };
}
