import { expose } from 'comlink';
import { type ErrorRecord, toErrorRecord } from '../../../shared/errors/index.ts';
import { FULL_PACE, type PaceLimits } from '../../../shared/training/pace.ts';
import { rtcConnectorOver } from '../net/rtc-bridge.ts';
import { type RunningSession, runSession, type SnapshotUpdate } from './run-session.ts';
import type { JoinOptions, PauseReason } from './snapshot.ts';

/** The session's worker: the engine, its sockets and its storage live here; WebRTC comes over `rtcPort`. */
let pace = FULL_PACE;
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
      const connector = rtcConnectorOver(rtcPort);
      slot.session = await runSession(options, connector, onUpdate, pace, slot.controller.signal);
      slot.session.setPace(pace);
      return { ok: true };
    } catch (thrown) {
      if (current === slot) current = undefined;
      return { ok: false, error: toErrorRecord(thrown) };
    }
  },
  async pause(because?: PauseReason): Promise<void> {
    current?.session?.pause(because);
  },
  async resume(): Promise<void> {
    current?.session?.resume();
  },
  /** Holds for sessions to come too. */
  async setPace(limits: PaceLimits): Promise<void> {
    pace = limits;
    current?.session?.setPace(limits);
  },
  async token(): Promise<string | undefined> {
    return current?.session?.token();
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
