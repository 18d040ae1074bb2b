import type { JoinOptions, SessionSnapshot } from '../session/snapshot.ts';
import type { SessionService, Unsubscribe } from './services.ts';
import { isActive } from './session-words.ts';

const KEY = 'murmuration.session';

/**
 * The session, whose code (WebRTC, round engine, training) is loaded when somebody joins. A tab that was in a
 * session when it was reloaded goes on with it: what it joined is kept for as long as the tab lives.
 */
export function lazySession(connect: () => Promise<SessionService>, tab: Storage): SessionService & {
  /** Rejoins after a reload, if this tab was in a session. Resolves to whether it was. */
  resumeAfterReload(): Promise<boolean>;
} {
  let current: SessionSnapshot | undefined;
  let connected: Promise<SessionService> | undefined;
  const listeners = new Set<(snapshot: SessionSnapshot | undefined) => void>();

  const session = (): Promise<SessionService> => {
    connected ??= connect().then(
      (service) => {
        service.subscribe((snapshot) => {
          current = snapshot;
          if (snapshot !== undefined && snapshot.phase.name === 'finished') tab.removeItem(KEY);
          for (const listener of listeners) listener(snapshot);
        });
        return service;
      },
      (error: unknown) => {
        connected = undefined;
        throw error;
      },
    );
    return connected;
  };

  const join = async (options: JoinOptions): Promise<void> => {
    await (await session()).join(options);
    tab.setItem(KEY, JSON.stringify(options));
  };

  return {
    join,
    async pause() {
      await (await session()).pause();
    },
    async resume() {
      await (await session()).resume();
    },
    async leave() {
      tab.removeItem(KEY);
      if (connected !== undefined) await (await connected).leave();
    },
    snapshot: async () => current,
    subscribe(listener): Unsubscribe {
      listeners.add(listener);
      if (current !== undefined) listener(current);
      return () => listeners.delete(listener);
    },
    async resumeAfterReload() {
      const stored = tab.getItem(KEY);
      if (stored === null || (current !== undefined && isActive(current.phase))) return false;
      tab.removeItem(KEY);
      await join(JSON.parse(stored) as JoinOptions);
      return true;
    },
  };
}
