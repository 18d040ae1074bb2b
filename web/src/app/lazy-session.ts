import type { PaceLimits } from '../../../shared/training/pace.ts';
import type { JoinOptions, PauseReason, SessionSnapshot } from '../session/snapshot.ts';
import type { PageSession, SessionService, Unsubscribe } from './services.ts';
import { isActive } from './session-words.ts';

const KEY = 'murmuration.session';

/** What a tab was doing when it was reloaded. */
interface Kept {
  readonly options: JoinOptions;
  readonly paused: boolean;
}

/**
 * The session, whose code (WebRTC, round engine, training) is loaded when somebody joins. A tab that was in a
 * session when it was reloaded goes on with it, paused if it was: `tab` lives as long as the tab does.
 */
export function lazySession(connect: () => Promise<SessionService>, tab: Storage): PageSession {
  let current: SessionSnapshot | undefined;
  let connected: Promise<SessionService> | undefined;
  let pace: PaceLimits | undefined;
  let datasetId: string | undefined;
  const listeners = new Set<(snapshot: SessionSnapshot | undefined) => void>();

  const keep = (kept: Kept | undefined): void => {
    if (kept === undefined) tab.removeItem(KEY);
    else tab.setItem(KEY, JSON.stringify(kept));
  };
  const kept = (): Kept | undefined => {
    const stored = tab.getItem(KEY);
    return stored === null ? undefined : (JSON.parse(stored) as Kept);
  };

  const session = (): Promise<SessionService> => {
    connected ??= connect().then(
      async (service) => {
        if (pace !== undefined) await service.setPace(pace);
        service.subscribe((snapshot) => {
          current = snapshot;
          if (snapshot?.phase.name === 'finished') keep(undefined);
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
    datasetId = options.datasetId;
    keep({ options, paused: false });
  };

  /** What a rule paused is not kept: after a reload the rule decides anew. */
  const setPaused = async (paused: boolean, because?: PauseReason): Promise<void> => {
    const service = await session();
    await (paused ? service.pause(because) : service.resume());
    const known = kept();
    if (known !== undefined) keep({ ...known, paused: paused && because === undefined });
  };

  const restore = async (): Promise<void> => {
    const known = kept();
    if (known === undefined) return;
    keep(undefined);
    await join(known.options);
    if (known.paused) await setPaused(true);
  };

  return {
    restored: restore(),
    get datasetId() {
      return datasetId;
    },
    join,
    pause: (because) => setPaused(true, because),
    resume: () => setPaused(false),
    async setPace(limits) {
      pace = limits;
      if (connected !== undefined) await (await connected).setPace(limits);
    },
    async leave() {
      keep(undefined);
      if (connected !== undefined) await (await connected).leave();
    },
    snapshot: async () => current,
    token: async () => (connected === undefined ? undefined : (await connected).token()),
    subscribe(listener): Unsubscribe {
      listeners.add(listener);
      if (current !== undefined) listener(current);
      return () => listeners.delete(listener);
    },
  };
}

/** Whether this tab takes part in a run now; a session that a reload interrupted is waited for. */
export async function isInSession(session: PageSession): Promise<boolean> {
  // Its failure is told to the person where the page starts.
  await session.restored.catch(() => undefined);
  const snapshot = await session.snapshot();
  return snapshot !== undefined && isActive(snapshot.phase);
}
