import { proxy, transfer, wrap } from 'comlink';
import { fromErrorRecord, MurmurationError } from '../../../shared/errors/index.ts';
import type { PaceLimits } from '../../../shared/training/pace.ts';
import type { RoundRecord } from '../../../shared/wire/index.ts';
import { type RtcService, serveRtc } from '../net/rtc-service.ts';
import type { SnapshotUpdate } from './run-session.ts';
import type { JoinOptions, SessionApi, SessionSnapshot } from './snapshot.ts';
import type { SessionWorkerApi } from './worker.ts';

/** The page's side of the session worker. */
export interface SessionClient extends SessionApi {
  subscribe(listener: (snapshot: SessionSnapshot | undefined) => void): () => void;
}

/** The worker starts with the first join. @throws (from its methods) MurmurationErrors. */
export function connectSession(): SessionClient {
  const listeners = new Set<(snapshot: SessionSnapshot | undefined) => void>();
  const records = new Map<number, RoundRecord>();
  let snapshot: SessionSnapshot | undefined;
  let worker: ReturnType<typeof startWorker> | undefined;
  let rtc: RtcService | undefined;
  let pace: PaceLimits | undefined;
  /** Updates of an earlier join that arrive late are not shown. */
  let joins = 0;

  function show(next: SessionSnapshot | undefined): void {
    snapshot = next;
    for (const listener of listeners) listener(next);
  }

  function take(update: SnapshotUpdate): void {
    for (const record of update.changedRecords) records.set(record.round, record);
    const known = snapshot?.records ?? [];
    const sorted =
      update.changedRecords.length === 0 ? known : [...records.values()].sort((a, b) => a.round - b.round);
    show({ ...update.snapshot, records: sorted });
  }

  async function leave(): Promise<void> {
    joins++;
    await worker?.remote.leave();
    rtc?.close();
    rtc = undefined;
    show(undefined);
  }

  return {
    async join(options: JoinOptions) {
      await leave();
      records.clear();
      if (worker === undefined) {
        worker = startWorker();
        if (pace !== undefined) void worker.remote.setPace(pace);
      }
      const join = joins;
      const { port1, port2 } = new MessageChannel();
      rtc = serveRtc(port1);
      const onUpdate = proxy((update: SnapshotUpdate) => {
        if (join === joins) take(update);
      });
      const outcome = await Promise.race([
        worker.remote.join(options, transfer(port2, [port2]), onUpdate),
        worker.death,
      ]);
      if (!outcome.ok) throw fromErrorRecord(outcome.error);
    },
    async pause(because) {
      await worker?.remote.pause(because);
    },
    async setPace(limits) {
      pace = limits;
      await worker?.remote.setPace(limits);
    },
    async resume() {
      await worker?.remote.resume();
    },
    leave,
    snapshot: async () => snapshot,
    token: async () => worker?.remote.token(),
    subscribe(listener) {
      listeners.add(listener);
      listener(snapshot);
      return () => listeners.delete(listener);
    },
  };
}

function startWorker() {
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module', name: 'session' });
  const death = new Promise<never>((_, reject) => {
    worker.addEventListener('error', (event) => {
      reject(
        new MurmurationError('internal', 'The session worker failed.', {
          received: event.message,
          remedy: 'Reload the page.',
        }),
      );
    });
  });
  death.catch(() => undefined);
  return { remote: wrap<SessionWorkerApi>(worker), death };
}
