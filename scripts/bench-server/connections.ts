import { setTimeout as delay } from 'node:timers/promises';
import type { Crowd } from './crowd.ts';
import type { ProcessUnderTest } from './process-under-test.ts';
import { type Percentiles, percentilesOf } from './relay.ts';

export interface ConnectionsResult {
  readonly count: number;
  readonly connectMs: number;
  readonly perSecond: number;
  readonly handshakeMs: Percentiles;
  /** Of the server, for each connection: the handshake, and telling the others. */
  readonly processorUs: number;
  /** What the process grew by, for each connection. */
  readonly bytesEach: number;
  /** Processor time that everybody being there takes, as a share of the core: heartbeats, and what the server does anyway. */
  readonly atRest: number;
}

const REST_MS = 10_000;
/** What a process holds has settled once it changes by no more than this share in such a time. */
const SETTLED = { share: 0.005, ms: 5000, limitMs: 90_000 };

/**
 * @param warmUp a few others, who are there for a moment first: what starting leaves behind is collected, and the code compiled.
 * @returns the crowd, connected, and what it cost.
 */
export async function measureConnections(
  server: ProcessUnderTest,
  warmUp: () => Promise<Crowd>,
  connect: () => Promise<Crowd>,
): Promise<{ readonly crowd: Crowd; readonly result: ConnectionsResult }> {
  await (await warmUp()).close();
  const before = { rss: await settledRss(server), processorMs: server.processorMs() };
  const crowd = await connect();
  const usedMs = server.processorMs() - before.processorMs;
  const bytesEach = ((await settledRss(server)) - before.rss) / crowd.members.length;
  const restMs = server.processorMs();
  await delay(REST_MS);
  const { length: count } = crowd.members;
  return {
    crowd,
    result: {
      count,
      connectMs: crowd.connectMs,
      perSecond: (1000 * count) / crowd.connectMs,
      handshakeMs: percentilesOf(Float64Array.from(crowd.handshakesMs)),
      processorUs: (1000 * usedMs) / count,
      bytesEach,
      atRest: (server.processorMs() - restMs) / REST_MS,
    },
  };
}

/** @returns what it holds once that no longer changes: garbage is collected, and its pages are given back. */
async function settledRss(server: ProcessUnderTest): Promise<number> {
  const endMs = performance.now() + SETTLED.limitMs;
  for (let before = server.rssBytes(); ; ) {
    await delay(SETTLED.ms);
    const now = server.rssBytes();
    if (Math.abs(now - before) <= SETTLED.share * before || performance.now() > endMs) return now;
    before = now;
  }
}
