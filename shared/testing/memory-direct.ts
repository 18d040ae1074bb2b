import { MurmurationError } from '../errors/index.ts';
import type { Clock } from '../transport/clock.ts';
import type { DirectConnector } from '../transport/direct-connector.ts';
import type { FramePipe } from '../transport/frame-pipe.ts';
import { type MemoryPipePair, memoryPipePair } from './memory-pipe.ts';

/** Stands in for WebRTC within one process: an offer and an answer make a pipe. */
export interface MemoryDirect {
  /** Serves any number of participants. */
  readonly connector: DirectConnector;
  /** While set, attempts never come to anything, as behind a strict NAT. */
  blocked: boolean;
  /** Attempts begun by either side so far, and those neither finished nor closed. */
  readonly attempts: number;
  readonly open: number;
  /** Every pipe breaks; both ends notice after so long. */
  cutAll(noticeMs?: number): void;
}

export function createMemoryDirect(options: {
  readonly clock: Clock;
  readonly latencyMs?: number;
  readonly bytesPerMs?: number;
}): MemoryDirect {
  /** Initiators' attempts by the name in their offer, and what answers to them hand over. */
  const offered = new Map<string, (pipe: FramePipe) => void>();
  const answered = new Map<string, FramePipe>();
  let live: MemoryPipePair[] = [];
  let made = 0;
  let attempts = 0;
  let open = 0;

  const direct: MemoryDirect = {
    blocked: false,
    get attempts() {
      return attempts;
    },
    get open() {
      return open;
    },
    cutAll(noticeMs = 0) {
      const pairs = live;
      live = [];
      for (const pair of pairs) pair.cut({ a: noticeMs, b: noticeMs });
    },
    connector: {
      connect({ initiator, onSignal }) {
        attempts++;
        open++;
        const name = `memory-${made++}`;
        let over = false;
        const settle = (): boolean => {
          if (over) return false;
          over = true;
          open--;
          return true;
        };
        let resolve: (pipe: FramePipe) => void;
        let reject: (error: Error) => void;
        const pipe = new Promise<FramePipe>((onPipe, onFailure) => {
          resolve = onPipe;
          reject = onFailure;
        });
        if (initiator) {
          offered.set(name, (given) => {
            if (settle()) resolve(given);
            else given.close();
          });
          if (!direct.blocked) onSignal({ kind: 'offer', body: name });
        }
        return {
          pipe,
          signalIn({ kind, body }) {
            if (kind === 'offer' && settle()) {
              const pair = memoryPipePair({ ...options, path: 'direct' });
              live.push(pair);
              answered.set(body, pair.a);
              resolve(pair.b);
              onSignal({ kind: 'answer', body });
            } else if (kind === 'answer') {
              const given = answered.get(body);
              if (given !== undefined) offered.get(body)?.(given);
            }
          },
          close() {
            if (settle()) reject(new MurmurationError('transport.unreachable', 'The attempt was given up.'));
          },
        };
      },
    },
  };
  return direct;
}
