import { randomBytes } from 'node:crypto';
import { FRAME_KIND, RELAY_HEADER_BYTES } from '../../shared/transport/hub-frames.ts';
import type { Crowd } from './crowd.ts';

export interface RelayLoad {
  readonly perSecond: number;
  readonly seconds: number;
  /** Before the messages that count. */
  readonly warmUpSeconds: number;
  /** After so long without any, what did not come is lost. */
  readonly silentMs?: number;
}

export interface RelayResult {
  readonly perSecond: number;
  readonly sent: number;
  readonly lost: number;
  /** From when a message was due, whatever held its sender up, to when its receiver had it. Sorted. */
  readonly latencyMs: Percentiles;
  /** From when a message was due to when it was handed to the socket: what of the above is the fault of who measures. */
  readonly sentLateMs: Percentiles;
  /** Of the server, for each message, without what it takes at rest. */
  readonly processorUs: number;
  /** Of the server, all of it, as a share of the core. */
  readonly busy: number;
}

export interface Percentiles {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

const TICK_MS = 1;
/** Of the payload; the mean is what a relayed part of a small update has. */
const [SHORTEST, LONGEST] = [256, 1024];
const SIZES = 61; // coprime to the size of any crowd that is made here, so that everybody sends all of them

/**
 * Messages between neighbours of a crowd at a fixed rate, by the clock: a message that could not be sent in time is late from
 * when it was due, so a server that stops for a second is not asked less meanwhile (coordinated omission).
 * @param atRest share of the core that the server takes without any messages.
 * @param crowd with an even number of members; the 2n-th and the one after it are in one federation.
 */
export async function loadRelay(
  crowd: Crowd,
  { perSecond, seconds, warmUpSeconds, silentMs = 5000 }: RelayLoad,
  processorMs: () => number,
  atRest: number,
): Promise<RelayResult> {
  const { members } = crowd;
  const first = perSecond * warmUpSeconds;
  const total = first + perSecond * seconds;
  const latencies = new Float64Array(total).fill(Number.NaN);
  const lateness = new Float64Array(total);
  const payloads = Array.from({ length: SIZES }, (_, i) =>
    randomBytes(Math.round(SHORTEST + ((LONGEST - SHORTEST) * i) / (SIZES - 1))),
  );
  const startMs = performance.now();
  const dueMs = (index: number): number => startMs + (1000 * index) / perSecond;
  let received = 0;
  let lastMs = startMs;
  crowd.onRelay = (_to, frame) => {
    const index = frame.readUInt32LE(RELAY_HEADER_BYTES);
    lastMs = performance.now();
    latencies[index] = lastMs - dueMs(index);
    received++;
  };

  const send = (index: number): void => {
    const from = index % members.length;
    const payload = payloads[index % SIZES]!;
    const frame = Buffer.allocUnsafe(RELAY_HEADER_BYTES + payload.length);
    frame[0] = FRAME_KIND.relay;
    frame.set(members[from ^ 1]!.idBytes, 1);
    frame.set(payload, RELAY_HEADER_BYTES);
    frame.writeUInt32LE(index, RELAY_HEADER_BYTES);
    lateness[index] = performance.now() - dueMs(index);
    members[from]!.socket.send(frame);
  };

  let sent = 0;
  let usedBeforeMs = 0;
  let beganMs = startMs;
  await new Promise<void>((resolve) => {
    const tick = (): void => {
      const nowMs = performance.now();
      while (sent < total && dueMs(sent) <= nowMs) {
        if (sent === first) [usedBeforeMs, beganMs] = [processorMs(), nowMs];
        send(sent++);
      }
      if (sent < total || (received < total && nowMs - lastMs < silentMs)) setTimeout(tick, TICK_MS);
      else resolve();
    };
    tick();
  });
  const usedMs = processorMs() - usedBeforeMs;
  const tookMs = performance.now() - beganMs;
  const counted = latencies.subarray(first).filter((ms) => !Number.isNaN(ms));
  return {
    perSecond,
    sent: total - first,
    lost: total - first - counted.length,
    latencyMs: percentilesOf(counted),
    sentLateMs: percentilesOf(lateness.subarray(first)),
    processorUs: (1000 * (usedMs - atRest * tookMs)) / (total - first),
    busy: usedMs / tookMs,
  };
}

/** Nearest rank. */
export function percentilesOf(values: Float64Array): Percentiles {
  const sorted = values.slice().sort();
  const at = (share: number): number =>
    sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
  return { p50: at(0.5), p99: at(0.99), p999: at(0.999), max: at(1) };
}
