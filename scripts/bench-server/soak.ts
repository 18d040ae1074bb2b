import { setTimeout as delay } from 'node:timers/promises';
import {
  serverFederation,
  simulateParticipant,
} from '../../signaling-server/testing/simulated-participant.ts';
import { quantile } from '../table.ts';
import { ask, readMetric } from './ask.ts';
import { type Credentials, connectCrowd, joinHub } from './crowd.ts';
import type { ProcessUnderTest } from './process-under-test.ts';
import { loadRelay } from './relay.ts';
import { crowdFederation, type SeededData } from './seeded.ts';
import { type Trend, trendOf } from './trend.ts';

export interface SoakResult {
  /** The median of each minute. */
  readonly rssByMinute: readonly number[];
  /** At the end of each minute, of the main thread: with what is garbage by then. */
  readonly heapByMinute: readonly number[];
  readonly trend: Trend | undefined;
  readonly rounds: number;
  readonly relayed: number;
  readonly lost: number;
  readonly connections: number;
  readonly requests: number;
}

/** Participants that a soak needs. */
export const SOAKING = 400;
const STEADY = SOAKING / 2;
const RELAYED_PER_SECOND = 500;
const VISITS_PER_SECOND = 5;
const VISIT_MS = 10_000;
const REQUESTS_PER_SECOND = 20;
const TRAINERS = 3;
/** So long that the rounds of an hour keep no more models than a disk takes. */
const TRAIN_MS = 2000;
const SAMPLES_PER_MINUTE = 60;

/**
 * A modest load that goes on: people come, go and come back, pass frames on, ask, and train in rounds. Those who come again are the
 * same ones: what a server keeps of everybody who was ever there is a matter of rows, not of memory.
 */
export async function soak(
  server: ProcessUnderTest,
  seeded: SeededData,
  credentials: readonly Credentials[],
  minutes: number,
): Promise<SoakResult> {
  const { url } = server;
  const federation = serverFederation('soak', 100_000);
  await ask(`${url}/api/federations`, { body: federation });
  const { id: run } = (await ask(`${url}/api/federations/soak/run`)) as { id: string };
  let rounds = 0;
  const trainers = Array.from({ length: TRAINERS }, (_, i) =>
    simulateParticipant({
      ...{ origin: url, federation, run, trainMs: TRAIN_MS },
      ...(i === 0 ? { onRecord: () => void rounds++ } : {}),
    }),
  );
  const steady = await connectCrowd(url, credentials.slice(0, STEADY), () => crowdFederation(0));
  const visitors = credentials.slice(STEADY, SOAKING);
  const count = { connections: STEADY + TRAINERS, requests: 0 };
  const over = new AbortController();

  const visit = async (i: number): Promise<void> => {
    const visitor = visitors[i % visitors.length]!;
    const { socket } = await joinHub(url, visitor, crowdFederation(1 + (i % 4)), () => undefined);
    count.connections++;
    setTimeout(() => socket.close(), VISIT_MS).unref();
  };
  const paths = [
    `/api/federations/${seeded.federation}`,
    `/api/runs/${seeded.run}`,
    `/api/runs/${seeded.run}/rounds?limit=100`,
    `/api/runs/${seeded.run}/models/${seeded.version}`,
    '/api/federations',
  ];
  const request = async (i: number): Promise<void> => {
    const response = await fetch(`${url}${paths[i % paths.length]}`);
    await response.arrayBuffer();
    if (!response.ok) throw new Error(`${response.url} answered ${response.status}.`);
    count.requests++;
  };
  const rssByMinute: number[] = [];
  const heapByMinute: number[] = [];
  const sample = async (): Promise<void> => {
    while (rssByMinute.length < minutes && !over.signal.aborted) {
      const samples: number[] = [];
      while (samples.length < SAMPLES_PER_MINUTE && !over.signal.aborted) {
        await delay(60_000 / SAMPLES_PER_MINUTE);
        samples.push(server.rssBytes());
      }
      rssByMinute.push(quantile(samples, 0.5));
      heapByMinute.push(await readMetric(url, 'nodejs_heap_size_used_bytes'));
    }
    over.abort();
  };

  try {
    const load = { perSecond: RELAYED_PER_SECOND, seconds: 60 * minutes, warmUpSeconds: 0 };
    const [relayed] = await Promise.all([
      loadRelay(steady, load, server.processorMs, 0),
      sample(),
      repeat(VISITS_PER_SECOND, over.signal, visit),
      repeat(REQUESTS_PER_SECOND, over.signal, request),
    ]);
    const { sent, lost } = relayed;
    return {
      ...{ rssByMinute, heapByMinute, trend: trendOf(rssByMinute), rounds },
      relayed: sent,
      lost,
      ...count,
    };
  } finally {
    over.abort();
    await Promise.all(trainers.map((trainer) => trainer.close()));
    await steady.close();
  }
}

/** Does something so often until it is over; one that takes longer delays the next. */
async function repeat(
  perSecond: number,
  over: AbortSignal,
  work: (index: number) => Promise<void>,
): Promise<void> {
  const startMs = performance.now();
  for (let i = 0; !over.aborted; i++) {
    const dueMs = startMs + (1000 * i) / perSecond;
    if (dueMs > performance.now()) await delay(dueMs - performance.now());
    await work(i);
  }
}
