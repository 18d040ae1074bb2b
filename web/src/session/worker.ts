import { expose } from 'comlink';
import { type ErrorRecord, toErrorRecord } from '../../../shared/errors/index.ts';
import { rtcConnectorOver } from '../net/rtc-bridge.ts';
import { type RunningSession, runSession, type SnapshotUpdate } from './run-session.ts';
import type { JoinOptions } from './snapshot.ts';

/** The session's worker: the engine, its sockets and its storage live here; WebRTC comes over `rtcPort`. */
let current: { readonly controller: AbortController; session: RunningSession | undefined } | undefined;

export type Outcome = { readonly ok: true } | { readonly ok: false; readonly error: ErrorRecord };

const api = {
  async join(
    options: JoinOptions,
    rtcPort: MessagePort,
    onUpdate: (update: SnapshotUpdate) => void,
  ): Promise<Outcome> {
    await api.leave();
    const slot = { controller: new AbortController(), session: undefined as RunningSession | undefined };
    current = slot;
    try {
      slot.session = await runSession(options, rtcConnectorOver(rtcPort), onUpdate, slot.controller.signal);
      return { ok: true };
    } catch (thrown) {
      if (current === slot) current = undefined;
      return { ok: false, error: toErrorRecord(thrown) };
    }
  },
  async pause(): Promise<void> {
    current?.session?.pause();
  },
  async resume(): Promise<void> {
    current?.session?.resume();
  },
  async leave(): Promise<void> {
    const slot = current;
    current = undefined;
    slot?.controller.abort();
    await slot?.session?.leave();
  },
};

export type SessionWorkerApi = typeof api;
expose(api);
