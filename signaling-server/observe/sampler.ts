import type { Logger } from 'pino';
import { toErrorRecord } from '../../shared/errors/index.ts';
import type { Sample } from '../alerts/rules.ts';
import type { BlobStore } from '../storage/blob-store.ts';
import type { Database } from '../storage/database.ts';
import type { WatchedCertificate } from './certificates.ts';
import type { FeedLag } from './metrics.ts';

export interface SamplerOptions {
  readonly database: Pick<Database, 'ping'>;
  readonly blobs: Pick<BlobStore, 'put' | 'delete'>;
  /** Jobs that are due and wait. */
  readonly queueBacklog: () => Promise<number>;
  readonly certificates: () => Promise<readonly WatchedCertificate[]>;
  readonly feedLag: () => Promise<FeedLag>;
  /** Lags are undefined where they could not be read. */
  readonly onSample: (sample: Sample, feeds: FeedLag | undefined) => void;
  readonly log: Pick<Logger, 'warn'>;
  readonly everyMs?: number;
  /** An answer that takes longer counts as none. */
  readonly patienceMs?: number;
  readonly nowMs?: () => number;
}

const EVERY_MS = 15_000;
const PATIENCE_MS = 8_000;
/** Stored and deleted again: nothing of it stays. */
const PROBE = new TextEncoder().encode('murmuration: can models be stored?');

export interface Sampler {
  /** One sample, now. Resolves when it was handed on. */
  sample(): Promise<void>;
  close(): Promise<void>;
}

/** Measures what nobody tells of, now and then; the next sample waits until the one before is done. */
export function startSampler(options: SamplerOptions): Sampler {
  const { database, blobs, onSample, log, nowMs = Date.now } = options;
  const { everyMs = EVERY_MS, patienceMs = PATIENCE_MS } = options;
  let current: Promise<void> | undefined;
  let said = '';

  async function measure(): Promise<void> {
    const atMs = nowMs();
    const [ping, put, queueBacklog, certificates, feeds] = await Promise.all([
      outcome(database.ping()),
      outcome(blobs.put(PROBE).then(blobs.delete)),
      outcome(options.queueBacklog()),
      outcome(options.certificates()),
      outcome(options.feedLag()),
    ]);
    say({ database: ping, blobs: put, queueBacklog, certificates, feeds });
    onSample(
      {
        atMs,
        databaseUp: ping.code === undefined,
        blobsUp: put.code === undefined,
        queueBacklog: queueBacklog.value,
        certificates: certificates.value,
      },
      feeds.value,
    );
  }

  function outcome<T>(work: Promise<T>): Promise<Outcome<T>> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<Outcome<T>>((settle) => {
      timer = setTimeout(() => settle({ code: 'transport.timed-out' }), patienceMs);
    });
    const came = work.then(
      (value): Outcome<T> => ({ value }),
      (thrown: unknown): Outcome<T> => ({ code: toErrorRecord(thrown).code }),
    );
    return Promise.race([came, late]).finally(() => clearTimeout(timer));
  }

  /** A line when something changes, not one for each sample. */
  function say(outcomes: Readonly<Record<string, Outcome<unknown>>>): void {
    const bad = Object.entries(outcomes).flatMap(([name, { code }]) =>
      code === undefined ? [] : [[name, code]],
    );
    const now = JSON.stringify(bad);
    if (bad.length > 0 && now !== said)
      log.warn({ failed: Object.fromEntries(bad) }, 'not all could be measured');
    said = now;
  }

  const sample = (): Promise<void> => {
    current ??= measure().finally(() => {
      current = undefined;
    });
    return current;
  };
  const timer = setInterval(() => void sample(), everyMs);
  timer.unref();
  return {
    sample,
    async close() {
      clearInterval(timer);
      await current;
    },
  };
}

interface Outcome<T> {
  readonly value?: T;
  readonly code?: string;
}
